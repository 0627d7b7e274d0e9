import { ShapeMismatchError } from '@gestalt3d/core';
import { CheckpointUnknownError } from '../checkpoint/errors.ts';
import type { FloatDtype } from '../checkpoint/stream-tensor.ts';
import { elementCount } from '../checkpoint/tensor.ts';
import type { Dtype } from '../manifest.ts';
import { type Dim, expectDims, productOf, type Shape } from './dim.ts';
import type { EightBitPart } from './eight-bit.ts';
import type { WeightSource } from './weight-source.ts';

/** The result of a node, an input or a weight. */
export interface Value {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: Shape;
}

export type Attribute = { int: number } | { float: number } | { string: string } | { ints: readonly number[] };

export interface GraphNode {
  op: string;
  /** '' for ONNX's own operators. */
  domain: string;
  /** '' for an optional input that is left out. */
  inputs: string[];
  outputs: string[];
  attributes: Record<string, Attribute>;
}

export interface GraphConstant {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  bytes: Uint8Array;
}

/** A weight that streams into external data when the graph is written. */
export interface GraphWeight {
  name: string;
  key: string;
  dtype: FloatDtype | 'uint8';
  /** Of an 8-bit weight: which part this is. */
  part?: EightBitPart;
  /** As the graph sees it; the same elements in the same order as in the source. */
  shape: readonly number[];
}

export interface GraphBuilderOptions {
  /** Default: float32 */
  precision?: FloatDtype;
  /** Use ONNX Runtime's fused operators where they are faster; false gives a graph of standard operators only. Default: true */
  fused?: boolean;
  /** Keep the large weights of convolutions and linear layers in 8 bits; arithmetic stays in the graph's precision, float32. Default: false */
  eightBit?: boolean;
}

/**
 * Collects a graph. Values know their types and shapes, so a mistake fails where the layer is written, not when the file is loaded.
 * With precision float16, weights and arithmetic are fp16 and normalisation fp32; inputs and outputs stay fp32.
 */
export class GraphBuilder {
  readonly name: string;
  readonly precision: FloatDtype;
  readonly weights: WeightSource;
  readonly fused: boolean;
  readonly eightBit: boolean;
  readonly nodes: GraphNode[] = [];
  readonly constants = new Map<string, GraphConstant>();
  readonly initializers = new Map<string, GraphWeight>();
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  #count = 0;

  constructor(name: string, weights: WeightSource, { precision = 'float32', fused = true, eightBit = false }: GraphBuilderOptions = {}) {
    this.name = name;
    this.weights = weights;
    this.precision = precision;
    this.fused = fused;
    this.eightBit = eightBit && precision === 'float32';
  }

  /** An input of the graph. float32 ones are converted to the graph's precision. */
  input(name: string, dtype: Dtype, shape: Shape): Value {
    const value = this.exactInput(name, dtype, shape);
    return dtype === 'float32' ? this.cast(value, this.precision) : value;
  }

  /** An input whose precision matters (timesteps, coordinates): used as it comes. */
  exactInput(name: string, dtype: Dtype, shape: Shape): Value {
    const value = { name, dtype, shape };
    this.inputs.push(value);
    return value;
  }

  /** Names a result. Floating-point ones leave the graph as float32. */
  output(name: string, value: Value): void {
    const dtype = value.dtype === 'float16' ? 'float32' : value.dtype;
    this.nodes.push({ op: 'Cast', domain: '', inputs: [value.name], outputs: [name], attributes: { to: { int: ONNX_DTYPE[dtype] } } });
    this.outputs.push({ name, dtype, shape: value.shape });
  }

  /**
   * A tensor of the weight source.
   * @param shape what the source must have
   * @param as the shape under which the graph uses the same elements
   * @throws CheckpointUnknownError when it is not there, ShapeMismatchError when it has another shape
   */
  weight(key: string, shape: readonly number[], as: readonly number[] = shape): Value {
    this.#expectWeight(key, shape);
    if (productOf(shape) !== productOf(as)) throw new ShapeMismatchError(key, as, shape);
    const name = expectedName(key, as, shape);
    this.initializers.set(name, { name, key, dtype: this.precision, shape: as });
    return { name, dtype: this.precision, shape: as };
  }

  /**
   * A tensor of the weight source in 8 bits, about (levels - 128) times the step of its block.
   * @param block consecutive numbers that share a step
   * @param as the shapes under which the graph uses both parts: levels uint8, as many as the tensor's elements, steps float32, one a block
   * @throws as `weight`
   */
  eightBitWeight(
    key: string,
    shape: readonly number[],
    block: number,
    as: { levels: readonly number[]; steps: readonly number[] },
  ): { levels: Value; steps: Value } {
    this.#expectWeight(key, shape);
    if (elementCount(as.levels) !== elementCount(shape)) throw new ShapeMismatchError(key, as.levels, shape);
    if (elementCount(as.steps) * block !== elementCount(shape)) throw new ShapeMismatchError(`${key}, blocks of ${block}`, as.steps, shape);
    const part = (kind: EightBitPart['kind'], dtype: 'uint8' | 'float32'): Value => {
      const name = `${key}:${kind}`;
      this.initializers.set(name, { name, key, dtype, shape: as[kind], part: { kind, block } });
      return { name, dtype, shape: as[kind] };
    };
    return { levels: part('levels', 'uint8'), steps: part('steps', 'float32') };
  }

  /** Whole numbers (shapes, indices); kept in the graph itself, equal ones once. */
  ints(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    const data = BigInt64Array.from(values, (value) => BigInt(value));
    return this.#constant('int64', shape, new Uint8Array(data.buffer), `i${shape.join('x')}:${values.join(',')}`);
  }

  /** A table of indices, for gathering; kept in the graph itself. */
  indices(values: Int32Array, shape: readonly number[]): Value {
    return this.#constant(
      'int32',
      shape,
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      `n${shape.join('x')}:${values.join(',')}`,
    );
  }

  /** Numbers in the graph's precision, or in float32 where that matters; kept in the graph itself. */
  floats(values: readonly number[] | Float32Array, shape: readonly number[] = [values.length], dtype: FloatDtype = 'float32'): Value {
    const constant = this.#constant(
      'float32',
      shape,
      new Uint8Array(Float32Array.from(values).buffer),
      `f${shape.join('x')}:${values.join(',')}`,
    );
    return this.cast(constant, dtype);
  }

  /** Small whole numbers from 0 to 255; kept in the graph itself. */
  bytes(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    return this.#constant('uint8', shape, Uint8Array.from(values), `b${shape.join('x')}:${values.join(',')}`);
  }

  cast(value: Value, dtype: Dtype): Value {
    return value.dtype === dtype ? value : this.node('Cast', [value], value.shape, { to: { int: ONNX_DTYPE[dtype] } }, dtype);
  }

  /** Adds a node with one result. 'domain:Op' is an operator of another domain. The operators in `ops` are made of this; networks call those. */
  node(
    op: string,
    inputs: readonly (Value | undefined)[],
    shape: Shape,
    attributes: Record<string, Attribute> = {},
    dtype: Dtype = inputs[0]!.dtype,
  ): Value {
    return this.nodeWithResults(op, inputs, [shape], attributes, dtype)[0]!;
  }

  nodeWithResults(
    op: string,
    inputs: readonly (Value | undefined)[],
    shapes: readonly Shape[],
    attributes: Record<string, Attribute>,
    dtype: Dtype = inputs[0]!.dtype,
  ): Value[] {
    for (const shape of shapes)
      if (shape.some((dim) => typeof dim === 'number' && !(Number.isInteger(dim) && dim > 0)))
        throw new ShapeMismatchError(`result of ${op}`, ['sizes of at least 1'], shape);
    const [kind, domain = ''] = op.split(':').reverse() as [string, string?];
    const values = shapes.map((shape): Value => ({ name: `${kind}_${this.#count++}`, dtype, shape }));
    this.nodes.push({
      op: kind,
      domain,
      inputs: inputs.map((value) => value?.name ?? ''),
      outputs: values.map((value) => value.name),
      attributes,
    });
    return values;
  }

  /** A part of the network: its weights' names begin with the prefix. */
  scope(prefix = ''): Scope {
    return new Scope(this, prefix);
  }

  #expectWeight(key: string, shape: readonly number[]): void {
    const found = this.weights.shapeOf(key);
    if (found === undefined)
      throw new CheckpointUnknownError(this.weights.name, `a tensor ${key} [${shape.join(', ')}]`, 'none of that name');
    expectDims(key, found, shape);
  }

  #constant(dtype: Dtype, shape: readonly number[], bytes: Uint8Array, key: string): Value {
    const known = this.constants.get(key) ?? { name: `const_${this.constants.size}`, dtype, shape, bytes };
    this.constants.set(key, known);
    return { name: known.name, dtype, shape };
  }
}

/** A place in the tree of modules, as state dictionaries spell it: `scope.at('mid', 'block_1')` stands for `mid.block_1`. */
export class Scope {
  readonly graph: GraphBuilder;
  readonly prefix: string;

  constructor(graph: GraphBuilder, prefix: string) {
    this.graph = graph;
    this.prefix = prefix;
  }

  at(...names: (string | number)[]): Scope {
    return new Scope(this.graph, [this.prefix, ...names].filter((name) => name !== '').join('.'));
  }

  weight(name: string, shape: readonly number[], as?: readonly number[]): Value {
    return this.graph.weight(this.at(name).prefix, shape, as);
  }
}

/** One source tensor may be seen under several shapes. */
function expectedName(key: string, as: readonly Dim[], shape: readonly Dim[]): string {
  return as.length === shape.length && as.every((dim, i) => dim === shape[i]) ? key : `${key}[${as.join(',')}]`;
}

/** TensorProto.DataType */
export const ONNX_DTYPE: Record<Dtype, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10 };
