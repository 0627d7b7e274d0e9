import { ShapeMismatchError } from '@gestalt3d/core';
import { type Shape, sizeOf } from '../dim.ts';
import { isWorthEightBit } from '../eight-bit.ts';
import type { GraphBuilder, Scope, Value } from '../graph-builder.ts';

export interface ConvolutionOptions {
  kernel: number;
  stride?: number;
  /** The same on all sides; default: kernel / 2, rounded down. */
  padding?: number;
  bias?: boolean;
}

/** Two or three dimensions, by the rank of x: [B, C, (D,) H, W] to [B, outChannels, ...]. Weight [out, C, k, k(, k)]. */
export function conv(
  s: Scope,
  x: Value,
  outChannels: number,
  { kernel, stride = 1, padding = kernel >> 1, bias = true }: ConvolutionOptions,
): Value {
  const { spatial, inChannels } = read(s, x);
  const weight = kernelOf(s, [outChannels, inChannels, ...spatial.map(() => kernel)]);
  const sizes = spatial.map((size) => Math.floor((size + 2 * padding - kernel) / stride) + 1);
  return s.graph.node('Conv', [x, weight, ...(bias ? [s.weight('bias', [outChannels])] : [])], [x.shape[0]!, outChannels, ...sizes], {
    kernel_shape: { ints: spatial.map(() => kernel) },
    strides: { ints: spatial.map(() => stride) },
    pads: { ints: [...spatial, ...spatial].map(() => padding) },
  });
}

/** A convolution's weight; where it is kept in 8 bits, with a step for each result channel, and unpacked whenever it is used. */
function kernelOf(s: Scope, shape: readonly number[]): Value {
  const g = s.graph;
  const elements = shape.reduce((a, b) => a * b, 1);
  if (!g.eightBit || !isWorthEightBit(elements)) return s.weight('weight', shape);
  const outChannels = shape[0]!;
  const { levels, steps } = g.eightBitWeight(s.at('weight').prefix, shape, elements / outChannels, { levels: shape, steps: [outChannels] });
  const zero = g.bytes(Array<number>(outChannels).fill(128));
  return g.node('DequantizeLinear', [levels, steps, zero], shape, { axis: { int: 0 } }, 'float32');
}

/** Transposed convolution. Weight [C, out, k, k(, k)]; size (n - 1) stride - 2 padding + kernel + outputPadding. */
export function convTranspose(
  s: Scope,
  x: Value,
  outChannels: number,
  { kernel, stride, padding, outputPadding }: { kernel: number; stride: number; padding: number; outputPadding: number },
): Value {
  const { spatial, inChannels } = read(s, x);
  const weight = s.weight('weight', [inChannels, outChannels, ...spatial.map(() => kernel)]);
  const sizes = spatial.map((size) => (size - 1) * stride - 2 * padding + kernel + outputPadding);
  return s.graph.node('ConvTranspose', [x, weight, s.weight('bias', [outChannels])], [x.shape[0]!, outChannels, ...sizes], {
    kernel_shape: { ints: spatial.map(() => kernel) },
    strides: { ints: spatial.map(() => stride) },
    pads: { ints: [...spatial, ...spatial].map(() => padding) },
    output_padding: { ints: spatial.map(() => outputPadding) },
  });
}

/** Nearest neighbour, every spatial axis doubled. */
export function upsampleNearest2(s: Scope, x: Value): Value {
  const { spatial } = read(s, x);
  const shape = [x.shape[0]!, x.shape[1]!, ...spatial.map((size) => 2 * size)];
  return s.graph.node('Resize', [x, undefined, s.graph.floats([1, 1, ...spatial.map(() => 2)])], shape, {
    mode: { string: 'nearest' },
    coordinate_transformation_mode: { string: 'asymmetric' },
    nearest_mode: { string: 'floor' },
  });
}

/** Bilinear between pixel centres, edges repeated: [B, C, H, W] to [B, C, factor H, factor W]. */
export function upsampleBilinear(g: GraphBuilder, x: Value, factor: number): Value {
  if (factor === 1) return x;
  const [batch, channels, ...spatial] = x.shape;
  const shape = [batch!, channels!, ...spatial.map((_, i) => factor * sizeOf('upsampleBilinear', x.shape, i + 2))];
  return g.node('Resize', [x, undefined, g.floats([1, 1, factor, factor])], shape, {
    mode: { string: 'linear' },
    coordinate_transformation_mode: { string: 'half_pixel' },
  });
}

/** Means of squares that do not overlap: [B, C, H, W] to [B, C, H / side, W / side]. @throws ShapeMismatchError where they do not fit */
export function averagePool(g: GraphBuilder, x: Value, side: number): Value {
  const spatial = [2, 3].map((axis) => sizeOf('averagePool', x.shape, axis));
  if (spatial.some((size) => size % side !== 0)) throw new ShapeMismatchError('averagePool', ['B', 'C', `multiples of ${side}`], x.shape);
  if (side === 1) return x;
  return g.node('AveragePool', [x], [x.shape[0]!, x.shape[1]!, ...spatial.map((size) => size / side)], {
    kernel_shape: { ints: [side, side] },
    strides: { ints: [side, side] },
  });
}

/** Bicubic with PyTorch's kernel (a = -0.75), corners aligned, no antialiasing, edges repeated: [B, C, H, W] to [B, C, size, size]. */
export function resizeBicubicAligned(s: Scope, x: Value, size: number): Value {
  const { spatial } = read(s, x);
  const shape = [x.shape[0]!, x.shape[1]!, ...spatial.map(() => size)];
  // the operator exists for float32 on every provider
  const g = s.graph;
  const resized = g.node('Resize', [g.cast(x, 'float32'), undefined, undefined, g.ints(spatial.map(() => size))], shape, {
    axes: { ints: spatial.map((_, i) => i + 2) },
    mode: { string: 'cubic' },
    cubic_coeff_a: { float: -0.75 },
    coordinate_transformation_mode: { string: 'align_corners' },
    exclude_outside: { int: 0 },
  });
  return g.cast(resized, x.dtype);
}

function read(s: Scope, { shape }: { shape: Shape }): { spatial: number[]; inChannels: number } {
  if (shape.length !== 4 && shape.length !== 5) throw new ShapeMismatchError(`input of ${s.prefix}`, ['B', 'C', '(D)', 'H', 'W'], shape);
  return {
    spatial: shape.slice(2).map((_, i) => sizeOf(`input of ${s.prefix}`, shape, i + 2)),
    inChannels: sizeOf(`input of ${s.prefix}`, shape, 1),
  };
}
