import { createRng } from '@gestalt3d/core';
import { expect, it } from 'vitest';
import { maskWhere, paint } from '../test/helpers.ts';
import { composeCompletion, enlarge, spread } from './compose.ts';

it('enlarge reproduces a ramp away from the border', () => {
  const plane = Float32Array.from({ length: 64 }, (_, i) => i % 8);
  const big = enlarge(plane, 8, 32);
  for (let x = 8; x < 24; x++) expect(big[16 * 32 + x]).toBeCloseTo((x + 0.5) / 4 - 0.5, 4);
});

it('spread continues a constant exactly and stays between the known values', () => {
  const known = Float32Array.from({ length: 32 * 32 }, (_, i) => (i % 32 < 10 ? 1 : 0));
  const constant = spread(new Float32Array(1024).fill(7), known, 32, 2);
  for (const value of constant) expect(value).toBeCloseTo(7, 3);
  const rng = createRng(2);
  const values = Float32Array.from(known, (k) => (k ? rng.uniform() : 100));
  for (const value of spread(values, known, 32, 2)) expect(value).toBeLessThan(1.001);
});

it('moves a hidden part to the colours at its border with the photograph', () => {
  const size = 32;
  const side = 256;
  // the network's object: a disc of one colour, half of it hidden; the photograph shows it brighter
  const values = new Float32Array(4 * size * size);
  for (let i = 0; i < size * size; i++) {
    const inside = Math.hypot((i % size) - 15.5, Math.floor(i / size) - 15.5) < 10;
    for (let c = 0; c < 3; c++) values[c * size * size + i] = inside ? -0.2 : 0;
    values[3 * size * size + i] = inside ? 1 : -1;
  }
  const disc = (x: number, y: number) => Math.hypot(x - 127.5, y - 127.5) < 80;
  const visible = maskWhere(side, side, (x, y) => disc(x, y) && x < 128);
  const photo = paint(side, side, () => [180, 140, 120]);
  const image = composeCompletion({ values, size }, photo, visible);
  const pixel = (x: number, y: number) => [...image.data.subarray((y * side + x) * 4, (y * side + x) * 4 + 4)];
  expect(pixel(80, 128)).toEqual([180, 140, 120, 255]);
  for (const x of [130, 150, 180]) {
    const [r, g, b, a] = pixel(x, 128);
    expect(Math.abs(r! - 180), `red at ${x}`).toBeLessThan(6);
    expect(Math.abs(g! - 140)).toBeLessThan(6);
    expect(Math.abs(b! - 120)).toBeLessThan(6);
    expect(a).toBe(255);
  }
  expect(pixel(240, 128)[3]).toBe(0);
});
