import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

export type PageName = 'render-page' | 'scene-page';

/** One script, for a browser, of a module in page/. */
export async function bundlePage(name: PageName): Promise<string> {
  // compiled beside this file, or the source when tests run without a build
  const [compiled, source] = ['js', 'ts'].map((ending) => fileURLToPath(new URL(`./page/${name}.${ending}`, import.meta.url)));
  const result = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2022',
      minify: false,
      reportCompressedSize: false,
      lib: { entry: existsSync(compiled!) ? compiled! : source!, formats: ['iife'], name: 'gestaltPage' },
      rolldownOptions: { checks: { bundlerTimings: false } },
    },
  });
  const [first] = Array.isArray(result) ? result : [result];
  if (!first || !('output' in first)) throw new Error('the bundler watches instead of building');
  return first.output[0].code;
}
