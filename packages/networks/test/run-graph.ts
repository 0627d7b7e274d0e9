import { encodeGraph, externalFileBytes, type GraphBuilder } from '@gestalt3d/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';

export type Feed = [data: Float32Array | Int32Array | BigInt64Array, dims: readonly number[]];

/** Encodes a graph, loads it and runs it once. */
export async function runGraph(graph: GraphBuilder, feeds: Record<string, Feed>): Promise<Record<string, Float32Array>> {
  const session = await openGraph(graph);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

export interface OpenedGraph {
  run(feeds: Record<string, Feed>): Promise<Record<string, Float32Array>>;
  release(): Promise<void>;
}

export async function openGraph(graph: GraphBuilder): Promise<OpenedGraph> {
  const encoded = encodeGraph(graph, 'graph');
  const externalData = [];
  for (const file of encoded.external) {
    const data = new Uint8Array(file.bytes);
    let at = 0;
    for await (const piece of externalFileBytes(graph, file)) {
      data.set(piece, at);
      at += piece.length;
    }
    externalData.push({ path: file.path, data });
  }
  // optimising an fp16 graph for the CPU takes the runtime longer than running it
  const graphOptimizationLevel = graph.precision === 'float16' ? 'disabled' : 'all';
  const session = await InferenceSession.create(encoded.model, {
    externalData,
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
    graphOptimizationLevel,
  });
  return {
    async run(feeds) {
      const tensors = Object.entries(feeds).map(([name, [data, dims]]) => {
        const dtype = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int64';
        return [name, new Tensor(dtype, data as never, dims)] as const;
      });
      const results = await session.run(Object.fromEntries(tensors));
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.data as Float32Array]));
    },
    release: () => session.release(),
  };
}
