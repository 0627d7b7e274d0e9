import { existsSync } from 'node:fs';
import { createRng, type Rng, ShapeMismatchError, type WorkerFactory } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { spawnBuiltWorker } from '../testing/built-worker.test-helper.ts';
import { marchingCubesCases } from './cases.ts';
import { keepSolids } from './keep-solids.ts';
import { LayerMarcher, layerSource, marchingCubes, type ScalarGrid } from './marching-cubes.ts';
import { marchingReference } from './marching-reference.test-helper.ts';
import { type IsoSurface, joinSlabs, marchSlab } from './slab-marcher.ts';
import { createThreadedMarcher } from './threaded-marcher.ts';
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

function meshArea(p: Float32Array, indices: Uint32Array): number {
  let area = 0;
  for (let t = 0; t < indices.length; t += 3) {
    const [a, b, c] = [0, 1, 2].map((k) => p.subarray(indices[t + k] * 3, indices[t + k] * 3 + 3));
    const u = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
    const v = [c[0] - a[0], c[1] - a[1], c[2] - a[2]];
    area += Math.hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]) / 2;
  }
  return area;
}

/** Vertices whose triangles are not one closed fan: where they touch without being joined. */
function openFans(positions: Float32Array, indices: Uint32Array): number {
  const next = Array.from({ length: positions.length / 3 }, () => new Map<number, number>());
  for (let t = 0; t < indices.length; t += 3)
    for (let k = 0; k < 3; k++) next[indices[t + k]].set(indices[t + ((k + 1) % 3)], indices[t + ((k + 2) % 3)]);
  let open = 0;
  for (const around of next) {
    const start = around.keys().next().value;
    let steps = 0;
    for (let at = start; at !== undefined && steps <= around.size; steps++) {
      at = around.get(at);
      if (at === start) break;
    }
    if (steps + 1 !== around.size) open++;
  }
  return open;
}

/** Bit for bit; the matcher for typed arrays takes seconds. */
function expectSame(got: IsoSurface, expected: IsoSurface): void {
  expect([got.positions.length, got.indices.length]).toEqual([expected.positions.length, expected.indices.length]);
  for (const key of ['positions', 'indices'] as const)
    expect(Buffer.compare(new Uint8Array(got[key].buffer), new Uint8Array(expected[key].buffer)), key).toBe(0);
}

/** A host whose threads die at once, and one that has none. */
const failingWorker: WorkerFactory = () => ({
  post: () => {},
  onMessage: () => {},
  onError: (listener) => void setTimeout(() => listener(new Error('blocked by the page'))),
  terminate: () => {},
});
const throwingWorker: WorkerFactory = () => {
  throw new Error('no threads here');
};

describe('marching cubes', () => {
  it('has triangles for all 256 cases, at most 5 each', () => {
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

  it('grows towards the sphere: area and volume converge with the square of the spacing', () => {
    const errors = [16, 32, 64].map((edge) => {
      const { positions, indices } = marchingCubes(sample((x, y, z) => ball(x, y, z, 0.7), edge));
      const scale = 2 / (edge - 1);
      return [
        Math.abs(meshTopology(positions, indices).volume * scale ** 3 - (4 / 3) * Math.PI * 0.343),
        Math.abs(meshArea(positions, indices) * scale ** 2 - 4 * Math.PI * 0.49),
      ];
    });
    for (const i of [0, 1]) {
      // halving the spacing quarters the error; 3 leaves room for where the grid lies
      expect(errors[0][i] / errors[1][i]).toBeGreaterThan(3);
      expect(errors[1][i] / errors[2][i]).toBeGreaterThan(3);
    }
  });

  it('every case is a closed manifold, alone between its caps', () => {
    for (let bits = 1; bits < 256; bits++) {
      const data = Float32Array.from({ length: 8 }, (_, corner) => ((bits >> corner) & 1 ? -1 : 1));
      const { positions, indices } = marchingCubes({ size: [2, 2, 2], data });
      const got = meshTopology(positions, indices);
      expect({ bits, closed: got.closed, fans: openFans(positions, indices) }).toEqual({ bits, closed: true, fans: 0 });
      expect(got.volume).toBeGreaterThan(0);
      expect(got.euler % 2).toBe(0);
    }
  });

  it.each<[string, [number, number, number], (rng: Rng) => number]>([
    ['noise', [33, 17, 9], (rng) => rng.normal()],
    ['ties', [64, 5, 6], (rng) => rng.integer(3) - 1],
    ['NaN', [31, 8, 8], (rng) => (rng.uniform() < 0.2 ? Number.NaN : rng.normal())],
    ['infinities', [32, 8, 8], (rng) => [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, rng.normal()][rng.integer(3)]],
    ['huge numbers', [7, 6, 5], (rng) => rng.normal() * 3e38],
    ['a row', [130, 1, 1], (rng) => rng.normal()],
    ['a column', [1, 1, 40], (rng) => rng.normal()],
    ['a plate', [1, 65, 7], (rng) => rng.normal()],
    ['mostly outside', [200, 7, 7], (rng) => (rng.uniform() < 0.02 ? -1 : 1)],
    ['mostly inside', [200, 7, 7], (rng) => (rng.uniform() < 0.02 ? 1 : -1)],
    ['one sample', [1, 1, 1], () => -1],
  ])('is what the reference is, bit for bit, and a closed manifold: %s (seeds 1 to 4)', (_name, size, draw) => {
    for (let seed = 1; seed <= 4; seed++) {
      const rng = createRng(seed);
      const data = Float32Array.from({ length: size[0] * size[1] * size[2] }, () => draw(rng));
      for (const iso of [0, 0.3]) {
        const got = marchingCubes({ size, data }, iso);
        const expected = marchingReference({ size, data }, iso);
        expectSame(got, expected);
        const topology = meshTopology(got.positions, got.indices);
        expect(topology.closed).toBe(true);
        expect(openFans(got.positions, got.indices)).toBe(0);
        expect(got.positions.every(Number.isFinite)).toBe(true);
      }
    }
  });

  it('takes its output away when it is full, and grids after grids', () => {
    const rng = createRng(5);
    const size: [number, number, number] = [60, 50, 40];
    const data = Float32Array.from({ length: 60 * 50 * 40 }, () => rng.normal());
    const { positions, indices } = marchingCubes({ size, data });
    // several times what waits in the module
    expect(indices.byteLength).toBeGreaterThan(3 << 20);
    expect(meshTopology(positions, indices).closed).toBe(true);
    expect(Math.max(...indices.subarray(0, 1000))).toBeLessThan(positions.length / 3);
    const small = sample((x, y, z) => ball(x, y, z, 0.5), 9);
    expect(marchingCubes(small).indices).toEqual(marchingReference(small, 0).indices);
  });

  it('is the same in slabs, cut anywhere', () => {
    const rng = createRng(6);
    const size: [number, number, number] = [40, 11, 23];
    const data = Float32Array.from({ length: 40 * 11 * 23 }, () => rng.normal());
    const whole = marchingCubes({ size, data });
    const fill = layerSource({ size, data });
    for (const cuts of [[0, 1, 24], [0, 2, 3, 9, 24], [0, 12, 23, 24], Array.from({ length: 25 }, (_, z) => z)]) {
      const slabs = cuts.slice(1).map((to, i) => marchSlab(size, 0, cuts[i], to, fill));
      expectSame(joinSlabs(slabs), whole);
    }
  });

  it('takes layers, even ones that are marched themselves, other levels, and empty grids', () => {
    const grid = sample((x, y, z) => ball(x, y, z, 0.5), 20);
    const layer = (z: number, out: Float32Array) => {
      marchingCubes(sample((x, y) => ball(x, y, 0, 0.5), 4));
      out.set(grid.data.subarray(z * 400, (z + 1) * 400));
    };
    const whole = marchingCubes(grid, 0.2);
    const layered = marchingCubes({ size: grid.size, layer }, 0.2);
    expectSame(layered, whole);
    expect(toWorld(meshTopology(whole.positions, whole.indices).volume, 20)).toBeCloseTo((4 / 3) * Math.PI * 0.343, 1);
    const marcher = new LayerMarcher(20, 20, 0.2);
    for (let z = 0; z < 20; z++) marcher.push(grid.data.subarray(z * 400, (z + 1) * 400));
    expectSame(marcher.finish(), whole);
    expect(() => marcher.push(grid.data.subarray(0, 400))).toThrow(TypeError);
    const none = { positions: new Float32Array(0), indices: new Uint32Array(0) };
    expect(new LayerMarcher(3, 3, 0).finish()).toEqual(none);
    expect(marchingCubes({ size: [2, 2, 2], data: new Float32Array(8).fill(1) })).toEqual(none);
    expect(marchingCubes({ size: [2, 2, 2], data: new Float32Array(8).fill(Number.NaN) })).toEqual(none);
    expect(marchingCubes({ size: [2, 2, 2], data: new Float32Array(8) }, Number.NaN)).toEqual(none);
  });

  it('names a grid that is none', () => {
    expect(() => marchingCubes({ size: [2, 2, 2], data: new Float32Array(7) })).toThrow(ShapeMismatchError);
    expect(() => marchingCubes({ size: [0, 2, 2], data: new Float32Array(0) })).toThrow(ShapeMismatchError);
    expect(() => marchingCubes({ size: [1.5, 2, 2], data: new Float32Array(6) })).toThrow(ShapeMismatchError);
  });
});

describe('threaded marcher', () => {
  const grid = sample((x, y, z) => Math.hypot(Math.hypot(x, z) - 0.55, y) - 0.25, 24);

  it('gives the same bits on one thread, two and three, shared or not', async (test) => {
    if (!existsSync(new URL('../../dist/isosurface/isosurface-worker.js', import.meta.url))) test.skip('the package is not built');
    const whole = marchingCubes(grid, 0.01);
    const shared = new Float32Array(new SharedArrayBuffer(grid.data.byteLength));
    shared.set(grid.data);
    for (const threads of [1, 2, 3]) {
      const marcher = createThreadedMarcher({ spawnWorker: spawnBuiltWorker, threads });
      for (const data of [grid.data, shared]) expectSame(await marcher.march({ size: grid.size, data }, 0.01), whole);
      marcher.dispose();
    }
  });

  it('stops on abort, and works again', async (test) => {
    if (!existsSync(new URL('../../dist/isosurface/isosurface-worker.js', import.meta.url))) test.skip('the package is not built');
    const marcher = createThreadedMarcher({ spawnWorker: spawnBuiltWorker, threads: 2 });
    const abort = new AbortController();
    const marching = marcher.march(grid, 0, abort.signal);
    abort.abort(new Error('enough'));
    await expect(marching).rejects.toThrow('enough');
    await expect(marcher.march(grid, 0, abort.signal)).rejects.toThrow('enough');
    expect((await marcher.march(grid)).indices.length).toBeGreaterThan(0);
    marcher.dispose();
  });

  it('works on the calling thread where none starts', async () => {
    for (const spawnWorker of [null, failingWorker, throwingWorker]) {
      const marcher = createThreadedMarcher({ spawnWorker, threads: 2 });
      expectSame(await marcher.march(grid), marchingCubes(grid));
    }
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
