import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as mesh from './index.ts';

describe('README', () => {
  const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  it('names only what the package exports', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('| `'));
    const names = rows.flatMap((row) => [...row.split(' | ')[0].matchAll(/`(\w+)/g)].map((match) => match[1]));
    expect(names.length).toBeGreaterThan(15);
    for (const name of names) expect(mesh).toHaveProperty(name);
  });

  it('has an example that runs', async () => {
    const code = /```ts\n([\s\S]*?)```/.exec(text)![1];
    const body = code
      .replace(/^import .*$/gm, '')
      .replace('console.log(glb.length, sheet.width, utilisation, seen);', 'return { glb, sheet, utilisation, seen };');
    const core = await import('@gestalt3d/core');
    const AsyncFunction = (async () => {}).constructor as new (
      ...args: string[]
    ) => (core: object, api: object) => Promise<{ sheet: { width: number }; utilisation: number }>;
    const names = /import \{ ([^}]+) \} from '@gestalt3d\/mesh'/.exec(code)![1];
    const result = await new AsyncFunction('core', 'api', `const { orbitCamera, rigCameras } = core; const { ${names} } = api; ${body}`)(
      core,
      mesh,
    );
    expect(result.sheet.width).toBeGreaterThan(500);
    expect(result.utilisation).toBeGreaterThan(0.4);
  });
});
