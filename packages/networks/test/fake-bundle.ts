import type { FileStore } from '@gestalt3d/core';
import { type InferenceBackend, ModelBundle, sha256Hex, type TensorSpec } from '@gestalt3d/onnx';
import { Tensor } from 'onnxruntime-node';

type Values = Float32Array | Int32Array | BigInt64Array;
type Feeds = Record<string, { data: Values; dims: readonly number[] }>;

/** A graph that is a function here. */
export interface FakeGraph {
  /** Name to shape; float32 but for the names in `dtypes`. */
  inputs: Record<string, (number | string)[]>;
  outputs: Record<string, (number | string)[]>;
  dtypes?: Record<string, 'int32' | 'int64'>;
  run(feeds: Feeds): Record<string, { data: Float32Array; dims: readonly number[] }>;
}

export interface FakeBundle {
  bundle: ModelBundle;
  backend: InferenceBackend;
  /** Roles in the order in which their sessions were opened. */
  opened: string[];
  /** Sessions that are open now, and the most that ever were. */
  open: number;
  most: number;
}

/**
 * A bundle whose graphs are functions, to look at what a stage makes of them.
 * @param texts further files
 */
export async function fakeBundle(
  manifest: Record<string, unknown>,
  graphs: Record<string, FakeGraph>,
  texts: Record<string, string> = {},
): Promise<FakeBundle> {
  const encoder = new TextEncoder();
  const files = new Map(Object.keys(graphs).map((role) => [`${role}.onnx`, encoder.encode(role)]));
  for (const [name, text] of Object.entries(texts)) files.set(name, encoder.encode(text));
  const specs = (shapes: FakeGraph['inputs'], dtypes: FakeGraph['dtypes'] = {}): TensorSpec[] =>
    Object.entries(shapes).map(([name, dims]) => ({ name, dtype: dtypes[name] ?? 'float32', dims }));
  const text = JSON.stringify({
    schemaVersion: 1,
    id: 'fake',
    revision: '1',
    licence: 'none',
    files: await Promise.all([...files].map(async ([path, bytes]) => ({ path, bytes: bytes.length, sha256: await sha256Hex(bytes) }))),
    graphs: Object.fromEntries(
      Object.entries(graphs).map(([role, { inputs, outputs, dtypes }]) => [
        role,
        { file: `${role}.onnx`, inputs: specs(inputs, dtypes), outputs: specs(outputs) },
      ]),
    ),
    ...manifest,
  });
  files.set('bundle.json', new TextEncoder().encode(text));
  const store = { location: 'memory', read: async (name: string) => files.get(name) } as FileStore;
  const fake: FakeBundle = { bundle: await ModelBundle.load(store), backend: undefined as never, opened: [], open: 0, most: 0 };
  fake.backend = {
    provider: 'cpu',
    async createSession(model) {
      const role = new TextDecoder().decode(model);
      fake.opened.push(role);
      fake.most = Math.max(fake.most, ++fake.open);
      const graph = graphs[role]!;
      return {
        inputNames: Object.keys(graph.inputs),
        outputNames: Object.keys(graph.outputs),
        inputMetadata: [],
        outputMetadata: [],
        run: async (feeds) => {
          // copies: what a stage fills again must not change what a test has seen
          const copies = Object.entries(feeds as Record<string, Tensor>).map(([name, { data, dims }]) => [
            name,
            { data: (data as Float32Array).slice(), dims },
          ]);
          const results = graph.run(Object.fromEntries(copies));
          return Object.fromEntries(Object.entries(results).map(([name, { data, dims }]) => [name, new Tensor('float32', data, dims)]));
        },
        release: async () => void fake.open--,
      };
    },
  };
  return fake;
}
