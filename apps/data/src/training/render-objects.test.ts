import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBrowser } from '../browser.ts';
import { FAMILIES } from '../families.ts';
import { readIndex } from './finished-index.ts';
import { listProcedural } from './list-procedural.ts';
import { indexFile, renderedFile, renderObjects } from './render-objects.ts';

const SETTINGS = { seed: 5, workers: 1, layout: { inputs: 2, pixels: 32, rigPixels: 32 }, quality: { inputs: 80, rig: 75 } };
let folder: string;
let available = false;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gestalt3d-render-'));
  try {
    await (await openBrowser()).close();
    available = true;
  } catch (error) {
    if (process.env.REQUIRE_BROWSER === '1') throw error;
    console.warn(`skipped: ${(error as Error).message}`);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('every family renders; an interrupted run goes on and ends with the same bytes as one that was not', {
  timeout: 300_000,
}, async (context) => {
  if (!available) context.skip();
  const objects = FAMILIES.map((family) => listProcedural(80).find(({ name }) => name === family)!);
  const whole = join(folder, 'whole');
  const { signal } = new AbortController();
  const finished = await renderObjects(objects, folder, whole, { ...SETTINGS, signal });
  expect([...finished.values()].filter(({ reason }) => reason)).toEqual([]);
  for (const { info } of finished.values()) {
    expect(info!.triangles).toBeGreaterThan(10);
    expect(info!.views.every(({ coverage, elevationDeg }) => coverage > 0.01 && elevationDeg >= -10 && elevationDeg <= 40)).toBe(true);
  }

  const pieces = join(folder, 'pieces');
  const interrupt = new AbortController();
  const onProgress = (done: number) => {
    if (done >= 4) interrupt.abort(new DOMException('enough', 'AbortError'));
  };
  await expect(renderObjects(objects, folder, pieces, { ...SETTINGS, signal: interrupt.signal, onProgress })).rejects.toThrow('enough');
  const kept = (await readIndex(indexFile(pieces))).size;
  expect(kept).toBeGreaterThanOrEqual(4);
  expect(kept).toBeLessThan(objects.length);
  let first: number | undefined;
  await renderObjects(objects, folder, pieces, { ...SETTINGS, workers: 2, signal, onProgress: (done) => (first ??= done) });
  expect(first).toBe(kept);
  for (const { id } of objects)
    expect(Buffer.compare(await readFile(renderedFile(pieces, id)), await readFile(renderedFile(whole, id))), id).toBe(0);
});
