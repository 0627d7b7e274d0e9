import { createRng } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { gaussian } from './gaussian.ts';
import { measureLens } from './lens.ts';
import { plain } from './test-scene.test-helper.ts';

const SIZE = 96;
const all = { x: 0, y: 0, width: SIZE, height: SIZE };

/** Subpixels along a side of a pixel. */
const FINE = 4;

/** Squares of two greys whose edges lie at every part of a pixel, blurred by `sigma` pixels, seen by square pixels, with noise of `noise`. */
function chart(sigma: number, noise: number) {
  const rng = createRng(5);
  const side = SIZE * FINE;
  const cell = (k: number) => Math.floor(k / (23.7 * FINE));
  const fine = gaussian(
    Float32Array.from({ length: side * side }, (_, i) => ((cell(i % side) + cell(Math.floor(i / side))) % 2 ? 180 : 60)),
    side,
    side,
    sigma * FINE,
  );
  const image = plain(SIZE, SIZE, 3, 0);
  for (let i = 0; i < SIZE * SIZE; i++) {
    let sum = 0;
    for (let k = 0; k < FINE * FINE; k++)
      sum += fine[(Math.floor(i / SIZE) * FINE + Math.floor(k / FINE)) * side + (i % SIZE) * FINE + (k % FINE)]!;
    image.data.fill(Math.min(Math.max(Math.round(sum / FINE ** 2 + noise * rng.normal()), 0), 255), i * 3, i * 3 + 3);
  }
  return image;
}

describe('measureLens', () => {
  it.each([0.6, 0.8, 1, 1.4, 1.8])('reads a blur of %s pixels', (sigma) => {
    // a square pixel has a variance of 1/12
    const seen = Math.hypot(sigma, Math.sqrt(1 / 12));
    expect(Math.abs(measureLens(chart(sigma, 0), all).blurSigma / seen - 1)).toBeLessThan(0.1);
  });

  it.each([1, 3, 6])('reads noise of deviation %s', (noise) => {
    expect(Math.abs(measureLens(chart(1, noise), all).noiseSigma / noise - 1)).toBeLessThan(0.15);
  });

  it('takes no noise from a clean picture and none of what is transparent', () => {
    expect(measureLens(plain(SIZE, SIZE, 3, 90), all).noiseSigma).toBe(0);
    const half = plain(SIZE, SIZE, 4, 0, 0, 0, 0);
    for (let y = 0; y < SIZE; y++) for (let x = 0; x < 40; x++) half.data.set([200, 200, 200, 255], (y * SIZE + x) * 4);
    expect(measureLens(half, all).brightness).toBeCloseTo(200, 3);
    expect(measureLens(half, all).noiseSigma).toBe(0);
  });
});
