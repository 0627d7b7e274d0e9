import { createRng } from '@gestalt3d/core';
import { expect, it } from 'vitest';
import { GridCut } from './maxflow.ts';

/** Cost of a labelling: the capacities it cuts. */
function cost(width: number, height: number, unary: Int32Array, pairs: [number, number, number][], labels: number): number {
  let sum = 0;
  for (let i = 0; i < width * height; i++) {
    const source = (labels >> i) & 1;
    if (unary[i]! > 0 && source === 0) sum += unary[i]!;
    if (unary[i]! < 0 && source === 1) sum -= unary[i]!;
  }
  for (const [a, b, capacity] of pairs) if (((labels >> a) & 1) !== ((labels >> b) & 1)) sum += capacity;
  return sum;
}

it('finds the cheapest of all labellings of small grids, seeds 0 to 59', () => {
  const steps = [
    [1, 0],
    [0, 1],
    [1, 1],
    [-1, 1],
  ] as const;
  const arcOfStep = [0, 2, 4, 6];
  for (let seed = 0; seed < 60; seed++) {
    const rng = createRng(seed);
    const width = 2 + rng.integer(3);
    const height = 2 + rng.integer(2);
    const cut = new GridCut(width, height);
    const unary = new Int32Array(width * height);
    const pairs: [number, number, number][] = [];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        unary[y * width + x] = rng.integer(21) - 10;
        cut.terminal[cut.node(x, y)] = unary[y * width + x]!;
        steps.forEach(([dx, dy], k) => {
          if (x + dx < 0 || x + dx >= width || y + dy >= height) return;
          const capacity = rng.integer(6);
          cut.link(cut.node(x, y), arcOfStep[k]!, capacity);
          pairs.push([y * width + x, (y + dy) * width + x + dx, capacity]);
        });
      }
    cut.solve();
    let labels = 0;
    for (let i = 0; i < width * height; i++) if (cut.isSource(cut.node(i % width, Math.floor(i / width)))) labels |= 1 << i;
    let best = Infinity;
    for (let candidate = 0; candidate < 1 << (width * height); candidate++)
      best = Math.min(best, cost(width, height, unary, pairs, candidate));
    expect(cost(width, height, unary, pairs, labels), `seed ${seed}`).toBe(best);
  }
});
