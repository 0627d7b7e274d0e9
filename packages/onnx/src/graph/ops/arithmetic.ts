import { broadcastShapes } from '../dim.ts';
import type { GraphBuilder, Value } from '../graph-builder.ts';

function binary(op: string) {
  /** Element by element, broadcasting. @throws ShapeMismatchError naming both shapes */
  return (g: GraphBuilder, a: Value, b: Value): Value => g.node(op, [a, b], broadcastShapes(op.toLowerCase(), a.shape, b.shape));
}

export const add = binary('Add');
export const sub = binary('Sub');
export const mul = binary('Mul');
export const div = binary('Div');
export const maximum = binary('Max');
export const minimum = binary('Min');

function unary(op: string) {
  return (g: GraphBuilder, x: Value): Value => g.node(op, [x], x.shape);
}

export const sigmoid = unary('Sigmoid');
export const relu = unary('Relu');
export const sin = unary('Sin');
export const cos = unary('Cos');
export const sqrt = unary('Sqrt');
export const tanh = unary('Tanh');
/** ln(1 + e^x) */
export const softplus = unary('Softplus');

/** x times a number. */
export function scale(g: GraphBuilder, x: Value, factor: number): Value {
  return factor === 1 ? x : mul(g, x, g.floats([factor], [], floatOf(x)));
}

/** x plus a number. */
export function shift(g: GraphBuilder, x: Value, by: number): Value {
  return add(g, x, g.floats([by], [], floatOf(x)));
}

/** x sigmoid(x) */
export function silu(g: GraphBuilder, x: Value): Value {
  return mul(g, x, sigmoid(g, x));
}

/** x sigmoid(1.702 x), CLIP's. */
export function quickGelu(g: GraphBuilder, x: Value): Value {
  return mul(g, x, sigmoid(g, scale(g, x, 1.702)));
}

/** x Phi(x) with the exact error function. */
export function gelu(g: GraphBuilder, x: Value): Value {
  return g.node('Gelu', [x], x.shape);
}

export function softmax(g: GraphBuilder, x: Value, axis = -1): Value {
  return g.node('Softmax', [x], x.shape, { axis: { int: axis } });
}

/** x held between two numbers; either may be left open. */
export function clamp(g: GraphBuilder, x: Value, low?: number, high?: number): Value {
  const limit = (value: number | undefined) => (value === undefined ? undefined : g.floats([value], [], floatOf(x)));
  return g.node('Clip', [x, limit(low), limit(high)], x.shape);
}

function reduction(op: string) {
  /** Over some axes, which stay as axes of size 1. */
  return (g: GraphBuilder, x: Value, axes: readonly number[]): Value =>
    g.node(
      op,
      [x, g.ints(axes)],
      x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)),
      { keepdims: { int: 1 } },
    );
}

export const mean = reduction('ReduceMean');
export const largest = reduction('ReduceMax');
export const smallest = reduction('ReduceMin');

/** The axis goes away. */
export function reduceSum(g: GraphBuilder, x: Value, axis: number): Value {
  return g.node(
    'ReduceSum',
    [x, g.ints([axis])],
    x.shape.filter((_, i) => i !== axis),
    { keepdims: { int: 0 } },
  );
}

function floatOf(x: Value): 'float32' | 'float16' {
  return x.dtype === 'float16' ? 'float16' : 'float32';
}
