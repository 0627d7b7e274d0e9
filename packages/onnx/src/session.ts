import { GestaltError, ModelCorruptError, NumericalError, ShapeMismatchError } from '@gestalt3d/core';
import { Tensor } from 'onnxruntime-common';
import type { RuntimeSession } from './backend.ts';
import type { Dtype, GraphSpec, TensorSpec } from './manifest.ts';

/** fp16 travels as its bits. */
export interface DtypeArrays {
  float32: Float32Array;
  float16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

export type TensorValue<D extends Dtype = Dtype> = { [K in D]: { dtype: K; dims: readonly number[]; data: DtypeArrays[K] } }[D];

export function float32(data: Float32Array, dims: readonly number[]): TensorValue<'float32'> {
  return { dtype: 'float32', dims, data };
}

/** A graph that is ready to run, with its inputs and outputs checked against the manifest at every call. */
export class Session {
  readonly label: string;
  readonly spec: GraphSpec;
  #session: RuntimeSession | undefined;

  private constructor(label: string, spec: GraphSpec, session: RuntimeSession) {
    this.label = label;
    this.spec = spec;
    this.#session = session;
  }

  /** @throws ModelCorruptError that lists every name, type and rank in which graph and manifest differ */
  static async open(label: string, spec: GraphSpec, session: RuntimeSession): Promise<Session> {
    const problems = [
      ...differences('input', spec.inputs, session.inputNames, session.inputMetadata),
      ...differences('output', spec.outputs, session.outputNames, session.outputMetadata),
    ];
    if (problems.length > 0) {
      await session.release();
      throw new ModelCorruptError(label, problems.join('; '));
    }
    return new Session(label, spec, session);
  }

  /**
   * Runs the graph once. A run that has begun is not interrupted; the signal is looked at before and after.
   * @throws ShapeMismatchError, NumericalError (an output that is not finite), the signal's reason
   */
  async run(inputs: Record<string, TensorValue>, signal?: AbortSignal): Promise<Record<string, TensorValue>> {
    signal?.throwIfAborted();
    if (this.#session === undefined) throw new GestaltError('shape-mismatch', `session ${this.label} is disposed; open it again`);
    const symbols = new Map<string, number>();
    checkNames(this.label, this.spec.inputs, Object.keys(inputs));
    const feeds: Record<string, Tensor> = {};
    for (const spec of this.spec.inputs) {
      const value = inputs[spec.name]!;
      if (value.dtype !== spec.dtype)
        throw new GestaltError('shape-mismatch', `tensor ${this.label}.${spec.name}: expected ${spec.dtype}, got ${value.dtype}`);
      expectShape(`${this.label}.${spec.name}`, value.dims, spec.dims, symbols);
      const count = value.dims.reduce((product, d) => product * d, 1);
      if (value.data.length !== count) throw new ShapeMismatchError(`${this.label}.${spec.name} data`, [count], [value.data.length]);
      feeds[spec.name] = new Tensor(value.dtype, value.data as never, value.dims);
    }
    const results = await this.#session.run(feeds);
    signal?.throwIfAborted();
    const outputs: Record<string, TensorValue> = {};
    for (const spec of this.spec.outputs) {
      const result = results[spec.name] as Tensor;
      expectShape(`${this.label}.${spec.name}`, result.dims, spec.dims, symbols);
      if (result.type === 'float32') checkFinite(`${this.label}.${spec.name}`, result.data as Float32Array);
      outputs[spec.name] = { dtype: spec.dtype, dims: result.dims, data: result.data } as TensorValue;
    }
    return outputs;
  }

  /** As `run`, for a graph with one float32 output. */
  async runSingle(inputs: Record<string, TensorValue>, signal?: AbortSignal): Promise<Float32Array> {
    const output = (await this.run(inputs, signal))[this.spec.outputs[0]!.name]!;
    if (output.dtype !== 'float32')
      throw new GestaltError('shape-mismatch', `tensor ${this.label}.${this.spec.outputs[0]!.name}: expected float32, got ${output.dtype}`);
    return output.data;
  }

  /** Frees what the runtime holds; further runs fail. */
  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.release();
  }
}

/**
 * Compares a shape with one that may hold symbols. A symbol takes the first size it meets and must keep it.
 * @throws ShapeMismatchError
 */
export function expectShape(
  tensor: string,
  got: readonly number[],
  expected: readonly (number | string)[],
  symbols: Map<string, number> = new Map(),
): void {
  const matches =
    got.length === expected.length &&
    expected.every((dim, i) => {
      if (typeof dim === 'number') return dim === got[i];
      const bound = symbols.get(dim);
      if (bound === undefined) symbols.set(dim, got[i]!);
      return (bound ?? got[i]) === got[i];
    });
  if (matches) return;
  const shown = expected.map((dim) => (typeof dim === 'string' && symbols.has(dim) ? `${dim}=${symbols.get(dim)}` : dim));
  throw new ShapeMismatchError(tensor, shown, got);
}

function checkNames(label: string, specs: TensorSpec[], given: string[]): void {
  const names = specs.map((spec) => spec.name);
  const missing = names.filter((name) => !given.includes(name));
  const unknown = given.filter((name) => !names.includes(name));
  if (missing.length + unknown.length === 0) return;
  throw new GestaltError('shape-mismatch', `inputs of ${label}: expected ${names.join(', ')}, got ${given.join(', ') || 'none'}`);
}

function checkFinite(tensor: string, data: Float32Array): void {
  let bad = 0;
  for (const value of data) if (!Number.isFinite(value)) bad++;
  if (bad > 0) throw new NumericalError(tensor, 'the output of a model', bad);
}

function differences(
  side: 'input' | 'output',
  specs: TensorSpec[],
  names: readonly string[],
  metadata: RuntimeSession['inputMetadata'],
): string[] {
  const problems: string[] = [];
  for (const name of names) if (!specs.some((spec) => spec.name === name)) problems.push(`${side} ${name} is not in the manifest`);
  for (const spec of specs) {
    if (!names.includes(spec.name)) {
      problems.push(`${side} ${spec.name} is not in the graph`);
      continue;
    }
    const found = metadata?.find((entry) => entry.name === spec.name);
    if (found === undefined || !found.isTensor) continue;
    if (found.type !== spec.dtype) problems.push(`${side} ${spec.name} is ${found.type}, the manifest says ${spec.dtype}`);
    const { shape } = found;
    const same =
      shape.length === spec.dims.length &&
      shape.every((d, i) => typeof d === 'string' || typeof spec.dims[i] === 'string' || d === spec.dims[i]);
    if (shape.length > 0 && !same)
      problems.push(`${side} ${spec.name} is [${shape.join(', ')}], the manifest says [${spec.dims.join(', ')}]`);
  }
  return problems;
}
