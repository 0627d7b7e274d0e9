import { createRng, DeviceUnavailableError, type Rng, ShapeMismatchError } from '@gestalt3d/core';
import { gpuRunner } from '@gestalt3d/gpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestGpu } from '../../../../apps/host/src/software-vulkan.ts';
import { fieldOf } from '../field.ts';
import { marchingCubes, type ScalarGrid } from '../isosurface/marching-cubes.ts';
import type { IsoSurface } from '../isosurface/slab-marcher.ts';
import { meshTopology } from '../isosurface/topology.ts';
import { smallProblem } from '../testing/small-problem.ts';
import { createGpuField } from './field-gpu.ts';
import { createGpuMarchingCubes, type GpuMarchingCubes } from './marching-gpu.ts';

// Sizes are tiny because the software device reaches about 1 GFLOP/s.

const gpu = await openTestGpu();
afterAll(() => gpu?.close());

type Size = [number, number, number];

function drawn(size: Size, seed: number, draw: (rng: Rng) => number): ScalarGrid {
  const rng = createRng(seed);
  return { size, data: Float32Array.from({ length: size[0] * size[1] * size[2] }, () => draw(rng)) };
}

/** Same triangles in the same order; a division may be rounded otherwise (2.5 ulp in WGSL), near coordinate 100 that is 2e-5. */
function expectSurface(got: IsoSurface, expected: IsoSurface): void {
  expect(got.indices.length).toBe(expected.indices.length);
  expect(Buffer.compare(new Uint8Array(got.indices.buffer), new Uint8Array(expected.indices.buffer))).toBe(0);
  expect(got.positions.length).toBe(expected.positions.length);
  expect(got.positions.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected.positions[i])), 0)).toBeLessThan(3e-5);
}

describe.skipIf(!gpu)('marching cubes on the GPU', () => {
  const { device } = gpu ?? {};
  let marching: GpuMarchingCubes;
  beforeAll(async () => {
    marching = await createGpuMarchingCubes(device!);
  }, 120_000);
  afterAll(() => marching?.dispose());

  it.each<[string, Size, (rng: Rng) => number]>([
    ['noise', [33, 9, 7], (rng) => rng.normal()],
    ['ties', [31, 5, 6], (rng) => rng.integer(3) - 1],
    [
      'NaN and infinities',
      [32, 6, 6],
      (rng) => [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, rng.normal()][rng.integer(4)],
    ],
    ['a wide row', [100, 1, 1], (rng) => rng.normal()],
    ['a column', [1, 1, 40], (rng) => rng.normal()],
    ['one sample', [1, 1, 1], () => -1],
    ['all inside', [5, 4, 3], () => -1],
    ['nothing', [5, 4, 3], () => 1],
  ])('gives what the CPU gives: %s (seeds 1, 2)', async (_name, size, draw) => {
    for (const seed of [1, 2]) {
      const grid = drawn(size, seed, draw);
      for (const iso of [0, 0.3]) expectSurface(await marching.march(grid, iso), marchingCubes(grid, iso));
    }
  });

  it('marches in slabs and parts where buffers are small, with the same numbers', async () => {
    const grid = drawn([20, 10, 24], 3, (rng) => rng.normal());
    const expected = marchingCubes(grid);
    // a layer has 800 bytes: slabs of fourteen; then parts, because the output of noise is larger than its samples
    for (const layers of [16, 40]) {
      const small = await createGpuMarchingCubes(device!, 800 * layers);
      expectSurface(await small.march(grid), expected);
    }
    await expect((await createGpuMarchingCubes(device!, 800 * 2)).march(grid)).rejects.toBeInstanceOf(DeviceUnavailableError);
  });

  it('marches a buffer that is on the device, and leaves it there', async () => {
    const grid = drawn([17, 8, 9], 4, (rng) => rng.normal());
    const runner = gpuRunner(device!);
    const buffer = runner.upload(grid.data, 'test/grid');
    const expected = marchingCubes(grid);
    for (let k = 0; k < 2; k++) expectSurface(await marching.march({ size: grid.size, buffer }), expected);
    await expect(marching.march({ size: [17, 8, 90], buffer })).rejects.toBeInstanceOf(ShapeMismatchError);
    runner.pool.release(buffer);
  });

  it('marches a fitted field without a grid from the host', { timeout: 120_000 }, async () => {
    const { config, parameters } = smallProblem();
    const field = await createGpuField(device!, fieldOf(config, parameters, { min: [0, 0, 0], max: [1, 1, 1] }));
    const box = { origin: [0.05, 0.1, 0.02], spacing: 0.06, size: [15, 14, 16] } as const;
    const data = await field.sdfGrid(box);
    const expected = marchingCubes({ size: box.size, data }, 0.01);
    expect(expected.indices.length).toBeGreaterThan(300);
    expectSurface(await marching.marchField(field, box, 0.01), expected);
    const small = await createGpuMarchingCubes(device!, 15 * 14 * 4 * 6);
    const inSlabs = await small.marchField(field, box, 0.01);
    expectSurface(inSlabs, expected);
    expect(meshTopology(inSlabs.positions, inSlabs.indices).closed).toBe(true);
    field.dispose();
  });

  it('stops on abort', async () => {
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await expect(
      marching.march(
        drawn([4, 4, 4], 5, (rng) => rng.normal()),
        0,
        abort.signal,
      ),
    ).rejects.toThrow('enough');
  });

  it('names a grid that is none', async () => {
    await expect(marching.march({ size: [2, 2, 2], data: new Float32Array(7) })).rejects.toBeInstanceOf(ShapeMismatchError);
  });
});
