import { expect, it } from 'vitest';
import { keepSolids } from './keep-solids.ts';
import { marchingCubes } from './marching-cubes.ts';
import { meshTopology } from './topology.ts';

/** A plate above a ball, 40^3 samples. */
const size = 40;
const data = Float32Array.from({ length: size ** 3 }, (_, i) => {
  const [x, y, z] = [i % size, Math.floor(i / size) % size, Math.floor(i / size ** 2)];
  const plate = Math.max(Math.abs(x - 20) - 15, Math.abs(y - 28) - 2, Math.abs(z - 20) - 15);
  return Math.min(plate, Math.hypot(x - 20, y - 14, z - 20) - 5);
});
const { positions, indices } = marchingCubes({ size: [size, size, size], data }, 0);
const parts = (eyes?: number[]) => meshTopology(...meshOf(eyes)).components;
function meshOf(eyes?: number[]): [Float32Array, Uint32Array] {
  const kept = keepSolids(positions, indices, eyes && Float32Array.from(eyes));
  return [kept.positions, kept.indices];
}

it('a part that is behind another from every eye is dropped', () => {
  expect(parts()).toBe(2);
  expect(parts([20, 140, 20, 45, 130, 20])).toBe(1);
});

it('a part that one eye sees is kept', () => {
  expect(parts([20, 140, 20, 150, 14, 20])).toBe(2);
  expect(parts([20, -100, 20])).toBe(2);
});

it('the largest part is kept even if nobody sees it, and an eye in the middle says nothing', () => {
  const big = meshTopology(...meshOf([20, -60, 20]));
  expect(big.volume).toBeGreaterThan(15 * 15 * 4 * 3);
  expect(parts([20, 20, 20])).toBe(2);
});
