import { createRng } from '@gestalt3d/core';
import { expect, it } from 'vitest';
import { pool, withDetail } from './detail.ts';

const SIZE = 16;
const fine = createRng(3)
  .fillNormal(new Float32Array(4 * SIZE * SIZE))
  .map((v) => Math.max(-1, Math.min(1, v / 2)));

it('averages blocks of each plane', () => {
  const small = pool(fine, SIZE, 4);
  expect(small).toHaveLength(4 * 16);
  let sum = 0;
  for (let y = 4; y < 8; y++) for (let x = 12; x < 16; x++) sum += fine[2 * SIZE * SIZE + y * SIZE + x]!;
  expect(small[2 * 16 + 4 + 3]).toBeCloseTo(sum / 16, 5);
});

it('gives a start that was not changed back, and adds a change without edges of its own', () => {
  expect(withDetail(pool(fine, SIZE, 2), fine, SIZE, 2)).toEqual(fine);
  const changed = withDetail(
    pool(fine, SIZE, 2).map((v) => v + 0.25),
    fine.map((v) => v / 2),
    SIZE,
    2,
  );
  expect(changed.every((v) => v >= -1 && v <= 1)).toBe(true);
  const flat = new Float32Array(4 * SIZE * SIZE);
  const raised = withDetail(new Float32Array(4 * 64).fill(0.25), flat, SIZE, 2);
  for (const v of raised) expect(v).toBeCloseTo(0.25, 6);
});
