import {
  breathe,
  createRng,
  type FileStore,
  GestaltError,
  type Image,
  isAbort,
  type Prompt,
  type RgbImage,
  RunFolderError,
} from '@gestalt3d/core';
import type { OcclusionBand } from '../bands.ts';
import type { Placement } from '../placed-occluder.ts';
import type { FrontVerdict } from '../proposals/front-cues.ts';
import { type FindDeps, type FoundObjects, findObjects, readFound, readMask, readOccluder } from './found-objects.ts';
import { blacken, frameObject } from './frame-object.ts';
import { makePair, type OccluderSource } from './make-pair.ts';
import { type PairSetOptions, resolvePairSetOptions } from './pair-set-options.ts';

export interface PairSetDeps extends FindDeps {
  /** The photographs; only read. */
  source: FileStore;
  sha256(bytes: Uint8Array): Promise<string>;
  /** One picture of rows of captioned pictures. */
  drawSheet(rows: { title: string; images: { image: Image; caption?: string }[] }[]): RgbImage;
}

/** `pairs/<id>/pair.json`, and a line of `pairs.jsonl`. */
export interface PairRecord {
  id: string;
  /** Of everything that the pair follows from. */
  key: string;
  source: { file: string; sha256: string };
  object: { prompt: Prompt; stability: number; front: FrontVerdict };
  /** Square that the pictures show, in photograph pixels; where it reaches outside the photograph, they are black. */
  crop: { x: number; y: number; size: number };
  size: number;
  band: OcclusionBand;
  /** Share of the object's area. */
  hidden: number;
  occluder: OccluderSource & { placement: Placement };
  /** Of `superimpose`. */
  seed: number;
}

export type PairSetEvent =
  | { kind: 'skipped'; file: string; reason: string }
  | { kind: 'progress'; phase: 'propose'; file: string; done: number; total: number }
  | { kind: 'progress'; phase: 'superimpose'; done: number; total: number }
  | { kind: 'photograph'; file: string; objects: number; refused: FoundObjects['refused']; reused: boolean; milliseconds: number };

export interface PairSetReport {
  photographs: number;
  skipped: { file: string; reason: string }[];
  /** Objects taken for whole. */
  objects: number;
  pairs: number;
  /** Of them made by an earlier run. */
  reused: number;
  /** Pairs that no occluder of several gave, or whose object fits no square. */
  failed: number;
  /** Medians of this run's work; null if it did none. */
  proposeMs: number | null;
  superimposeMs: number | null;
  /** Pairs made by this run over its whole time; null if it made none. */
  pairsPerSecond: number | null;
}

/** Part of what decides a pair; raise it when that changes. */
const VERSION = 1;
const PICTURES = ['photo', 'modal', 'amodal', 'whole'] as const;
const PHOTOGRAPH = /\.(jpe?g|png|webp|tiff?|avif)$/i;
/** Pairs shown on the sheet. */
const SHEET_PAIRS = 48;

/**
 * Whole-part pairs from a folder of photographs: proposes whole objects, puts occluders from the other photographs or shapes in front, and writes
 *
 *     pairs/<id>/{photo,modal,amodal,whole}.png, pair.json     pairs.jsonl     contact-sheet.png     objects/<photograph>/...
 *
 * A pair counts once its pair.json is there, so what an earlier run finished is kept; the same photographs, options and models give the same files.
 * @throws OptionError, RunFolderError (no photograph), StorageError, the signal's reason
 */
export async function makePairSet(
  given: Partial<PairSetOptions>,
  deps: PairSetDeps,
  signal: AbortSignal,
  onEvent: (event: PairSetEvent) => void,
): Promise<PairSetReport> {
  const options = resolvePairSetOptions(given);
  const started = performance.now();
  const { found, skipped, times } = await searchAll(options, deps, signal, onEvent);
  const made = await superimposeAll(found, options, deps, signal, onEvent);
  const lines = made.records.map((record) => `${JSON.stringify(record)}\n`).join('');
  await deps.target.write('pairs.jsonl', new TextEncoder().encode(lines));
  await deps.target.write('contact-sheet.png', await deps.codec.encodePng(await drawPairs(made.records, deps)));
  const fresh = made.times.length;
  return {
    photographs: found.length,
    skipped,
    objects: found.reduce((sum, { objects }) => sum + objects.length, 0),
    pairs: made.records.length,
    reused: made.records.length - fresh,
    failed: made.failed,
    proposeMs: median(times),
    superimposeMs: median(made.times),
    pairsPerSecond: fresh > 0 ? (1000 * fresh) / (performance.now() - started) : null,
  };
}

const median = (values: number[]): number | null =>
  values.length > 0 ? [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]! : null;

/** Objects of every photograph that can be read, one entry for each different one. */
async function searchAll(options: PairSetOptions, deps: PairSetDeps, signal: AbortSignal, onEvent: (event: PairSetEvent) => void) {
  const names = await deps.source.list('');
  if (names.length === 0)
    throw new RunFolderError(`photographs in ${deps.source.location}`, 'no such folder or an empty one', 'name a folder with --images DIR');
  const found: FoundObjects[] = [];
  const skipped: PairSetReport['skipped'] = [];
  const times: number[] = [];
  const skip = (file: string, reason: string): void => {
    skipped.push({ file, reason });
    onEvent({ kind: 'skipped', file, reason });
  };
  for (const file of names) {
    if (found.length >= options.limit) break;
    await breathe(signal);
    if (!PHOTOGRAPH.test(file)) {
      skip(file, 'not a JPEG, PNG, WebP, TIFF or AVIF file by its name');
      continue;
    }
    try {
      const bytes = await deps.source.read(file);
      if (bytes === undefined) continue;
      const sha256 = await deps.sha256(bytes);
      if (found.some(({ source }) => source.sha256 === sha256)) {
        skip(file, 'the same file as another');
        continue;
      }
      const start = performance.now();
      const known = await readFound(sha256, deps);
      const result =
        known ??
        (await findObjects(await deps.codec.decode(bytes, file), { file, sha256 }, deps, signal, (done, total) =>
          onEvent({ kind: 'progress', phase: 'propose', file, done, total }),
        ));
      const milliseconds = performance.now() - start;
      if (known === undefined) times.push(milliseconds);
      // a renamed file is the same photograph
      found.push({ ...result, source: { ...result.source, file } });
      onEvent({
        kind: 'photograph',
        file,
        objects: result.objects.length,
        refused: result.refused,
        reused: known !== undefined,
        milliseconds,
      });
    } catch (error) {
      if (isAbort(error, signal) || !isUnreadable(error)) throw error;
      skip(file, error.message);
    }
  }
  if (found.length === 0)
    throw new RunFolderError(
      `photographs in ${deps.source.location}`,
      `none that can be read (${skipped.length} skipped, the first: ${skipped[0]!.file}: ${skipped[0]!.reason})`,
      'name another folder with --images DIR',
    );
  return { found, skipped, times };
}

/** A failure of one photograph, not of the run. */
function isUnreadable(error: unknown): error is GestaltError {
  return (
    error instanceof GestaltError &&
    (error.code === 'image-decode' ||
      error.code === 'image-too-large' ||
      (error.code === 'storage' && error.message.startsWith('cannot read')))
  );
}

async function superimposeAll(
  found: readonly FoundObjects[],
  options: PairSetOptions,
  deps: PairSetDeps,
  signal: AbortSignal,
  onEvent: (event: PairSetEvent) => void,
): Promise<{ records: PairRecord[]; failed: number; times: number[] }> {
  const records: PairRecord[] = [];
  const times: number[] = [];
  let failed = 0;
  const sources = found.filter(({ objects }) => objects.length > 0);
  const total = sources.length * options.perImage;
  const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const pool = await deps.sha256(text(found.map(({ key, source }) => [key, source.sha256])));
  for (const [s, { source, objects }] of sources.entries()) {
    // decoded when the first pair needs it
    let photo: Promise<Awaited<ReturnType<typeof deps.codec.decode>>> | undefined;
    const decode = async () => deps.codec.decode((await deps.source.read(source.file))!, source.file);
    const occluders = found.filter((other) => other.source.sha256 !== source.sha256).flatMap((other) => other.occluders);
    for (let k = 0; k < options.perImage; k++) {
      await breathe(signal);
      const band = options.bands[k % options.bands.length]!;
      const object = objects[(k + Math.floor(k / options.bands.length)) % objects.length]!;
      const id = `${source.sha256.slice(0, 12)}-${k}`;
      const key = await deps.sha256(text([VERSION, pool, source.sha256, object.mask, band, options.size, options.seed, k]));
      const known = await readRecord(id, key, deps);
      if (known !== undefined) {
        records.push(known);
        onEvent({ kind: 'progress', phase: 'superimpose', done: s * options.perImage + k + 1, total });
        continue;
      }
      const start = performance.now();
      photo ??= decode();
      const rng = createRng(Number.parseInt(key.slice(0, 8), 16));
      const mask = await readMask(object.mask, deps);
      const framed = mask && frameObject(await photo, mask, options.size, rng.fork('frame'));
      const result = framed && (await makePair(framed, band, occluders, (file) => readOccluder(file, deps), rng.fork('occluder')));
      if (framed === undefined || result === undefined) failed++;
      else {
        const { pair, whole, occluder, seed } = result;
        blacken(pair.photo, framed.crop, await photo);
        const record: PairRecord = {
          id,
          key,
          source: { file: source.file, sha256: source.sha256 },
          object: { prompt: object.prompt, stability: object.stability, front: object.front },
          crop: framed.crop,
          size: options.size,
          band,
          hidden: pair.hidden,
          occluder: { ...occluder, placement: pair.placement },
          seed,
        };
        const pictures: Record<(typeof PICTURES)[number], Image> = { photo: pair.photo, modal: pair.modal, amodal: pair.amodal, whole };
        for (const name of PICTURES) await deps.target.write(`pairs/${id}/${name}.png`, await deps.codec.encodePng(pictures[name]));
        // last: with it the pair counts
        await deps.target.write(`pairs/${id}/pair.json`, new TextEncoder().encode(`${JSON.stringify(record, null, 1)}\n`));
        records.push(record);
        times.push(performance.now() - start);
      }
      onEvent({ kind: 'progress', phase: 'superimpose', done: s * options.perImage + k + 1, total });
    }
  }
  return { records, failed, times };
}

/** A finished pair of an earlier run that follows from the same. */
async function readRecord(id: string, key: string, { target }: PairSetDeps): Promise<PairRecord | undefined> {
  const bytes = await target.read(`pairs/${id}/pair.json`);
  if (bytes === undefined) return undefined;
  try {
    const record = JSON.parse(new TextDecoder().decode(bytes)) as PairRecord;
    return record.key === key ? record : undefined;
  } catch {
    // not ours or cut short: made again
    return undefined;
  }
}

/** Some pairs, evenly chosen, two a row. */
async function drawPairs(records: readonly PairRecord[], { codec, target, drawSheet }: PairSetDeps): Promise<RgbImage> {
  const step = Math.max(1, Math.ceil(records.length / SHEET_PAIRS));
  const shown = records.filter((_, i) => i % step === 0);
  const rows: Parameters<typeof drawSheet>[0] = [];
  for (const [i, record] of shown.entries()) {
    const images: { image: Image; caption?: string }[] = [];
    for (const name of ['whole', 'photo', 'modal'] as const) {
      const bytes = await target.read(`pairs/${record.id}/${name}.png`);
      if (bytes !== undefined) images.push({ image: await codec.decode(bytes, name), caption: name });
    }
    if (images[1]) images[1].caption = `${record.source.file.split('/').at(-1)}`;
    if (images[2]) images[2].caption = `${Math.round(100 * record.hidden)} % by ${record.occluder.kind}`;
    if (i % 2 === 0) rows.push({ title: '', images });
    else rows.at(-1)!.images.push(...images);
  }
  return drawSheet(rows);
}
