import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRng } from '@gestalt3d/core';
import { StepMissingError } from '../errors.ts';
import { writeAtomically } from '../files.ts';
import type { ObjectEntry, Split } from '../job.ts';
import { describePackage, TRAINING_PACKAGES } from '../packages.ts';
import { splitOf } from '../split.ts';
import { readZip, writeZip } from '../zip.ts';
import { drawBackground } from './draw-background.ts';
import { photographPanorama, readPanoramas } from './environments.ts';
import { type FinishedObject, readIndex } from './finished-index.ts';
import type { ObjectList, RenderSettings, Sources } from './prepare.ts';
import { readEmoji } from './read-emoji.ts';
import { indexFile, renderedFile } from './render-objects.ts';
import { Sheet } from './sheet.ts';
import { spreadColours } from './spread-colours.ts';

/** A pack must travel: no more bytes than this. */
export const MAX_PACK_BYTES = 45_000_000;
/** Kept free for pack.json and the archive's directory. */
const RESERVED_BYTES = 2_500_000;

const SHEET_COLUMNS = 8;
const SHEET_TILES = 32;
const VIEWS_OF_A_PANORAMA = 30;
const DRAWN_BACKGROUNDS = 900;
const QUALITY = { emoji: 85, backgrounds: 75 } as const;

/** Source of a cut-out, as numbered in the packs. */
export const SOURCE_NAMES = ['furniture', 'procedural', 'emoji'] as const;

/** One object as packs and manifest describe it. */
export interface PackedObject {
  id: string;
  name: string;
  split: Split;
  licence: string;
  author: string;
  package: string;
}

/** Pictures of a pack: tiles in rows of `columns`. A tile that is null is not to be used. */
interface CutoutSheet {
  file: string;
  columns: number;
  tiles: (null | { object: number; split: Split; source: number })[];
}

interface BackgroundSheet {
  file: string;
  columns: number;
  splits: Split[];
}

interface PackContext {
  signal: AbortSignal;
  onProgress?: (message: string) => void;
}

/**
 * Writes complete.pack, views.pack and manifest.json. The same renderings give the same packs.
 * @throws StepMissingError where nothing is rendered; DiskFullError, StorageError
 */
export async function writePacks(
  { objects, leftOut }: ObjectList,
  sources: Sources,
  rendered: string,
  out: string,
  settings: RenderSettings,
  context: PackContext,
): Promise<void> {
  const started = Date.now();
  const finished = await readIndex(indexFile(rendered));
  const usable = packingOrder(objects.filter(({ id }) => finished.get(id)?.ranges));
  if (usable.length === 0) throw new StepMissingError('rendered objects', rendered, 'render');
  const views = await writeViewsPack(usable, finished, rendered, join(out, 'views.pack'), settings, context);
  const complete = await writeCompletePack(usable, finished, rendered, sources, join(out, 'complete.pack'), settings, context);

  const reasons: Record<string, number> = { ...leftOut };
  const refused: { id: string; reason: string }[] = [];
  let clippedViews = 0;
  let strayTriangles = 0;
  for (const { id } of objects) {
    const entry = finished.get(id);
    if (entry?.reason) {
      const kind = entry.reason.replace(/:.*/, '');
      reasons[kind] = (reasons[kind] ?? 0) + 1;
      refused.push({ id, reason: entry.reason });
    }
    clippedViews += entry?.info?.views.filter(({ clipped }) => clipped).length ?? 0;
    strayTriangles += entry?.info?.stray ?? 0;
  }
  const manifest = {
    schemaVersion: 1,
    ...settings,
    packages: Object.values(TRAINING_PACKAGES).map((pinned) => ({ package: describePackage(pinned), sha256: pinned.sha256 })),
    counts: {
      objectsListed: objects.length,
      objectsNotRenderedYet: objects.filter(({ id }) => !finished.has(id)).length,
      objectsUsable: usable.length,
      clippedViewsLeftOut: clippedViews,
      strayTrianglesDropped: strayTriangles,
      bySplit: countBy(complete.objects, ({ split }) => split),
      byLicence: countBy(complete.objects, ({ licence }) => licence),
      leftOut: reasons,
    },
    packs: { complete: complete.summary, views: views.summary },
    refused,
    objects: complete.objects,
  };
  await writeAtomically(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`);
  context.onProgress?.(
    `complete.pack ${complete.summary.bytes} bytes, views.pack ${views.summary.bytes} bytes, ${usable.length} objects, packed in ${((Date.now() - started) / 1000).toFixed(0)} s`,
  );
}

/** Furniture first, then procedural objects by a hash of their id: where a pack is full, an even share of every family is in it. */
export function packingOrder(objects: readonly ObjectEntry[]): ObjectEntry[] {
  const key = ({ id, source }: ObjectEntry) => (source.kind === 'obj' ? '0' : `1${createHash('sha256').update(id).digest('hex')}`);
  const keyed = objects.map((object, i) => ({ object, key: key(object), i }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.i - b.i));
  return keyed.map(({ object }) => object);
}

function describe({ id, name, split, licence, author, package: origin }: ObjectEntry): PackedObject {
  return { id, name, split, licence, author, package: origin };
}

async function writeViewsPack(
  objects: readonly ObjectEntry[],
  finished: ReadonlyMap<string, FinishedObject>,
  rendered: string,
  path: string,
  { layout }: RenderSettings,
  { signal, onProgress }: PackContext,
) {
  const entries: [string, Uint8Array][] = [];
  const packed: (PackedObject & { yawDeg: number; views: unknown[] })[] = [];
  let bytes = RESERVED_BYTES;
  for (const object of objects) {
    signal.throwIfAborted();
    const sheets = readZip(await readFile(renderedFile(rendered, object.id)));
    const size = [...sheets.values()].reduce((sum, sheet) => sum + sheet.length + 140, 0);
    if (bytes + size > MAX_PACK_BYTES) break;
    bytes += size;
    const { info, ranges } = finished.get(object.id)!;
    for (const [name, sheet] of sheets) entries.push([`${packed.length}/${name}`, sheet]);
    packed.push({ ...describe(object), yawDeg: info!.yawDeg, views: info!.views.map((view, k) => ({ ...view, ...ranges![k]! })) });
  }
  const summary = {
    objects: packed.length,
    objectsThatDidNotFit: objects.length - packed.length,
    views: packed.reduce((sum, { views }) => sum + views.length, 0),
    bytes: 0,
  };
  const index = { schemaVersion: 1, kind: 'views', ...layout, rigColumns: 4, objects: packed };
  summary.bytes = await writePack(path, [['pack.json', utf8(JSON.stringify(index))], ...entries]);
  onProgress?.(`views.pack: ${packed.length} objects`);
  return { summary };
}

async function writeCompletePack(
  objects: readonly ObjectEntry[],
  finished: ReadonlyMap<string, FinishedObject>,
  rendered: string,
  sources: Sources,
  path: string,
  { seed, layout }: RenderSettings,
  { signal, onProgress }: PackContext,
) {
  const side = layout.pixels;
  const entries: [string, Uint8Array][] = [];
  const described: PackedObject[] = [];
  const cutouts: CutoutSheet[] = [];
  const backgrounds: BackgroundSheet[] = [];
  let bytes = RESERVED_BYTES;
  const addFile = (file: string, content: Uint8Array) => {
    entries.push([file, content]);
    bytes += content.length + 140;
  };

  // 1. backgrounds: photographs of panoramas, then drawn ones
  const rng = createRng(seed).fork('backgrounds');
  let tiles: { rgb: Uint8Array; split: Split }[] = [];
  const flushBackgrounds = async () => {
    if (tiles.length === 0) return;
    const sheet = new Sheet(SHEET_COLUMNS, Math.ceil(tiles.length / SHEET_COLUMNS), side, 3);
    for (const [i, { rgb }] of tiles.entries()) sheet.put(i, rgb);
    const file = `backgrounds/${backgrounds.length}.webp`;
    addFile(file, await sheet.toWebp({ quality: QUALITY.backgrounds }));
    backgrounds.push({ file, columns: SHEET_COLUMNS, splits: tiles.map(({ split }) => split) });
    tiles = [];
  };
  const addBackground = async (rgb: Uint8Array, split: Split) => {
    if (tiles.push({ rgb, split }) === SHEET_TILES) await flushBackgrounds();
  };
  for await (const panorama of readPanoramas(sources.environments)) {
    signal.throwIfAborted();
    const split = splitOf(`environment/${panorama.name}`);
    for (let i = 0; i < VIEWS_OF_A_PANORAMA; i++)
      await addBackground(photographPanorama(panorama, side, rng.fork(`${panorama.name} ${i}`)), split);
  }
  for (let i = 0; i < DRAWN_BACKGROUNDS; i++) {
    signal.throwIfAborted();
    await addBackground(drawBackground(side, rng.fork(i)), splitOf(`background/${i}`));
  }
  await flushBackgrounds();
  onProgress?.('complete.pack: backgrounds done');

  // 2. emoji
  let pictures: { object: number; split: Split; rgba: Uint8Array }[] = [];
  const flushEmoji = async () => {
    if (pictures.length === 0) return;
    const sheet = new Sheet(SHEET_COLUMNS, Math.ceil(pictures.length / SHEET_COLUMNS), side, 4);
    for (const [i, { rgba }] of pictures.entries()) sheet.put(i, spreadColours(rgba, side));
    const file = `emoji/${cutouts.length}.webp`;
    addFile(file, await sheet.toWebp({ quality: QUALITY.emoji }));
    cutouts.push({
      file,
      columns: SHEET_COLUMNS,
      tiles: pictures.map(({ object, split }) => ({ object, split, source: SOURCE_NAMES.indexOf('emoji') })),
    });
    pictures = [];
  };
  const emojiObjects = new Map<string, number>();
  for await (const { name, split, rgba } of readEmoji(sources.emoji, sources.emojiNames, side, signal)) {
    if (!emojiObjects.has(name)) {
      emojiObjects.set(name, described.length);
      described.push({
        id: `emoji/${name}`,
        name,
        split,
        licence: 'MIT',
        author: 'Microsoft (Fluent Emoji), packaged by LobeHub',
        package: describePackage(TRAINING_PACKAGES.emoji),
      });
    }
    if (pictures.push({ object: emojiObjects.get(name)!, split, rgba }) === SHEET_TILES) await flushEmoji();
  }
  await flushEmoji();
  onProgress?.('complete.pack: emoji done');

  // 3. views of objects, while there is room
  let didNotFit = 0;
  for (const [i, object] of objects.entries()) {
    signal.throwIfAborted();
    const sheet = readZip(await readFile(renderedFile(rendered, object.id)), (name) => name === 'inputs.webp').get('inputs.webp')!;
    if (bytes + sheet.length > MAX_PACK_BYTES) {
      didNotFit = objects.length - i;
      break;
    }
    const { views } = finished.get(object.id)!.info!;
    const source = SOURCE_NAMES.indexOf(object.source.kind === 'obj' ? 'furniture' : 'procedural');
    const file = `objects/${i}.webp`;
    addFile(file, sheet);
    cutouts.push({
      file,
      columns: layout.inputs,
      tiles: views.map(({ clipped }) => (clipped ? null : { object: described.length, split: object.split, source })),
    });
    described.push(describe(object));
  }
  const used = cutouts.flatMap((sheet) => sheet.tiles.filter((tile) => tile !== null));
  const summary = {
    objects: described.length,
    objectsThatDidNotFit: didNotFit,
    cutouts: used.length,
    cutoutsBySource: countBy(used, ({ source }) => SOURCE_NAMES[source]!),
    backgrounds: backgrounds.reduce((sum, { splits }) => sum + splits.length, 0),
    bytes: 0,
  };
  const index = { schemaVersion: 1, kind: 'complete', pixels: side, sources: SOURCE_NAMES, objects: described, cutouts, backgrounds };
  summary.bytes = await writePack(path, [['pack.json', utf8(JSON.stringify(index))], ...entries]);
  return { summary, objects: described };
}

async function writePack(path: string, entries: readonly (readonly [string, Uint8Array])[]): Promise<number> {
  const archive = writeZip(entries);
  if (archive.length > MAX_PACK_BYTES) throw new RangeError(`expected a pack of at most ${MAX_PACK_BYTES} bytes, got ${archive.length}`);
  await writeAtomically(path, archive);
  return archive.length;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}
