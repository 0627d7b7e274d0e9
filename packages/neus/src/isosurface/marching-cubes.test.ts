import { createRng } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { marchingCubesCases } from './cases.ts';
import { keepSolids } from './keep-solids.ts';
import { marchingCubes, type ScalarGrid } from './marching-cubes.ts';
import { meshTopology } from './topology.ts';

const EDGE = 40;
/** Grid over [-1, 1]^3 of a function. */
function sample(f: (x: number, y: number, z: number) => number, edge = EDGE): ScalarGrid {
  const data = new Float32Array(edge ** 3);
  const at = (i: number) => (2 * i) / (edge - 1) - 1;
  for (let z = 0, i = 0; z < edge; z++) for (let y = 0; y < edge; y++) for (let x = 0; x < edge; x++, i++) data[i] = f(at(x), at(y), at(z));
  return { size: [edge, edge, edge], data };
}
const toWorld = (volume: number, edge = EDGE) => volume * (2 / (edge - 1)) ** 3;
const ball = (x: number, y: number, z: number, r: number) => Math.hypot(x, y, z) - r;

describe('marching cubes', () => {
  it('has triangles for all 256 cases, at most 5 a cell... or as many as its loops need', () => {
    const cases = marchingCubesCases();
    expect(cases[0]).toEqual([]);
    expect(cases[255]).toEqual([]);
    expect(cases.every((edges) => edges.length % 3 === 0 && edges.length <= 15)).toBe(true);
  });

  it.each<[string, (x: number, y: number, z: number) => number, number, number, number, number]>([
    ['sphere', (x, y, z) => ball(x, y, z, 0.7), 2, 1, (4 / 3) * Math.PI * 0.343, 0.01],
    ['torus', (x, y, z) => Math.hypot(Math.hypot(x, z) - 0.55, y) - 0.25, 0, 1, 2 * Math.PI ** 2 * 0.55 * 0.0625, 0.01],
    ['box', (x, y, z) => Math.max(Math.abs(x) - 0.5, Math.abs(y) - 0.6, Math.abs(z) - 0.7), 2, 1, 1 * 1.2 * 1.4, 0.02],
    [
      'two spheres',
      (x, y, z) => Math.min(ball(x - 0.45, y, z, 0.35), ball(x + 0.45, y, z, 0.35)),
      4,
      2,
      (8 / 3) * Math.PI * 0.35 ** 3,
      0.02,
    ],
  ])('%s: closed, outward, right genus and volume', (_name, f, euler, components, volume, tolerance) => {
    const { positions, indices } = marchingCubes(sample(f));
    const got = meshTopology(positions, indices);
    expect(got).toMatchObject({ closed: true, euler, components });
    expect(Math.abs(toWorld(got.volume) / volume - 1)).toBeLessThan(tolerance);
  });

  it('puts vertices on the surface', () => {
    const { positions } = marchingCubes(sample((x, y, z) => ball(x, y, z, 0.7)));
    for (let i = 0; i < positions.length; i += 3) {
      const [x, y, z] = [0, 1, 2].map((c) => (2 * positions[i + c]) / (EDGE - 1) - 1);
      expect(Math.abs(Math.hypot(x, y, z) - 0.7)).toBeLessThan(0.002);
    }
  });

  it('closes what the border cuts', () => {
    const { positions, indices } = marchingCubes(sample((x, y, z) => ball(x, y, z, 1.2), 16));
    expect(meshTopology(positions, indices)).toMatchObject({ closed: true, euler: 2, components: 1 });
    const all = marchingCubes(sample(() => -1, 5));
    expect(meshTopology(all.positions, all.indices)).toMatchObject({ closed: true, euler: 2, components: 1 });
    // a cap half a sample beyond the border on each side, without its edges and corners
    expect(meshTopology(all.positions, all.indices).volume).toBeGreaterThan(100);
  });

  it.each([1, 2, 3, 4])('stays a closed manifold on noise (seed %i), ties and NaN', (seed) => {
    const rng = createRng(seed);
    const edge = 14;
    const data = Float32Array.from({ length: edge ** 3 }, () => (seed === 3 ? rng.integer(3) - 1 : rng.normal()));
    if (seed === 4) for (let i = 0; i < data.length; i += 7) data[i] = Number.NaN;
    const { positions, indices } = marchingCubes({ size: [edge, edge, edge], data });
    const got = meshTopology(positions, indices);
    expect(got.closed).toBe(true);
    expect(got.volume).toBeGreaterThan(0);
    expect(positions.every(Number.isFinite)).toBe(true);
  });

  it('takes layers, other levels, uneven sizes and empty grids', () => {
    const grid = sample((x, y, z) => ball(x, y, z, 0.5), 20);
    const layered = marchingCubes({ size: grid.size, layer: (z, out) => out.set(grid.data.subarray(z * 400, (z + 1) * 400)) }, 0.2);
    const whole = marchingCubes(grid, 0.2);
    expect(layered.positions).toEqual(whole.positions);
    expect(layered.indices).toEqual(whole.indices);
    expect(toWorld(meshTopology(whole.positions, whole.indices).volume, 20)).toBeCloseTo((4 / 3) * Math.PI * 0.343, 1);
    const thin = marchingCubes({ size: [3, 1, 2], data: Float32Array.from([1, -1, 1, 1, -1, 1]) });
    expect(meshTopology(thin.positions, thin.indices)).toMatchObject({ closed: true, euler: 2 });
    expect(marchingCubes({ size: [2, 2, 2], data: new Float32Array(8).fill(1) }).indices.length).toBe(0);
  });
});

describe('keepSolids', () => {
  it('drops cavities and crumbs', () => {
    const shell = sample((x, y, z) => Math.min(Math.max(ball(x, y, z, 0.6), -ball(x, y, z, 0.3)), ball(x - 0.85, y - 0.85, z, 0.06)));
    const { positions, indices } = marchingCubes(shell);
    expect(meshTopology(positions, indices).components).toBe(3);
    const kept = keepSolids(positions, indices);
    expect(kept.dropped).toBe(2);
    const got = meshTopology(kept.positions, kept.indices);
    expect(got).toMatchObject({ closed: true, euler: 2, components: 1 });
    expect(toWorld(got.volume)).toBeCloseTo((4 / 3) * Math.PI * 0.216, 1);
  });
});
