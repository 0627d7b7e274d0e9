// Starts a headless Chromium that can do WebGL2 in software, and bundles the page's script.
import { build } from 'esbuild';

process.env.AWS_LAMBDA_JS_RUNTIME ??= 'nodejs20.x'; // makes the package unpack the shared libraries that it brings

export async function startBrowser() {
  const { default: chromium } = await import('@sparticuz/chromium');
  const { default: puppeteer } = await import('puppeteer-core');
  return puppeteer.launch({
    executablePath: await chromium.executablePath(),
    headless: 'shell',
    protocolTimeout: 6 * 3600 * 1000,
    args: [
      '--no-sandbox',
      '--use-gl=angle',
      '--use-angle=swiftshader',
      '--enable-unsafe-swiftshader',
      '--ignore-gpu-blocklist',
      '--js-flags=--max-old-space-size=3000',
    ],
  });
}

/** @param {string} entry @returns {Promise<string>} */
export async function bundle(entry) {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    preserveSymlinks: true,
  });
  return result.outputFiles[0].text;
}
