import { DTYPE_BYTES } from '../checkpoint/dtype.ts';
import { CheckpointDamagedError } from '../checkpoint/errors.ts';
import type { FloatDtype } from '../checkpoint/stream-tensor.ts';
import { elementCount } from '../checkpoint/tensor.ts';
import type { GraphSpec } from '../manifest.ts';
import type { Shape } from './dim.ts';
import { eightBit } from './eight-bit.ts';
import { type Attribute, type GraphBuilder, type GraphNode, type GraphWeight, ONNX_DTYPE, type Value } from './graph-builder.ts';
import { ProtoWriter } from './proto-writer.ts';

/** One file of weights. Files stay below 1 GiB, so that a reader can hold and hash one at a time. */
export interface ExternalFile {
  path: string;
  bytes: number;
  weights: { weight: GraphWeight; offset: number; bytes: number }[];
}

/** A graph that is ready to be written. */
export interface EncodedGraph {
  /** The .onnx file; names the external files. The same network and precision give the same bytes. */
  model: Uint8Array;
  external: ExternalFile[];
  /** For the bundle's manifest. */
  spec: GraphSpec;
}

const IR_VERSION = 10;
const OPSET = 20;
const MAX_FILE_BYTES = 2 ** 30;
/** Weights begin at multiples of this, so that a mapped file can be used in place. */
const ALIGNMENT = 64;

/** @param base name of the files without ending, inside the bundle */
export function encodeGraph(graph: GraphBuilder, base: string): EncodedGraph {
  const external = layOut([...graph.initializers.values()], base);
  const location = new Map(external.flatMap((file) => file.weights.map((entry) => [entry.weight.name, { file, entry }] as const)));
  const model = encodeModel(graph, graph.nodes, (tensor, { name, dtype, shape }) => {
    const { file, entry } = location.get(name)!;
    tensor.packedInts(1, shape).int(2, ONNX_DTYPE[dtype]).string(8, name);
    for (const [key, value] of Object.entries({ location: file.path, offset: entry.offset, length: entry.bytes }))
      tensor.message(13, (pair) => pair.string(1, key).string(2, String(value)));
    tensor.int(14, 1);
  });
  const tensors = (values: readonly Value[]) => values.map(({ name, dtype, shape }) => ({ name, dtype, dims: [...shape] }));
  return {
    model,
    external,
    spec: {
      file: `${base}.onnx`,
      inputs: tensors(graph.inputs),
      outputs: tensors(graph.outputs),
      externalData: external.map((file) => file.path),
    },
  };
}

/** Weights of at least so many elements are worth storing in half precision. The exporters' SMALLEST (models/common/bundle.py) says the same. */
const WORTH_HALF = 256;

/**
 * A graph with its weights in one .onnx file, the larger ones of float32 stored in half precision with a Cast, which runtimes do once when they load it.
 * For networks of a few million parameters. The same network and weights give the same bytes.
 * @throws CheckpointDamagedError when a weight has another length than its shape says, whatever the source throws, the signal's reason
 */
export async function encodeWholeGraph(graph: GraphBuilder, signal?: AbortSignal): Promise<Uint8Array> {
  const stored = new Map<string, { name: string; dtype: GraphWeight['dtype']; bytes: Uint8Array }>();
  const casts: GraphNode[] = [];
  for (const weight of graph.initializers.values()) {
    const half = weight.dtype === 'float32' && weight.part === undefined && elementCount(weight.shape) >= WORTH_HALF;
    const dtype = half ? 'float16' : weight.dtype;
    const name = half ? `${weight.name}_f16` : weight.name;
    stored.set(weight.name, { name, dtype, bytes: await wholeWeight(graph, { ...weight, dtype }, signal) });
    if (half)
      casts.push({ op: 'Cast', domain: '', inputs: [name], outputs: [weight.name], attributes: { to: { int: ONNX_DTYPE.float32 } } });
  }
  return encodeModel(graph, [...casts, ...graph.nodes], (tensor, { name, shape }) => {
    const data = stored.get(name)!;
    tensor.packedInts(1, shape).int(2, ONNX_DTYPE[data.dtype]).string(8, data.name).bytes(9, data.bytes);
  });
}

async function wholeWeight(graph: GraphBuilder, weight: GraphWeight, signal?: AbortSignal): Promise<Uint8Array> {
  const bytes = new Uint8Array(elementCount(weight.shape) * DTYPE_BYTES[weight.dtype]);
  let at = 0;
  for await (const piece of bytesOf(graph, weight, signal)) {
    if (at + piece.length <= bytes.length) bytes.set(piece, at);
    at += piece.length;
  }
  if (at !== bytes.length) throw new CheckpointDamagedError(graph.weights.name, `${bytes.length} bytes of ${weight.key}`, String(at));
  return bytes;
}

/** @param writeWeight writes the TensorProto of a weight */
function encodeModel(
  graph: GraphBuilder,
  nodes: readonly GraphNode[],
  writeWeight: (tensor: ProtoWriter, weight: GraphWeight) => void,
): Uint8Array {
  const model = new ProtoWriter().int(1, IR_VERSION).string(2, 'gestalt3d');
  for (const domain of new Set(['', ...graph.nodes.map((node) => node.domain)]))
    model.message(8, (opset) => opset.string(1, domain).int(2, domain === '' ? OPSET : 1));
  model.message(7, (proto) => {
    for (const node of nodes)
      proto.message(1, (message) => {
        for (const input of node.inputs) message.string(1, input);
        for (const output of node.outputs) message.string(2, output);
        message.string(4, node.op);
        if (node.domain !== '') message.string(7, node.domain);
        for (const [name, value] of Object.entries(node.attributes))
          message.message(5, (attribute) => writeAttribute(attribute, name, value));
      });
    proto.string(2, graph.name);
    for (const { name, dtype, shape, bytes } of graph.constants.values())
      proto.message(5, (tensor) => tensor.packedInts(1, shape).int(2, ONNX_DTYPE[dtype]).string(8, name).bytes(9, bytes));
    for (const weight of graph.initializers.values()) proto.message(5, (tensor) => writeWeight(tensor, weight));
    for (const value of graph.inputs) proto.message(11, (info) => writeValueInfo(info, value));
    for (const value of graph.outputs) proto.message(12, (info) => writeValueInfo(info, value));
  });
  return model.finish();
}

/**
 * The bytes of an external file, in pieces, in order; weights are converted as they stream by.
 * @throws CheckpointDamagedError when a weight has another length than its shape says, whatever the source throws, the signal's reason
 */
export async function* externalFileBytes(
  graph: GraphBuilder,
  file: ExternalFile,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for (const { weight, offset, bytes } of file.weights) {
    if (offset > at) yield new Uint8Array(offset - at);
    let streamed = 0;
    for await (const piece of bytesOf(graph, weight, signal)) {
      streamed += piece.length;
      yield piece;
    }
    if (streamed !== bytes) throw new CheckpointDamagedError(graph.weights.name, `${bytes} bytes of ${weight.key}`, String(streamed));
    at = offset + bytes;
  }
}

function bytesOf({ weights }: GraphBuilder, { key, dtype, part }: GraphWeight, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  if (part !== undefined) return eightBit(weights.stream(key, 'float32', signal), part);
  return weights.stream(key, dtype as FloatDtype, signal);
}

function layOut(weights: readonly GraphWeight[], base: string): ExternalFile[] {
  const files: ExternalFile[] = [];
  for (const weight of weights) {
    const bytes = elementCount(weight.shape) * DTYPE_BYTES[weight.dtype];
    let file = files.at(-1);
    let offset = file === undefined ? 0 : Math.ceil(file.bytes / ALIGNMENT) * ALIGNMENT;
    if (file === undefined || offset + bytes > MAX_FILE_BYTES) {
      file = { path: `${base}.${files.length}.bin`, bytes: 0, weights: [] };
      files.push(file);
      offset = 0;
    }
    file.weights.push({ weight, offset, bytes });
    file.bytes = offset + bytes;
  }
  return files;
}

function writeAttribute(message: ProtoWriter, name: string, value: Attribute): void {
  message.string(1, name);
  if ('int' in value) message.int(3, value.int).int(20, 2);
  else if ('float' in value) message.float(2, value.float).int(20, 1);
  else if ('string' in value) message.string(4, value.string).int(20, 3);
  else {
    for (const item of value.ints) message.int(8, item);
    message.int(20, 7);
  }
}

function writeValueInfo(message: ProtoWriter, { name, dtype, shape }: { name: string; dtype: Value['dtype']; shape: Shape }): void {
  message.string(1, name).message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.int(1, ONNX_DTYPE[dtype]).message(2, (dims) => {
        for (const dim of shape) dims.message(1, (entry) => (typeof dim === 'number' ? entry.int(1, dim) : entry.string(2, dim)));
      });
    }),
  );
}
