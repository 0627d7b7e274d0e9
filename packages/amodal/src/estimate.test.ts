import { expect, it } from 'vitest';
import { departureOf, drawEstimate } from './estimate.ts';

const SIZE = 16;
const plane = SIZE * SIZE;
/** Left third certain, right third certain not, the middle open; colour 0.5. */
const estimate = new Float32Array(4 * plane).fill(0.5);
for (let i = 0; i < plane; i++) estimate[3 * plane + i] = i % SIZE < 5 ? 30 : i % SIZE > 10 ? -30 : 0.2;
const spec = { bias: 0.2, sharpness: 2, spread: 3 };

it('the first sample is the estimate itself: alpha one half where the logit is the bias', () => {
  const drawn = drawEstimate(estimate, SIZE, spec, departureOf([1, 2], 0));
  for (let i = 0; i < plane; i++) {
    const alpha = i % SIZE < 5 ? 1 : i % SIZE > 10 ? 0 : 0.5;
    expect(drawn[3 * plane + i]).toBeCloseTo(2 * alpha - 1, 5);
    expect(drawn[i]).toBeCloseTo(0.5 * alpha, 5);
  }
});

it('draws differ where the estimate is open and nowhere else, and are the same for the same seed', () => {
  const draws = Array.from({ length: 40 }, (_, seed) => drawEstimate(estimate, SIZE, spec, departureOf([0, seed], 1)));
  const alphas = (i: number) => draws.map((drawn) => drawn[3 * plane + i]!);
  for (let y = 0; y < SIZE; y++) {
    expect(Math.min(...alphas(y * SIZE + 2))).toBeGreaterThan(0.999);
    expect(Math.max(...alphas(y * SIZE + 13))).toBeLessThan(-0.999);
    const open = alphas(y * SIZE + 8);
    expect(Math.min(...open)).toBeLessThan(-0.5);
    expect(Math.max(...open)).toBeGreaterThan(0.5);
  }
  expect(drawEstimate(estimate, SIZE, spec, departureOf([0, 3], 1))).toEqual(draws[3]);
});

it('whole regions come and go together: neighbours change alike', () => {
  let apart = 0;
  for (let seed = 0; seed < 40; seed++) {
    const drawn = drawEstimate(estimate, SIZE, spec, departureOf([0, seed], 1));
    for (let y = 0; y + 1 < SIZE; y++)
      apart = Math.max(apart, Math.abs(drawn[3 * plane + y * SIZE + 8]! - drawn[3 * plane + (y + 1) * SIZE + 8]!));
  }
  expect(apart).toBeLessThan(1);
});

it('samples depart from the estimate in opposite pairs', () => {
  const seeds = [4, 5, 6, 7, 8];
  expect([...departureOf(seeds, 0)]).toEqual([0, 0, 0, 0]);
  for (const k of [1, 3]) {
    const departure = departureOf(seeds, k);
    expect(Math.hypot(...departure)).toBeGreaterThan(0.1);
    expect([...departureOf(seeds, k + 1)]).toEqual([...departure].map((value) => -value));
  }
  expect(departureOf(seeds, 1)).not.toEqual(departureOf(seeds, 3));
});

it('the first pair has more of the object and less of it, by the same, whatever the seed', () => {
  const area = (corners: Float32Array) =>
    drawEstimate(estimate, SIZE, spec, corners)
      .subarray(3 * plane)
      .reduce((sum, v) => sum + v, 0);
  const expected = area(departureOf([1], 0));
  const signs = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const [one, other] = [1, 2].map((k) => departureOf([0, seed, 0], k)) as [Float32Array, Float32Array];
    const mean = one.reduce((sum, v) => sum + v / 4, 0);
    expect(Math.abs(mean)).toBeCloseTo(0.5, 5);
    signs.add(Math.sign(mean));
    expect(Math.sign(area(one) - expected)).toBe(Math.sign(mean));
    expect(Math.sign(area(other) - expected)).toBe(-Math.sign(mean));
  }
  expect(signs).toEqual(new Set([-1, 1]));
});
