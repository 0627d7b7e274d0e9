import {
  createImage,
  type Image,
  type ImageCodec,
  ImageDecodeError,
  maskArea,
  OptionError,
  type RgbaImage,
  RunFolderError,
  StorageError,
} from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../../pipeline/src/memory-store.test-helper.ts';
import type { Segment } from '../proposals/propose-objects.ts';
import { plain } from '../test-scene.test-helper.ts';
import { makePairSet, type PairRecord, type PairSetDeps, type PairSetEvent } from './make-pair-set.ts';

/** Raw pixels behind a header of three numbers. */
const codec: ImageCodec = {
  async encodePng({ width, height, channels, data }) {
    const bytes = new Uint8Array(16 + data.length);
    bytes.set(new Uint8Array(Uint32Array.of(0x4d49, width, height, channels).buffer));
    bytes.set(data, 16);
    return bytes;
  },
  encodeJpeg: () => Promise.reject(new Error('not used')),
  async decode(bytes, name) {
    const [magic, width, height, channels] = new Uint32Array(bytes.slice(0, 16).buffer, 0, Math.floor(Math.min(bytes.length, 16) / 4));
    if (magic !== 0x4d49) throw new ImageDecodeError(name, 'not a test image');
    const out = createImage(width!, height!, 4);
    for (let i = 0; i < width! * height!; i++) {
      for (let c = 0; c < 3; c++) out.data[i * 4 + c] = bytes[16 + i * channels! + (channels === 1 ? 0 : c)]!;
      out.data[i * 4 + 3] = channels === 4 ? bytes[16 + i * 4 + 3]! : 255;
    }
    return out;
  },
};

/** A coloured disc on grey. */
function photograph(seed: number): RgbaImage {
  const image = plain(160, 128, 4, 110, 110, 110, 255);
  for (let y = 0; y < 128; y++)
    for (let x = 0; x < 160; x++) if (Math.hypot(x - 80, y - 64) < 30 + seed) image.data.set([220, 30 + 40 * seed, 40], (y * 160 + x) * 4);
  return image;
}

let calls = 0;
const segment: Segment = async (photo, { points: [point] }) => {
  calls++;
  const at = (Math.floor(point!.y) * photo.width + Math.floor(point!.x)) * 4;
  const mask = createImage(photo.width, photo.height, 1);
  for (let i = 0; i < mask.data.length; i++) if (Math.abs(photo.data[i * 4]! - photo.data[at]!) < 40) mask.data[i] = 255;
  return mask;
};

async function setUp(count = 2) {
  const source = createMemoryStore();
  for (let k = 0; k < count; k++) await source.write(`${k}.png`, await codec.encodePng(photograph(k)));
  const target = createMemoryStore();
  let sheet: Parameters<PairSetDeps['drawSheet']>[0] = [];
  const deps: PairSetDeps = {
    source,
    target,
    codec,
    segment,
    identity: 'colours',
    sha256: async (bytes) => Buffer.from(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex'),
    drawSheet: (rows) => {
      sheet = rows;
      return createImage(4, 4, 3);
    },
  };
  return { source, target, deps, sheet: () => sheet };
}
const signal = new AbortController().signal;
const options = { perImage: 4, size: 96 };
const ignore = () => {};
/** Names and hashes: comparing the bytes themselves takes the test runner seconds. */
const hashes = async ({ target, deps }: Awaited<ReturnType<typeof setUp>>): Promise<Record<string, string>> => {
  const entries = [...target.files].map(async ([name, bytes]) => [name, await deps.sha256(bytes)] as const);
  return Object.fromEntries((await Promise.all(entries)).sort(([a], [b]) => (a < b ? -1 : 1)));
};
const records = (target: { files: Map<string, Uint8Array> }): PairRecord[] =>
  new TextDecoder()
    .decode(target.files.get('pairs.jsonl'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as PairRecord);

describe('makePairSet', () => {
  it('writes pairs whose pictures agree with their record', async () => {
    const { target, deps, sheet } = await setUp();
    const report = await makePairSet(options, deps, signal, ignore);
    expect(report).toMatchObject({ photographs: 2, objects: 2, pairs: 8, reused: 0, failed: 0, skipped: [] });
    const list = records(target);
    expect(list.map(({ band }) => band)).toEqual(
      [...Array(2)].flatMap(() => [
        [0, 0.2],
        [0.2, 0.4],
        [0.4, 0.6],
        [0.6, 0.8],
      ]),
    );
    expect(new Set(list.map(({ id }) => id)).size).toBe(8);
    for (const { id, hidden, band, source } of list) {
      const read = async (name: string): Promise<RgbaImage> => codec.decode(target.files.get(`pairs/${id}/${name}.png`)!, name);
      const grey = ({ width, height, data }: Image) => ({ width, height, channels: 1 as const, data: data.filter((_, i) => i % 4 === 0) });
      const [modal, amodal, whole] = [grey(await read('modal')), grey(await read('amodal')), await read('whole')];
      expect(1 - maskArea(modal) / maskArea(amodal)).toBeCloseTo(hidden, 9);
      expect(hidden).toBeGreaterThanOrEqual(band[0]);
      expect(hidden).toBeLessThan(band[1]);
      expect(whole.data.filter((_, i) => i % 4 === 3)).toEqual(amodal.data);
      expect(await read('photo')).toMatchObject({ width: 96, height: 96 });
      expect(await deps.sha256((await deps.source.read(source.file))!)).toBe(source.sha256);
    }
    expect(sheet().flatMap(({ images }) => images)).toHaveLength(3 * 8);
  });

  it('is the same for the same seed and another for another', async () => {
    const runs = [];
    for (const seed of [7, 7, 8]) {
      const place = await setUp();
      await makePairSet({ ...options, seed }, place.deps, signal, ignore);
      runs.push(await hashes(place));
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]!['pairs.jsonl']).not.toEqual(runs[0]!['pairs.jsonl']);
  });

  it('goes on after an abort at any pair, to the same files, without looking twice', async () => {
    const whole = await setUp();
    await makePairSet(options, whole.deps, signal, ignore);
    for (const stopAt of [1, 5]) {
      const place = await setUp();
      const { target, deps } = place;
      const controller = new AbortController();
      const reason = new DOMException('enough', 'AbortError');
      const stop = (event: PairSetEvent) => {
        if (event.kind === 'progress' && event.phase === 'superimpose' && event.done === stopAt) controller.abort(reason);
      };
      await expect(makePairSet(options, deps, controller.signal, stop)).rejects.toBe(reason);
      expect(target.files.has('pairs.jsonl')).toBe(false);
      const before = calls;
      const report = await makePairSet(options, deps, signal, ignore);
      expect(calls).toBe(before);
      expect(report).toMatchObject({ pairs: 8, reused: stopAt, proposeMs: null });
      expect(await hashes(place)).toEqual(await hashes(whole));
    }
  });

  it('makes again what is damaged, of another seed or of another folder', async () => {
    const { source, target, deps } = await setUp();
    await makePairSet(options, deps, signal, ignore);
    expect(await makePairSet(options, deps, signal, ignore)).toMatchObject({ reused: 8, pairsPerSecond: null });
    const [first] = records(target);
    await target.write(`pairs/${first!.id}/pair.json`, new TextEncoder().encode('{"id": "cut sho'));
    expect(await makePairSet(options, deps, signal, ignore)).toMatchObject({ pairs: 8, reused: 7 });
    expect(await makePairSet({ ...options, seed: 1 }, deps, signal, ignore)).toMatchObject({ pairs: 8, reused: 0 });
    await source.write('9.png', await codec.encodePng(photograph(3)));
    expect(await makePairSet({ ...options, seed: 1 }, deps, signal, ignore)).toMatchObject({ pairs: 12, reused: 0 });
  });

  it('skips what cannot be read with the reason', async () => {
    const { source, deps } = await setUp(1);
    await source.write('notes.txt', new Uint8Array(3));
    await source.write('broken.jpg', new Uint8Array(30));
    await source.write('twin.png', await codec.encodePng(photograph(0)));
    await source.write('locked.jpg', new Uint8Array(1));
    const read = source.read;
    source.read = async (name) => {
      if (name === 'locked.jpg') throw new StorageError(name, 'read', 'EACCES');
      return read(name);
    };
    const seen: string[] = [];
    const report = await makePairSet(options, deps, signal, (event) => event.kind === 'skipped' && seen.push(event.file));
    expect(report).toMatchObject({ photographs: 1, pairs: 4 });
    expect(seen).toEqual(['broken.jpg', 'locked.jpg', 'notes.txt', 'twin.png']);
    expect(report.skipped.map(({ file }) => file)).toEqual(seen);
    for (const { reason } of report.skipped) expect(reason).not.toBe('');
  });

  it('says that there is nothing to read', async () => {
    const { deps } = await setUp(0);
    await expect(makePairSet(options, deps, signal, ignore)).rejects.toThrow(RunFolderError);
    await deps.source.write('notes.txt', new Uint8Array(3));
    await expect(makePairSet(options, deps, signal, ignore)).rejects.toThrow(/none that can be read \(1 skipped, the first: notes.txt/);
  });

  it('reads no more photographs than asked for, and passes on a full disk', async () => {
    const { target, deps } = await setUp(3);
    expect(await makePairSet({ ...options, limit: 1 }, deps, signal, ignore)).toMatchObject({ photographs: 1, pairs: 4 });
    const full = new StorageError('x', 'write', 'EROFS');
    target.write = () => Promise.reject(full);
    await expect(makePairSet(options, deps, signal, ignore)).rejects.toBe(full);
  });

  it.each([
    { perImage: 0 },
    { size: 63 },
    { size: 96.5 },
    { seed: -1 },
    { limit: 0 },
    { bands: [] },
    { bands: [[0.5, 0.4]] as const },
  ])('refuses %o', async (wrong) => {
    const { deps } = await setUp(1);
    await expect(makePairSet({ ...options, ...wrong }, deps, signal, ignore)).rejects.toThrow(OptionError);
  });
});
