import { readFileSync } from 'node:fs';
import {
  type FileStore,
  MemoryShortError,
  ModelCorruptError,
  ModelMissingError,
  NumericalError,
  ShapeMismatchError,
} from '@gestalt3d/core';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { InferenceBackend } from './backend.ts';
import { ModelBundle, sha256Hex } from './bundle.ts';
import { expectShape, float32, type Session } from './session.ts';

const backend: InferenceBackend = {
  provider: 'cpu',
  createSession: (model) => InferenceSession.create(model, { executionProviders: ['cpu'], intraOpNumThreads: 1, logSeverityLevel: 4 }),
};

function memoryStore(files: Record<string, Uint8Array>): FileStore {
  return {
    location: 'memory',
    read: async (name) => files[name],
    write: async (name, bytes) => void (files[name] = bytes),
    remove: async (name) => void delete files[name],
    list: async (prefix) =>
      Object.keys(files)
        .filter((name) => name.startsWith(prefix))
        .sort(),
  };
}

async function tinyBundle(): Promise<{ files: Record<string, Uint8Array>; manifest: ReturnType<typeof JSON.parse> }> {
  const files: Record<string, Uint8Array> = {};
  for (const name of ['axpy.onnx', 'reciprocal.onnx']) files[name] = readFileSync(new URL(`../test/fixtures/${name}`, import.meta.url));
  const tensor = (name: string, ...dims: (number | string)[]) => ({ name, dtype: 'float32', dims });
  const manifest = {
    schemaVersion: 1,
    id: 'tiny',
    revision: '1',
    licence: 'Apache-2.0',
    files: await Promise.all(Object.entries(files).map(async ([path, b]) => ({ path, bytes: b.length, sha256: await sha256Hex(b) }))),
    graphs: {
      axpy: { file: 'axpy.onnx', inputs: [tensor('a', 'B', 3), tensor('b', 'B', 3)], outputs: [tensor('y', 'B', 3)] },
      reciprocal: { file: 'reciprocal.onnx', inputs: [tensor('x', 'N')], outputs: [tensor('y', 'N')] },
    },
  };
  return { files, manifest };
}

async function load(files: Record<string, Uint8Array>, manifest: unknown): Promise<ModelBundle> {
  return ModelBundle.load(memoryStore({ ...files, 'bundle.json': new TextEncoder().encode(JSON.stringify(manifest)) }));
}

describe('ModelBundle', () => {
  it('computes what the graph says', async () => {
    const { files, manifest } = await tinyBundle();
    const session = await (await load(files, manifest)).open('axpy', backend);
    const y = await session.runSingle({ a: float32(Float32Array.of(1, 2, 3), [1, 3]), b: float32(Float32Array.of(1, 0, -1), [1, 3]) });
    expect([...y]).toEqual([3, 2, 1]);
    await session.dispose();
    await expect(session.runSingle({})).rejects.toThrow('is disposed');
  });

  it('lends a session for as long as the work takes, and takes it back when that fails', async () => {
    const { files, manifest } = await tinyBundle();
    const bundle = await load(files, manifest);
    const feeds = { x: float32(Float32Array.of(4), [1]) };
    let kept: Session | undefined;
    const y = await bundle.using('reciprocal', backend, (session) => {
      kept = session;
      return session.runSingle(feeds);
    });
    expect([...y]).toEqual([0.25]);
    await expect(kept!.runSingle(feeds)).rejects.toThrow('is disposed');
    const failed = bundle.using('reciprocal', backend, async (session) => {
      kept = session;
      throw new Error('enough');
    });
    await expect(failed).rejects.toThrow('enough');
    await expect(kept!.runSingle(feeds)).rejects.toThrow('is disposed');
  });

  it('refuses to load what the free memory does not hold, before it reads anything', async () => {
    const { files, manifest } = await tinyBundle();
    files['axpy.weights'] = new Uint8Array(1000);
    manifest.files.push({ path: 'axpy.weights', bytes: 1000, sha256: await sha256Hex(files['axpy.weights']) });
    manifest.graphs.axpy.externalData = ['axpy.weights'];
    const bundle = await load(files, manifest);
    let created = 0;
    const holding = (free: number): InferenceBackend => ({
      provider: 'cpu',
      freeBytes: () => free,
      createSession: (model) => {
        created++;
        return backend.createSession(model, []);
      },
    });
    const weights = 1000 + files['axpy.onnx']!.length;
    const peak = bundle.peakBytes('axpy', backend);
    expect(peak).toBe(Math.ceil(3 * weights));
    // kept as fp32 by the CPU provider
    expect((await load(files, { ...manifest, precision: 'float16' })).peakBytes('axpy', backend)).toBe(Math.ceil(4.2 * weights));
    await expect(bundle.open('axpy', holding(peak - 1))).rejects.toThrow(MemoryShortError);
    expect(created).toBe(0);
    await (await bundle.open('axpy', holding(peak))).dispose();
    expect(created).toBe(1);
  });

  it('lets the runtime read weights from disk where there are paths', async () => {
    const { files, manifest } = await tinyBundle();
    files['axpy.weights'] = new Uint8Array(10);
    manifest.files.push({ path: 'axpy.weights', bytes: 10, sha256: await sha256Hex(files['axpy.weights']) });
    manifest.graphs.axpy.externalData = ['axpy.weights'];
    const text = new TextEncoder().encode(JSON.stringify(manifest));
    const store = { ...memoryStore({ ...files, 'bundle.json': text }), pathOf: (name: string) => `/models/tiny/${name}` };
    const bundle = await ModelBundle.load(store);
    const opened: string[] = [];
    const mapping: InferenceBackend = {
      ...backend,
      openFile: async (path) => {
        opened.push(path);
        return backend.createSession(files['axpy.onnx']!, []);
      },
    };
    await (await bundle.open('axpy', mapping)).dispose();
    // without weights beside it there is nothing to map
    await (await bundle.open('reciprocal', mapping)).dispose();
    expect(opened).toEqual(['/models/tiny/axpy.onnx']);
    expect(bundle.peakBytes('axpy', mapping)).toBeLessThan(bundle.peakBytes('axpy', backend));
  });

  it('says in one message which files are damaged and which are missing', async () => {
    const { files, manifest } = await tinyBundle();
    const flipped = files['axpy.onnx']!.slice();
    flipped[20]! ^= 1;
    const damaged = load({ 'axpy.onnx': flipped }, manifest);
    await expect(damaged).rejects.toThrow(ModelCorruptError);
    await expect(damaged).rejects.toThrow(/axpy\.onnx has another SHA-256.*reciprocal\.onnx is missing/);
    await expect(load({}, manifest)).rejects.toThrow(ModelMissingError);
    await expect(ModelBundle.load(memoryStore({}))).rejects.toThrow('bundle.json in memory');
  });

  it('names every field of a manifest that is wrong', async () => {
    const { files, manifest } = await tinyBundle();
    const wrong = { ...manifest, schemaVersion: 2, licence: undefined, graphs: { x: { file: '../up.onnx' } } };
    await expect(load(files, wrong)).rejects.toThrow(/schemaVersion.*licence.*graphs\.x\.file/);
  });

  it('changes its hash when a file changes', async () => {
    const { files, manifest } = await tinyBundle();
    const a = await load(files, manifest);
    const b = await load(files, { ...manifest, revision: '2' });
    expect(a.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(a.hash).not.toBe(b.hash);
  });

  it('refuses a graph that is not what the manifest says', async () => {
    const { files, manifest } = await tinyBundle();
    manifest.graphs.axpy.inputs[1] = { name: 'c', dtype: 'float32', dims: ['B', 3] };
    manifest.graphs.axpy.outputs[0].dims = ['B', 4];
    await expect((await load(files, manifest)).open('axpy', backend)).rejects.toThrow(
      /input b is not in the manifest; input c is not in the graph; output y is \[B, 3\]/,
    );
    manifest.graphs.axpy.file = 'bundle.json';
    await expect(load(files, manifest)).rejects.toThrow('bundle.json is not among files');
  });
});

describe('Session', () => {
  it('binds symbols over all inputs of a call', async () => {
    const { files, manifest } = await tinyBundle();
    const session = await (await load(files, manifest)).open('axpy', backend);
    const one = float32(new Float32Array(3), [1, 3]);
    const two = float32(new Float32Array(6), [2, 3]);
    await expect(session.run({ a: one, b: two })).rejects.toThrow('expected shape [B=1, 3], got [2, 3]');
    await expect(session.run({ a: one })).rejects.toThrow('expected a, b, got a');
    await expect(session.run({ a: one, b: float32(new Float32Array(2), [1, 3]) })).rejects.toThrow(ShapeMismatchError);
    const int = { dtype: 'int32', dims: [1, 3], data: new Int32Array(3) } as const;
    await expect(session.run({ a: one, b: int })).rejects.toThrow('expected float32, got int32');
    await session.dispose();
  });

  it('reports outputs that are not finite, and passes an abort through', async () => {
    const { files, manifest } = await tinyBundle();
    const session = await (await load(files, manifest)).open('reciprocal', backend);
    await expect(session.runSingle({ x: float32(Float32Array.of(1, 0), [2]) })).rejects.toThrow(NumericalError);
    const reason = new Error('enough');
    await expect(session.runSingle({ x: float32(Float32Array.of(1), [1]) }, AbortSignal.abort(reason))).rejects.toBe(reason);
    await session.dispose();
  });
});

it('expectShape compares the rank first', () => {
  expect(() => expectShape('rays', [4, 6], ['R', 6])).not.toThrow();
  expect(() => expectShape('rays', [4, 6, 1], ['R', 6])).toThrow('tensor rays: expected shape [R, 6], got [4, 6, 1]');
  expect(() => expectShape('pair', [4, 5], ['N', 'N'])).toThrow(ShapeMismatchError);
});
