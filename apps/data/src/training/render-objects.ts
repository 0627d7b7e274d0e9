import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createRng } from '@gestalt3d/core';
import { openBrowser } from '../browser.ts';
import { bundlePage } from '../bundle-page.ts';
import { writeAtomically } from '../files.ts';
import type { Layout, ObjectEntry, RenderedInfo, RenderJob } from '../job.ts';
import { servePage } from '../page-server.ts';
import { writeZip } from '../zip.ts';
import { encodeObject, type Quality } from './encode-object.ts';
import { appendToIndex, type FinishedObject, readIndex } from './finished-index.ts';
import { findFile } from './furniture.ts';

/** Objects a browser renders before it is replaced. */
const BROWSER_LIFE = 250;
/** An object that takes longer than this hangs its browser. */
const PATIENCE_MS = 180_000;
const ATTEMPTS = 2;
/** Smallest share of an input view that an object must cover in its best view. */
const MIN_COVERAGE = 0.01;

export interface RenderOptions {
  seed: number;
  workers: number;
  layout: Layout;
  quality: Quality;
  signal: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Where an object's sheets lie. */
export function renderedFile(folder: string, id: string): string {
  const digest = createHash('sha256').update(id).digest('hex');
  return join(folder, 'objects', digest.slice(0, 2), `${digest.slice(2, 18)}.zip`);
}

export const indexFile = (folder: string) => join(folder, 'index.jsonl');

/**
 * Renders every object that is not finished yet. Each object's pictures depend on the seed and its id alone, so order, workers and kills do not matter.
 * @param libraries folder of the unzipped furniture libraries
 * @param folder where sheets and the index of finished objects go
 * @throws BrowserMissingError, DiskFullError, StorageError
 */
export async function renderObjects(
  objects: readonly ObjectEntry[],
  libraries: string,
  folder: string,
  { seed, workers, layout, quality, signal, onProgress }: RenderOptions,
): Promise<Map<string, FinishedObject>> {
  const finished = await readIndex(indexFile(folder));
  const rng = createRng(seed);
  const queue = objects
    .map((object, index): RenderJob => ({ ...object, index, viewSeed: rng.fork(object.id).integer(2 ** 32) }))
    .filter(({ id }) => !finished.has(id))
    // shuffled, so that a pack of what is there so far is a fair sample
    .sort((a, b) => a.viewSeed - b.viewSeed);
  const total = objects.length;
  onProgress?.(total - queue.length, total);
  if (queue.length === 0) return finished;
  const attempts = new Map<string, number>();
  const inWork = new Map<number, RenderJob>();
  let failure: unknown;

  const finish = async (entry: FinishedObject) => {
    await appendToIndex(indexFile(folder), entry);
    finished.set(entry.id, entry);
    onProgress?.(objects.filter(({ id }) => finished.has(id)).length, total);
  };
  const result = async (query: URLSearchParams, body: Uint8Array) => {
    const worker = Number(query.get('worker'));
    const job = inWork.get(worker);
    if (!job || job.index !== Number(query.get('index'))) return;
    inWork.delete(worker);
    try {
      const error = query.get('error');
      if (error !== null) {
        await finish({ id: job.id, reason: `cannot be loaded: ${error}` });
        return;
      }
      const info = JSON.parse(query.get('info')!) as RenderedInfo;
      const reason = whyUseless(info);
      if (reason !== undefined) {
        await finish({ id: job.id, info, reason });
        return;
      }
      const { ranges, inputs, back, depth, rig } = await encodeObject(body, layout, quality);
      const sheets = { 'inputs.webp': inputs, 'back.webp': back, 'depth.webp': depth, 'rig.webp': rig };
      await writeAtomically(renderedFile(folder, job.id), writeZip(Object.entries(sheets)));
      await finish({ id: job.id, info, ranges });
    } catch (error) {
      failure ??= error;
    }
  };
  const next = (worker: number) => {
    if (failure || signal.aborted) return null;
    const job = queue.shift();
    if (job) inWork.set(worker, job);
    return job;
  };

  const server = await servePage({ script: await bundlePage('render-page'), find: (path) => findFile(libraries, path), next, result });
  const workUntilDone = async (worker: number) => {
    while (queue.length > 0 && !failure) {
      signal.throwIfAborted();
      await lendBrowser(server.url, worker, layout, signal, () => inWork.get(worker)?.id).catch((error) => {
        if (signal.aborted || (error as Error).name === 'BrowserMissingError') throw error;
        // it crashed or hung: the object in work is tried once more, by a fresh browser
      });
      const job = inWork.get(worker);
      if (!job) continue;
      inWork.delete(worker);
      const count = (attempts.get(job.id) ?? 0) + 1;
      attempts.set(job.id, count);
      if (count < ATTEMPTS) queue.push(job);
      else await finish({ id: job.id, reason: 'the browser crashed or hung' });
    }
  };
  try {
    const outcomes = await Promise.allSettled(Array.from({ length: workers }, (_, worker) => workUntilDone(worker)));
    signal.throwIfAborted();
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    if (failure) throw failure;
  } finally {
    server.close();
  }
  return finished;
}

/** Why an object's pictures are of no use; undefined for those that are. */
export function whyUseless({ triangles, views }: RenderedInfo): string | undefined {
  if (triangles === 0) return 'empty model';
  if (Math.max(...views.map(({ coverage }) => coverage)) < MIN_COVERAGE) return 'nothing to see';
  if (views.every(({ clipped }) => clipped)) return 'clips the frame in every view';
  return undefined;
}

/** One browser's life. */
async function lendBrowser(
  url: string,
  worker: number,
  layout: Layout,
  signal: AbortSignal,
  current: () => string | undefined,
): Promise<void> {
  const browser = await openBrowser();
  const end = () => void browser.close().catch(() => undefined);
  signal.addEventListener('abort', end, { once: true });
  let last = current();
  let since = Date.now();
  const watch = setInterval(() => {
    const now = current();
    if (now !== last) [last, since] = [now, Date.now()];
    else if (Date.now() - since > PATIENCE_MS) end();
  }, 1000);
  try {
    signal.throwIfAborted();
    const page = await browser.newPage();
    const crashed = new Promise<never>((_, reject) => page.on('crash', () => reject(new Error('the page crashed'))));
    await page.goto(url);
    const work = page.evaluate(
      ([w, l, life]) =>
        (globalThis as unknown as { gestaltRender: (worker: number, layout: Layout, limit: number) => Promise<void> }).gestaltRender(
          w,
          l,
          life,
        ),
      [worker, layout, BROWSER_LIFE] as const,
    );
    await Promise.race([work, crashed]);
  } finally {
    clearInterval(watch);
    signal.removeEventListener('abort', end);
    await browser.close().catch(() => undefined);
  }
}
