import { ShapeMismatchError } from '@gestalt3d/core';

/** A size known when the graph is built, or a product of symbols and a number, such as 'B' or '1024*B'. */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** Product of sizes, symbols sorted: equal products give equal results. */
export function productOf(dims: Shape): Dim {
  let count = 1;
  const symbols: string[] = [];
  for (const dim of dims)
    for (const factor of String(dim).split('*'))
      if (/^\d+$/.test(factor)) count *= Number(factor);
      else symbols.push(factor);
  if (symbols.length === 0) return count;
  return [...(count === 1 ? [] : [count]), ...symbols.sort()].join('*');
}

/** Sum of sizes; one with a symbol becomes a symbol of its own. */
export function sumOf(dims: Shape): Dim {
  const numbers = dims.filter((dim) => typeof dim === 'number').reduce((sum, dim) => sum + dim, 0);
  const symbols = dims.filter((dim) => typeof dim === 'string').sort();
  if (symbols.length === 0) return numbers;
  return [...(numbers === 0 ? [] : [numbers]), ...symbols].join('+');
}

/** A size that must be known. @throws ShapeMismatchError */
export function sizeOf(what: string, shape: Shape, axis: number): number {
  const dim = shape.at(axis);
  if (typeof dim !== 'number') throw new ShapeMismatchError(what, [`a known size on axis ${axis}`], shape);
  return dim;
}

/** The shape that two broadcast to (numpy's rule). @throws ShapeMismatchError naming both */
export function broadcastShapes(what: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw new ShapeMismatchError(what, a, b);
  });
}

/** @throws ShapeMismatchError */
export function expectDims(what: string, got: Shape, expected: Shape): void {
  if (got.length !== expected.length || got.some((dim, i) => dim !== expected[i])) throw new ShapeMismatchError(what, expected, got);
}
