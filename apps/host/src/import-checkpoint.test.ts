import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelCorruptError, StorageError } from '@gestalt3d/core';
import {
  CheckpointDamagedError,
  CheckpointUnknownError,
  float16Values,
  ModelBundle,
  memoryByteSource,
  openCheckpoint,
  streamTensor,
} from '@gestalt3d/onnx';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeCheckpoint } from '../../../packages/networks/scripts/make-checkpoint.mjs';
import { createFileStore } from './file-store.ts';
import { type ImportOptions, importCheckpoint } from './import-checkpoint.ts';
import { createOrtBackend } from './ort-backend.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gestalt3d-import-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const importing = (file: string, options: Partial<ImportOptions> = {}) =>
  importCheckpoint({ file: join(folder, file), modelsDir: join(folder, 'models'), precision: 'float32', ema: true, ...options });
const make = (model: string) => writeCheckpoint(join(folder, `${model}.ckpt`), model);
const installed = (): Promise<string[]> => readdir(join(folder, 'models')).catch(() => []);

describe('importCheckpoint', () => {
  it.each([
    ['pix2gestalt', 'CC-BY-NC-4.0', ['context', 'unet', 'vaeDecoder', 'vaeEncoder']],
    ['syncdreamer', 'MIT', ['context', 'frustumVolume', 'spatialVolume', 'unet', 'vaeDecoder', 'vaeEncoder']],
    ['clip', 'MIT', ['image', 'text']],
    ['sam', 'Apache-2.0', ['decoder', 'image']],
  ])('recognises %s and writes a bundle whose graphs load', async (model, licence, roles) => {
    make(model);
    const progress: number[] = [];
    const result = await importing(`${model}.ckpt`, { onProgress: (done, total) => progress.push(done / total) });
    expect(result).toMatchObject({ id: model, state: 'imported', licence });
    expect(progress.at(-1)).toBe(1);
    const bundle = await ModelBundle.load(createFileStore(result.folder));
    expect(bundle.manifest).toMatchObject({
      id: model,
      licence,
      precision: 'float32',
      origin: { file: `${model}.ckpt`, format: 'pytorch' },
    });
    expect(Object.keys(bundle.manifest.graphs).sort()).toEqual(roles);
    const backend = await createOrtBackend({ device: 'cpu', threads: 1 });
    // the small UNets are the same as in the parity tests, where they run; loading one takes seconds
    for (const role of roles.filter((name) => name !== 'unet')) await (await bundle.open(role, backend)).dispose();
    expect(await installed()).toEqual([model]);
  });

  it('takes the moving average, or the raw weights when asked', async () => {
    make('pix2gestalt');
    const checkpoint = await openCheckpoint(memoryByteSource(new Uint8Array(await readFile(join(folder, 'pix2gestalt.ckpt')))));
    const stem = async (key: string) => {
      for await (const piece of streamTensor(checkpoint, key, 'float32')) return Buffer.from(piece).subarray(0, 64);
    };
    const first = async (options: Partial<ImportOptions>) => {
      const result = await importing('pix2gestalt.ckpt', options);
      const { unet } = (await ModelBundle.load(createFileStore(result.folder))).manifest.graphs;
      // the time embedding's first layer comes first
      return { bytes: (await readFile(join(result.folder, unet!.externalData![0]!))).subarray(0, 64), notes: result.notes.join() };
    };
    const averaged = await first({});
    expect(averaged.bytes).toEqual(await stem('model_ema.diffusion_modeltime_embed0weight'));
    expect(averaged.notes).toContain('moving average');
    const raw = await first({ ema: false });
    expect(raw.bytes).toEqual(await stem('model.diffusion_model.time_embed.0.weight'));
    expect(raw.bytes).not.toEqual(averaged.bytes);
  });

  it('keeps what is installed, replaces it for another precision, repairs a damaged one', async () => {
    make('sam');
    const first = await importing('sam.ckpt');
    const manifest = join(first.folder, 'bundle.json');
    const before = (await stat(manifest)).mtimeMs;
    expect(await importing('sam.ckpt')).toMatchObject({ state: 'kept', bytes: first.bytes });
    expect((await stat(manifest)).mtimeMs).toBe(before);

    const weights = join(first.folder, 'image.0.bin');
    const bytes = await readFile(weights);
    bytes[1000]! ^= 1;
    await writeFile(weights, bytes);
    const load = ModelBundle.load(createFileStore(first.folder));
    await expect(load).rejects.toThrow(ModelCorruptError);
    await expect(load).rejects.toThrow('image.0.bin has another SHA-256');
    expect(await importing('sam.ckpt')).toMatchObject({ state: 'imported' });
    bytes[1000]! ^= 1;
    expect(await readFile(weights)).toEqual(bytes);

    const half = await importing('sam.ckpt', { precision: 'float16' });
    expect(half).toMatchObject({ state: 'imported', precision: 'float16' });
    const halves = new Uint16Array(new Uint8Array(await readFile(weights)).buffer);
    const floats = new Float32Array(new Uint8Array(bytes).buffer);
    for (let i = 0; i < 500; i++)
      expect(Math.abs(float16Values()[halves[i]!]! - floats[i]!)).toBeLessThan(2 ** -11 * Math.abs(floats[i]!) + 2 ** -25);
  });

  it('keeps the UNet in 8 bits when asked, and says where that means nothing', async () => {
    make('pix2gestalt');
    const whole = await importing('pix2gestalt.ckpt');
    const eight = await importing('pix2gestalt.ckpt', { precision: 'int8' });
    expect(eight).toMatchObject({ state: 'imported', precision: 'int8' });
    expect(eight.bytes).toBeLessThan(whole.bytes);
    const bundle = await ModelBundle.load(createFileStore(eight.folder));
    expect(bundle.manifest).toMatchObject({ precision: 'int8', revision: expect.stringMatching(/-int8$/) });
    await (await bundle.open('unet', await createOrtBackend({ device: 'cpu', threads: 1 }))).dispose();
    make('sam');
    await expect(importing('sam.ckpt', { precision: 'int8' })).rejects.toThrow('--precision: expected fp32 or fp16 for sam, got int8');
  });

  it('leaves nothing when it is interrupted, and cleans up after one that was killed', async () => {
    make('pix2gestalt');
    const controller = new AbortController();
    const stopped = importing('pix2gestalt.ckpt', {
      signal: controller.signal,
      onProgress: (done, total) => done > total / 2 && controller.abort(new Error('stop')),
    });
    await expect(stopped).rejects.toThrow('stop');
    expect(await installed()).toEqual([]);
    await mkdir(join(folder, 'models', '.import-pix2gestalt-1'), { recursive: true });
    await importing('pix2gestalt.ckpt');
    expect(await installed()).toEqual(['pix2gestalt']);
  });

  it('installs nothing from a damaged or unknown file', async () => {
    make('sam');
    const path = join(folder, 'sam.ckpt');
    const bytes = await readFile(path);
    bytes[bytes.length >> 1]! ^= 16;
    await writeFile(path, bytes);
    await expect(importing('sam.ckpt')).rejects.toThrow(CheckpointDamagedError);
    await truncate(path, bytes.length >> 1);
    await expect(importing('sam.ckpt')).rejects.toThrow('the end record');
    make('clip');
    await expect(importing('clip.ckpt', { as: 'sam' })).rejects.toThrow(CheckpointUnknownError);
    await expect(importing('nothing.ckpt')).rejects.toThrow(StorageError);
    expect(await installed()).toEqual([]);
  });

  it('puts the vocabulary beside CLIP', async () => {
    make('clip');
    await writeFile(join(folder, 'merges.txt'), '#version: 0.2\na b\nab c</w>\n');
    const { folder: bundle } = await importing('clip.ckpt', { vocabulary: join(folder, 'merges.txt') });
    expect(await readFile(join(bundle, 'vocabulary.txt'), 'utf8')).toContain('ab c</w>');
    expect((await importing('clip.ckpt', { vocabulary: join(folder, 'merges.txt') })).state).toBe('kept');
    expect((await importing('clip.ckpt')).state).toBe('imported');
  });
});
