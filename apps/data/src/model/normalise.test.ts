import { createRng } from '@gestalt3d/core';
import { expect, test } from 'vitest';
import type { Batch } from './batch.ts';
import { normalise, triangleCount } from './normalise.ts';

/** Triangles that scatter over a box, small beside it. */
function cloud(count: number, size: [number, number, number], seed = 1): Batch {
  const rng = createRng(seed);
  const position = new Float32Array(count * 9);
  for (let t = 0; t < count; t++) {
    const corner = size.map((side) => (rng.uniform() - 0.5) * side);
    for (let i = 0; i < 9; i++) position[t * 9 + i] = corner[i % 3]! + (rng.uniform() - 0.5) * 0.1 * size[i % 3]!;
  }
  return {
    name: 'cloud',
    position,
    normal: new Float32Array(count * 9).fill(1),
    uv: new Float32Array(count * 6),
    colour: [1, 1, 1],
    opacity: 1,
  };
}

function triangle(...position: number[]): Batch {
  return {
    name: 'one',
    position: new Float32Array(position),
    normal: new Float32Array(9),
    uv: new Float32Array(6),
    colour: [1, 0, 0],
    opacity: 1,
  };
}

function boxOf(batches: readonly Batch[]): { min: number[]; max: number[] } {
  const values = batches.flatMap(({ position }) => Array.from(position));
  const axis = (k: number) => values.filter((_, i) => i % 3 === k);
  return { min: [0, 1, 2].map((k) => Math.min(...axis(k))), max: [0, 1, 2].map((k) => Math.max(...axis(k))) };
}

test('longest side 1, box centred; the input stays as it is', () => {
  const batch = cloud(300, [4, 2, 1]);
  const before = batch.position.slice();
  const { batches, stray } = normalise([batch]);
  const { min, max } = boxOf(batches);
  expect(stray).toBe(0);
  expect(Math.max(...max.map((value, k) => value - min[k]!))).toBeCloseTo(1, 5);
  for (let k = 0; k < 3; k++) expect(max[k]! + min[k]!).toBeCloseTo(0, 5);
  expect(batch.position).toEqual(before);
});

test('a stray triangle far away is dropped and counted; its attributes go with it', () => {
  const far = triangle(90, 90, 90, 90.001, 90, 90, 90, 90.001, 90);
  const { batches, stray } = normalise([cloud(500, [1, 1, 1]), far]);
  expect(stray).toBe(1);
  expect(triangleCount(batches)).toBe(500);
  expect(batches.every(({ position, normal, uv }) => normal.length === position.length && uv.length * 3 === position.length * 2)).toBe(
    true,
  );
});

test('a large part that sticks out stays: it is surface, not dirt', () => {
  const arm = triangle(0, 0, 0, 3, 0, 0, 3, 0.5, 0);
  const { stray, batches } = normalise([cloud(100, [1, 1, 1]), arm]);
  expect(stray).toBe(0);
  expect(triangleCount(batches)).toBe(101);
});

test('triangles with numbers that are none are dropped; nothing left is nothing', () => {
  const broken = triangle(Number.NaN, 0, 0, 1, 0, 0, 0, 1, 0);
  expect(triangleCount(normalise([cloud(50, [1, 1, 1]), broken]).batches)).toBe(50);
  expect(normalise([broken]).batches).toEqual([]);
  expect(normalise([]).batches).toEqual([]);
  expect(normalise([triangle(1, 1, 1, 1, 1, 1, 1, 1, 1)]).batches).toEqual([]);
});

test('a beam of a few long triangles is not stray', () => {
  const beam = (y: number) => [triangle(-5, y, 0, 5, y, 0, 5, y, 0.1), triangle(-5, y, 0, 5, y, 0.1, -5, y, 0.1)];
  const { batches, stray } = normalise([...beam(0), ...beam(0.1), ...beam(0.2)]);
  expect(stray).toBe(0);
  expect(triangleCount(batches)).toBe(6);
  expect(boxOf(batches).max[0]).toBeCloseTo(0.5, 6);
});
