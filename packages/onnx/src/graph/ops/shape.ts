import { ShapeMismatchError } from '@gestalt3d/core';
import { type Dim, productOf, type Shape, sizeOf, sumOf } from '../dim.ts';
import type { GraphBuilder, Value } from '../graph-builder.ts';

/** The same elements under another shape. At most one symbol may move. @throws ShapeMismatchError */
export function reshape(g: GraphBuilder, x: Value, shape: Shape): Value {
  if (productOf(x.shape) !== productOf(shape)) throw new ShapeMismatchError('reshape', shape, x.shape);
  if (x.shape.length === shape.length && x.shape.every((dim, i) => dim === shape[i])) return x;
  // 0 keeps a size, -1 is what remains
  let inferred = 0;
  const sizes = shape.map((dim, i) => {
    if (typeof dim === 'number') return dim;
    if (dim === x.shape[i]) return 0;
    inferred++;
    return -1;
  });
  if (inferred > 1) throw new ShapeMismatchError('reshape', ['at most one symbol that moves'], shape);
  return g.node('Reshape', [x, g.ints(sizes)], shape);
}

/** Axis i of the result is axis order[i] of x. */
export function transpose(g: GraphBuilder, x: Value, order: readonly number[]): Value {
  if (order.length !== x.shape.length) throw new ShapeMismatchError('transpose', order, x.shape);
  return g.node(
    'Transpose',
    [x],
    order.map((axis) => x.shape[axis]!),
    { perm: { ints: order } },
  );
}

/** @throws ShapeMismatchError when any axis but the joined one differs */
export function concat(g: GraphBuilder, values: readonly Value[], axis: number): Value {
  const [first, ...others] = values;
  for (const other of others)
    if (other.shape.length !== first!.shape.length || other.shape.some((dim, i) => i !== axis && dim !== first!.shape[i]))
      throw new ShapeMismatchError(`concat on axis ${axis}`, first!.shape, other.shape);
  const shape = first!.shape.map((dim, i) => (i === axis ? sumOf(values.map((value) => value.shape[axis]!)) : dim));
  return g.node('Concat', values, shape, { axis: { int: axis } });
}

/** Squares of pixels into channels: [B, C, H, W] to [B, C side^2, H / side, W / side]; a pixel's place varies faster than its channel. @throws ShapeMismatchError */
export function pixelUnshuffle(g: GraphBuilder, x: Value, side: number): Value {
  if (side === 1) return x;
  const batch = x.shape[0]!;
  const [channels, height, width] = [1, 2, 3].map((axis) => sizeOf('pixelUnshuffle', x.shape, axis)) as [number, number, number];
  if (height % side !== 0 || width % side !== 0)
    throw new ShapeMismatchError('pixelUnshuffle', [batch, channels, `multiples of ${side}`], x.shape);
  const cells = reshape(g, x, [batch, channels, height / side, side, width / side, side]);
  return reshape(g, transpose(g, cells, [0, 1, 3, 5, 2, 4]), [batch, channels * side * side, height / side, width / side]);
}

/** The way back from `pixelUnshuffle`. @throws ShapeMismatchError */
export function pixelShuffle(g: GraphBuilder, x: Value, side: number): Value {
  if (side === 1) return x;
  const [channels, height, width] = [1, 2, 3].map((axis) => sizeOf('pixelShuffle', x.shape, axis)) as [number, number, number];
  if (channels % (side * side) !== 0)
    throw new ShapeMismatchError('pixelShuffle', ['B', `a multiple of ${side * side}`, 'H', 'W'], x.shape);
  return g.node('DepthToSpace', [x], [x.shape[0]!, channels / side / side, height * side, width * side], {
    blocksize: { int: side },
    mode: { string: 'CRD' },
  });
}

/** Elements from `start` up to, not including, `end` of one axis. */
export function slice(g: GraphBuilder, x: Value, axis: number, start: number, end: number): Value {
  const size = x.shape[axis];
  if (typeof size === 'number' && end > size) throw new ShapeMismatchError(`slice to ${end} on axis ${axis}`, [end], x.shape);
  const shape = x.shape.map((dim, i) => (i === axis ? end - start : dim));
  return g.node('Slice', [x, g.ints([start]), g.ints([end]), g.ints([axis])], shape);
}

/** Equal parts along an axis. @throws ShapeMismatchError */
export function split(g: GraphBuilder, x: Value, axis: number, parts: number): Value[] {
  const size = sizeOf('split', x.shape, axis);
  if (size % parts !== 0) throw new ShapeMismatchError('split', [`a multiple of ${parts} on axis ${axis}`], x.shape);
  const shape = x.shape.map((dim, i) => (i === axis ? size / parts : dim));
  return g.nodeWithResults(
    'Split',
    [x],
    Array.from({ length: parts }, () => shape),
    { axis: { int: axis }, num_outputs: { int: parts } },
  );
}

/** Rows of an axis by index; the index's shape takes the axis' place. */
export function gather(g: GraphBuilder, x: Value, index: Value, axis: number): Value {
  const shape: Dim[] = [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)];
  return g.node('Gather', [x, index], shape, { axis: { int: axis } });
}

/** Repeats axes of size 1. @param like gives the symbols their sizes: a value whose leading axes have them */
export function expandBatch(g: GraphBuilder, x: Value, like: Value): Value {
  if (x.shape[0] !== 1) throw new ShapeMismatchError('expandBatch', [1, ...x.shape.slice(1)], x.shape);
  const batch = like.shape[0]!;
  if (batch === 1) return x;
  const shape = [batch, ...x.shape.slice(1)];
  const ones = x.shape.slice(1).map(() => 1);
  const target =
    typeof batch === 'number'
      ? g.ints([batch, ...ones])
      : g.node('Concat', [g.node('Shape', [like], [1], { start: { int: 0 }, end: { int: 1 } }, 'int64'), g.ints(ones)], [1 + ones.length], {
          axis: { int: 0 },
        });
  return g.node('Expand', [x, target], shape);
}

/** Zeros before and after every axis. */
export function padZeros(g: GraphBuilder, x: Value, before: readonly number[], after: readonly number[]): Value {
  const shape = x.shape.map((dim, i) => {
    const added = (before[i] ?? 0) + (after[i] ?? 0);
    return added === 0 ? dim : sizeOf('pad', x.shape, i) + added;
  });
  return g.node('Pad', [x, g.ints([...before, ...after])], shape, { mode: { string: 'constant' } });
}
