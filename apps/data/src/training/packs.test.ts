import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRng } from '@gestalt3d/core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeAtomically } from '../files.ts';
import { BYTES_PER_PIXEL, type Layout, type ObjectEntry, type RenderedInfo, RIG } from '../job.ts';
import { readZip, writeZip } from '../zip.ts';
import { encodeObject } from './encode-object.ts';
import { appendToIndex, readIndex } from './finished-index.ts';
import { indexFile, renderedFile, whyUseless } from './render-objects.ts';
import { spreadColours } from './spread-colours.ts';
import { packingOrder, writePacks } from './write-packs.ts';

const LAYOUT: Layout = { inputs: 2, pixels: 32, rigPixels: 16 };
const QUALITY = { inputs: 80, rig: 75 };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gestalt3d-packs-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A disc of one colour whose front is a cone and whose back a plane, in the page's format. */
function discBytes([r, g, b]: [number, number, number]): Uint8Array {
  const { inputs, pixels: n, rigPixels } = LAYOUT;
  const view = new Uint8Array(n * n * BYTES_PER_PIXEL);
  const words = new Uint16Array(view.buffer, n * n * 4, n * n * 2);
  for (let i = 0; i < n * n; i++) {
    const radius = Math.hypot((i % n) - 15.5, Math.floor(i / n) - 15.5);
    if (radius > 12) continue;
    view.set([r, g, b, 255], i * 4);
    words[i] = Math.round(((radius / 24 - 0.4 + 1) / 2) * 65_535);
    words[n * n + i] = Math.round(((0.3 + 1) / 2) * 65_535);
    view.set([b, g, r, 255], n * n * 8 + i * 4);
  }
  const rig = new Uint8Array(rigPixels * rigPixels * 4).map((_, i) => (i % 4 === 3 ? 255 : [r, g, b][i % 4]!));
  return Uint8Array.from([...Array(inputs).fill(view), ...Array(RIG.count).fill(rig)].flatMap((part: Uint8Array) => Array.from(part)));
}

test('sheets: alpha exact, depth within half a step, colours near, none but the disc decides the colour around it', async () => {
  const { inputs, depth, back, ranges } = await encodeObject(discBytes([200, 60, 30]), LAYOUT, QUALITY);
  const n = LAYOUT.pixels;
  const pixels = async (webp: Uint8Array) => sharp(webp).raw().toBuffer({ resolveWithObject: true });
  const colour = await pixels(inputs);
  const depths = await pixels(depth);
  expect([colour.info.width, colour.info.height, colour.info.channels]).toEqual([2 * n, n, 4]);
  for (let i = 0; i < n * n; i++) {
    const [x, y] = [i % n, Math.floor(i / n)];
    const radius = Math.hypot(x - 15.5, y - 15.5);
    const at = y * 2 * n + x;
    expect(colour.data[at * 4 + 3]).toBe(radius > 12 ? 0 : 255);
    if (radius > 12) continue;
    expect(Math.abs(colour.data[at * 4]! - 200)).toBeLessThan(12);
    const { near, far } = ranges[0]!;
    const world = (channel: number) => near + ((far - near) * depths.data[at * 3 + channel]!) / 255;
    const halfStep = (far - near) / 510 + 2e-5;
    expect(Math.abs(world(1) - (radius / 24 - 0.4))).toBeLessThanOrEqual(halfStep);
    expect(Math.abs(world(2) - 0.3)).toBeLessThanOrEqual(halfStep);
  }
  const behind = await pixels(back);
  expect(Math.abs(behind.data[(16 * 2 * n + 16) * 3]! - 30)).toBeLessThan(12);
  await expect(encodeObject(new Uint8Array(10), LAYOUT, QUALITY)).rejects.toThrow(RangeError);
});

test('spreading colours leaves the object alone and fills all of the rest', () => {
  const rgba = new Uint8Array(16 * 16 * 4);
  rgba.set([10, 20, 30, 255], (5 * 16 + 5) * 4);
  const filled = spreadColours(rgba.slice(), 16);
  for (let i = 0; i < 256; i++) expect([...filled.subarray(i * 4, i * 4 + 3)]).toEqual([10, 20, 30]);
  expect(filled.filter((_, i) => i % 4 === 3)).toEqual(rgba.filter((_, i) => i % 4 === 3));
  expect(spreadColours(new Uint8Array(64), 4)).toEqual(new Uint8Array(64));
});

test('the index: later lines win, a torn line costs only its object', async () => {
  const path = join(folder, 'index.jsonl');
  await appendToIndex(path, { id: 'a', reason: 'x' });
  await appendToIndex(path, { id: 'b' });
  await appendToIndex(path, { id: 'a' });
  await appendFile(path, '\n{"id":"c","reas');
  expect([...(await readIndex(path)).values()]).toEqual([{ id: 'a' }, { id: 'b' }]);
  await appendToIndex(path, { id: 'd' });
  expect([...(await readIndex(path)).keys()]).toEqual(['a', 'b', 'd']);
});

const info = (views: [coverage: number, clipped: boolean][], triangles = 9): RenderedInfo => ({
  yawDeg: 0,
  stray: 0,
  triangles,
  views: views.map(([coverage, clipped]) => ({ step: 0, elevationDeg: 0, rollDeg: 0, distance: 1.5, focal: 1, coverage, clipped })),
});

test('objects of no use are named with the reason', () => {
  expect(whyUseless(info([], 0))).toBe('empty model');
  expect(whyUseless(info([[0.001, false]]))).toBe('nothing to see');
  expect(
    whyUseless(
      info([
        [0.5, true],
        [0.4, true],
      ]),
    ),
  ).toBe('clips the frame in every view');
  expect(
    whyUseless(
      info([
        [0.5, true],
        [0.4, false],
      ]),
    ),
  ).toBeUndefined();
});

function entryOf(id: string, kind: 'obj' | 'procedural'): ObjectEntry {
  const source =
    kind === 'obj' ? ({ kind, model: 'a/b.obj' } as const) : ({ kind, family: 'mug', seed: createRng(1).integer(100) } as const);
  return { id, split: 'train', name: id, licence: 'CC0-1.0', author: 'someone', package: 'a package', source };
}

test('packs and manifest: what was rendered is in them, the rest is counted, and the same again gives the same bytes', async () => {
  const objects = [entryOf('p/1', 'procedural'), entryOf('lib/chair', 'obj'), entryOf('lib/clipped', 'obj'), entryOf('lib/later', 'obj')];
  expect(
    packingOrder(objects)
      .map(({ id }) => id)
      .at(-1),
  ).toBe('p/1');
  const sources = { libraries: '', emoji: join(folder, 'emoji'), emojiNames: join(folder, 'names'), environments: join(folder, 'env') };
  for (const path of [join(sources.emoji, 'assets'), sources.emojiNames, join(sources.environments, 'hdri')])
    await mkdir(path, { recursive: true });
  const green = sharp({ create: { width: 40, height: 40, channels: 4, background: '#00ff00' } }).webp();
  await writeFile(join(sources.emoji, 'assets', '1f34e.webp'), await green.toBuffer());
  await writeFile(join(sources.emojiNames, 'data-by-emoji.json'), JSON.stringify({ '🍎': { name: 'red apple', group: 'Food & Drink' } }));
  const rendered = join(folder, 'rendered');
  for (const id of ['p/1', 'lib/chair']) {
    const { ranges, inputs, back, depth, rig } = await encodeObject(discBytes([20, 200, 90]), LAYOUT, QUALITY);
    const sheets = { 'inputs.webp': inputs, 'back.webp': back, 'depth.webp': depth, 'rig.webp': rig };
    await writeAtomically(renderedFile(rendered, id), writeZip(Object.entries(sheets)));
    const views: [number, boolean][] = [
      [0.4, false],
      [0.4, id === 'p/1'],
    ];
    await appendToIndex(indexFile(rendered), { id, info: info(views), ranges });
  }
  await appendToIndex(indexFile(rendered), { id: 'lib/clipped', reason: 'clips the frame in every view' });
  const { signal } = new AbortController();
  const settings = { seed: 1, layout: LAYOUT, quality: QUALITY };
  const write = async (out: string) => {
    await writePacks({ objects, leftOut: { staircase: 2 } }, sources, rendered, out, settings, { signal });
    return Promise.all(['complete.pack', 'views.pack', 'manifest.json'].map((name) => readFile(join(out, name))));
  };
  const [complete, views, manifestBytes] = await write(join(folder, 'one'));
  expect(await write(join(folder, 'two'))).toEqual([complete, views, manifestBytes]);

  const json = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
  const viewsIndex = json(readZip(views!).get('pack.json')!);
  expect(viewsIndex.objects.map(({ id }: { id: string }) => id)).toEqual(['lib/chair', 'p/1']);
  expect(viewsIndex.objects[1].views.map(({ clipped }: { clipped: boolean }) => clipped)).toEqual([false, true]);
  const files = readZip(complete!);
  const index = json(files.get('pack.json')!);
  expect(index.cutouts.map(({ file }: { file: string }) => files.has(file))).toEqual([true, true, true]);
  expect(index.cutouts.at(-1).tiles).toEqual([{ object: 2, split: 'train', source: 1 }, null]);
  const manifest = json(manifestBytes!);
  expect(manifest.counts).toMatchObject({
    objectsListed: 4,
    objectsNotRenderedYet: 1,
    objectsUsable: 2,
    clippedViewsLeftOut: 1,
    leftOut: { staircase: 2, 'clips the frame in every view': 1 },
    byLicence: { MIT: 1, 'CC0-1.0': 2 },
  });
  expect(manifest.refused).toEqual([{ id: 'lib/clipped', reason: 'clips the frame in every view' }]);
  expect(manifest.packs.complete.cutoutsBySource).toEqual({ emoji: 1, furniture: 2, procedural: 1 });
});
