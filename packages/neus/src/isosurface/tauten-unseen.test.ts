import { expect, it } from 'vitest';
import { finishWorkNow } from '../work.ts';
import { marchingCubes } from './marching-cubes.ts';
import { tautenUnseen } from './tauten-unseen.ts';
import { meshTopology } from './topology.ts';

const SIZE = 72;
const MIDDLE = SIZE / 2;

/** Mesh of a signed distance around the middle of a grid of 72^3 samples. */
function meshOf(sdf: (x: number, y: number, z: number) => number) {
  const data = Float32Array.from({ length: SIZE ** 3 }, (_, i) =>
    sdf((i % SIZE) - MIDDLE, (Math.floor(i / SIZE) % SIZE) - MIDDLE, Math.floor(i / SIZE ** 2) - MIDDLE),
  );
  return marchingCubes({ size: [SIZE, SIZE, SIZE], data }, 0);
}

/** Eyes all around at 30 degrees above the horizon. */
const EYES = Float32Array.from({ length: 48 }, (_, i) => {
  const azimuth = (Math.floor(i / 3) * Math.PI) / 8;
  return (
    MIDDLE + 150 * [Math.sin(azimuth) * Math.cos(Math.PI / 6), Math.sin(Math.PI / 6), Math.cos(azimuth) * Math.cos(Math.PI / 6)][i % 3]
  );
});

const disc = (radius: number, low: number, high: number) => (x: number, y: number, z: number) =>
  Math.max(Math.hypot(x, z) - radius, low - y, y - high);
/** The disc and what the eyes' outlines leave room for below it. */
const above = (radius: number, low: number, high: number) => (x: number, y: number, z: number) =>
  Math.max(Math.hypot(x, z) - radius, y - high, (low - y + Math.tan(Math.PI / 6) * (Math.hypot(x, z) - radius)) * Math.cos(Math.PI / 6));

it('the cone that outlines leave below a disc becomes its flat underside', () => {
  const { positions, indices } = meshOf(above(28, 0, 6));
  const before = meshTopology(positions, indices);
  const moved = finishWorkNow(tautenUnseen(positions, indices, EYES));
  const after = meshTopology(positions, indices);
  const truth = Math.PI * 28 ** 2 * 6;
  expect(before.volume / truth).toBeGreaterThan(1.8);
  expect(Math.abs(after.volume / truth - 1)).toBeLessThan(0.06);
  expect(after.closed).toBe(true);
  expect(after.euler).toBe(2);
  for (const p of moved) expect(Math.abs(positions[p * 3 + 1] - MIDDLE)).toBeLessThan(1.5);
});

it('what is seen stays where it is, and a ball keeps its underside', () => {
  const cone = meshOf(above(28, 0, 6));
  const before = cone.positions.slice();
  const moved = new Set(finishWorkNow(tautenUnseen(cone.positions, cone.indices, EYES)));
  for (let p = 0; p < before.length / 3; p++) if (!moved.has(p)) expect(cone.positions[p * 3 + 1]).toBe(before[p * 3 + 1]);
  for (let p = 0; p < before.length / 3; p++) if (before[p * 3 + 1] > MIDDLE + 1) expect(moved.has(p)).toBe(false);

  const ball = meshOf((x, y, z) => Math.hypot(x, y, z) - 25);
  expect(finishWorkNow(tautenUnseen(ball.positions, ball.indices, EYES))).toEqual([]);
});

it('a hollow that nobody sees is not spanned, and without a view from outside nothing moves', () => {
  // a groove around a column, too low to look into
  const groove = (x: number, y: number, z: number) =>
    Math.max(disc(28, -20, 20)(x, y, z), -Math.max(disc(40, -2, 2)(x, y, z), 14 - Math.hypot(x, z)));
  const { positions, indices } = meshOf(groove);
  const before = positions.slice();
  finishWorkNow(tautenUnseen(positions, indices, EYES));
  const waist = (p: Float32Array) =>
    Array.from({ length: p.length / 3 }, (_, i) => Math.hypot(p[i * 3] - MIDDLE, p[i * 3 + 2] - MIDDLE)).filter(
      (r, i) => Math.abs(before[i * 3 + 1] - MIDDLE) < 1 && r < 20,
    ).length;
  expect(waist(positions)).toBe(waist(before));
  expect(finishWorkNow(tautenUnseen(positions, indices, Float32Array.of(MIDDLE, MIDDLE, MIDDLE)))).toEqual([]);
});

it('below a roof between two walls the film slides up along the walls', () => {
  // a tunnel along z through a block; below its ceiling, a wedge that no eye sees into
  const half = 20;
  const tunnel = (x: number, y: number, z: number) => {
    const wedge = 10 - Math.tan(Math.PI / 6) * (half - Math.abs(z));
    return Math.max(Math.abs(x) - 28, Math.abs(y) - 24, Math.abs(z) - half, -Math.max(Math.abs(x) - 16, Math.abs(y) - 10, y - wedge));
  };
  const { positions, indices } = meshOf(tunnel);
  const before = positions.slice();
  finishWorkNow(tautenUnseen(positions, indices, EYES));
  const ceiling = (p: Float32Array, near: number, far: number) => {
    const heights: number[] = [];
    for (let i = 0; i < p.length; i += 3) {
      const x = Math.abs(p[i] - MIDDLE);
      const y = p[i + 1] - MIDDLE;
      if (x >= near && x < far && Math.abs(p[i + 2] - MIDDLE) < 3 && y > -6 && y < 16) heights.push(y);
    }
    return Math.min(...heights);
  };
  expect(ceiling(before, 0, 4)).toBeLessThan(2);
  expect(ceiling(positions, 0, 4)).toBeGreaterThan(7);
  expect(ceiling(positions, 10, 14)).toBeGreaterThan(6);
  expect(meshTopology(positions, indices).closed).toBe(true);
});
