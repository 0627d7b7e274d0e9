import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../exit-status.ts';
import { main } from '../main.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gestalt-pairs-'));
  await mkdir(join(folder, 'photos'));
  await mkdir(join(folder, 'empty'));
  const ball =
    '<svg width="240" height="180"><rect width="240" height="180" fill="#7d8a80"/><circle cx="118" cy="92" r="52" fill="#c22f22"/></svg>';
  await sharp(Buffer.from(ball)).blur(0.8).jpeg({ quality: 92 }).toFile(join(folder, 'photos/ball.jpg'));
  await writeFile(join(folder, 'photos/cut-short.jpg'), (await readFile(join(folder, 'photos/ball.jpg'))).subarray(0, 900));
  await writeFile(join(folder, 'photos/notes.txt'), 'no photograph');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const out = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') =>
    ({
      write: (text: string) => {
        out[name] += text;
        return true;
      },
    }) as unknown as NodeJS.WriteStream;
  const status = await main(['pairs', ...args], { stdout: stream('stdout'), stderr: stream('stderr') });
  return { status, ...out };
}
const photos = () => [
  '--images',
  join(folder, 'photos'),
  '--out',
  join(folder, 'out'),
  '--per-image',
  '2',
  '--size',
  '128',
  '--bands',
  '20-40,40-60',
];

describe('gestalt3d pairs', () => {
  it('makes pairs of a ball, skips what is no photograph, and keeps them the second time', async () => {
    const first = await run(...photos());
    expect(first.status, first.stderr).toBe(0);
    expect(first.stderr).toMatch(/! cut-short\.jpg skipped: .*! notes\.txt skipped: /s);
    expect(first.stderr).toMatch(
      /2 pairs of 1 object in 1 photograph \(0 kept from before, 0 without a fitting occluder, 2 files skipped\), [\d.]+ pairs\/s/,
    );
    const lines = (await readFile(join(folder, 'out/pairs.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ band }) => band)).toEqual([
      [0.2, 0.4],
      [0.4, 0.6],
    ]);
    for (const { id, hidden, band } of lines) {
      expect(hidden).toBeGreaterThanOrEqual(band[0]);
      expect(hidden).toBeLessThan(band[1]);
      for (const name of ['photo', 'modal', 'amodal', 'whole'])
        expect(await sharp(join(folder, `out/pairs/${id}/${name}.png`)).metadata()).toMatchObject({ width: 128, height: 128 });
    }
    expect((await sharp(join(folder, 'out/contact-sheet.png')).metadata()).width).toBeGreaterThan(400);

    const second = await run(...photos(), '--json');
    const events = second.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ kind: 'result', pairs: 2, reused: 2, proposeMs: null });
    expect(second.stderr).toBe('');
  }, 300_000);

  it.each([
    ['no folder named', () => [], EXIT.usage, /--images/],
    ['an empty folder', () => ['--images', join(folder, 'empty'), '--out', join(folder, 'o')], EXIT.input, /an empty one/],
    ['no such folder', () => ['--images', join(folder, 'nowhere'), '--out', join(folder, 'o')], EXIT.input, /no such folder/],
    ['pairs among the photographs', () => ['--images', folder, '--out', join(folder, 'o')], EXIT.usage, /--out/],
    ['a band that is none', () => [...photos(), '--bands', '40-20'], EXIT.usage, /band/],
    ['a word for a number', () => [...photos(), '--limit', 'two'], EXIT.usage, /--limit: expected a whole number, got "two"/],
  ] as const)('%s: says what is wrong', async (_, args, status, message) => {
    const result = await run(...args());
    expect(result.stderr).toMatch(message);
    expect(result.status).toBe(status);
    expect(result.stdout).toBe('');
  });
});
