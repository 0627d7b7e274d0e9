import { createRng, DeviceLostError } from '@gestalt3d/core';
import { gpuRunner } from '@gestalt3d/gpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestGpu } from '../../../../apps/host/src/software-vulkan.ts';
import { BETA1, gridLevels, MLP_FLOATS, OFFSET_C1, OFFSET_C2, OFFSET_C3, OFFSET_W2, parameterCount } from '../config.ts';
import { createCpuFitter, GROUPS, loadProblem } from '../cpu/fit-cpu.ts';
import { instantiateKernels } from '../cpu/kernels.ts';
import { runSteps } from '../cpu/step-loop.ts';
import { evaluateField, fieldOf } from '../field.ts';
import { fitSurface } from '../fit-surface.ts';
import type { FitReport } from '../fitter.ts';
import { preparing } from '../prepare/prepare-problem.ts';
import type { FitProblem } from '../problem.ts';
import { rigViews, SCENES } from '../testing/scene.ts';
import { finishWorkNow } from '../work.ts';
import { createGpuField } from './field-gpu.ts';
import { type GpuFitter, openGpuFitter } from './fit-gpu.ts';
import { EMULATED_HALF, NATIVE_HALF } from './half.wgsl.ts';
import { FIELD_KERNELS, TRAINING_KERNELS, trainingKernels, type Variant } from './kernels.ts';
import { EIKONAL_POINTS, kernelLayout } from './layout.ts';

// Sizes are tiny because the software device reaches about 1 GFLOP/s.

const gpu = await openTestGpu();
afterAll(() => gpu?.close());

/** A torus in 16 views of 24 px, 64 rays a step, 4 levels of which two are hashed. */
function tinyProblem(): FitProblem {
  const preset = { steps: 48, rays: 64, levels: 4, tableSize: 16384, maxViewSize: 24, meshResolution: 32 };
  const problem = finishWorkNow(preparing(rigViews(SCENES.torus, 24, 1), undefined, preset, 5, () => {}));
  return { ...problem, config: { ...problem.config, occupancyEvery: 8 } };
}

/** The CPU twin's first moments and occupancy bytes after so many steps. */
async function runCpu(problem: FitProblem, steps: number): Promise<{ moments: Float32Array; occupancy: Uint8Array }> {
  const { config } = problem;
  const { memory, layout } = loadProblem(problem, GROUPS, 1);
  const kernels = await instantiateKernels(memory);
  kernels.configure(layout.block, layout.scratch);
  finishWorkNow(runSteps(kernels, memory, layout, config, { index: 0, threads: 1, groups: GROUPS }, 0, steps));
  return {
    moments: new Float32Array(memory.buffer, layout.moment1, parameterCount(config)),
    occupancy: new Uint8Array(memory.buffer, layout.occupancy, problem.hull.length),
  };
}

/** The same of the GPU. The moments lie in pairs there. */
async function runGpu(fitter: GpuFitter, problem: FitProblem, steps: number): Promise<{ moments: Float32Array; occupancy: Uint8Array }> {
  await fitter.run(steps);
  const pairs = await fitter.inspect('moments', parameterCount(problem.config) * 2);
  const words = await fitter.inspect('occupancy', Math.ceil(problem.hull.length / 4));
  return { moments: pairs.filter((_, i) => i % 2 === 0), occupancy: new Uint8Array(words.buffer, 0, problem.hull.length) };
}

/** Gradients of the last step, from Adam's first moments before and after it. A moment that stands still is that of a parameter without a gradient. */
const lastGradients = (before: Float32Array, after: Float32Array) =>
  after.map((m, i) => (m === before[i] ? 0 : (m - BETA1 * before[i]) / (1 - BETA1)));

const PLAIN: Variant = { subgroups: false };
/** What runs where there is f16, on a device without it. */
const HALF: Variant = { subgroups: false, half: EMULATED_HALF };

const meanLoss = ({ colorLoss, maskLoss, rays }: FitReport) => (colorLoss + maskLoss) / rays;

describe.skipIf(!gpu)('fit on the GPU', () => {
  const problem = tinyProblem();
  const { device } = gpu ?? {};
  /** What the CPU has after 24 steps: a state in which every part of the model is at work. */
  let trained: Float32Array;
  let cpuReports: FitReport[];

  beforeAll(async () => {
    const cpu = await createCpuFitter(problem, { spawnWorker: null, threads: 1 });
    cpuReports = [await cpu.run(1), await cpu.run(8), await cpu.run(24)];
    trained = await cpu.parameters();
    cpuReports.push(await cpu.run(48));
    cpu.dispose();
  });

  it('compiles every kernel within the guaranteed limits', { timeout: 240_000 }, async () => {
    const runner = gpuRunner(device!);
    const variants = Object.values(trainingKernels({ subgroups: device!.features.has('subgroups') }));
    for (const kernel of [...Object.values(TRAINING_KERNELS), ...variants, ...Object.values(FIELD_KERNELS)])
      await runner.compile(kernel, kernelLayout(problem.config));
  });

  it.each([
    // f32 on both sides, sums in another order, exp within 2 ulp, and fixed point at 2^-26 of the largest: 1e-4 leaves a factor of ten
    ['f32', PLAIN, 1e-4],
    // of the networks alone: both factors are rounded to 2^-12 of themselves, most of the sum cancels; 1e-3 as measured, again a factor of ten
    ['half precision, emulated', HALF, 1e-2],
  ] as const)('has the gradients of the CPU twin, tensor by tensor: %s', { timeout: 120_000 }, async (what, variant, tolerance) => {
    // all levels on, sharp enough for thin opacities, and a rate of nothing
    const still = { startLevels: 4, sharpnessStart: 80, sharpnessEnd: 80, lrStart: 1e-30, lrEnd: 1e-30, occupancyEvery: 1 };
    const config = { ...problem.config, ...still };
    const start = { ...problem, config, parameters: trained };
    const last = 3;
    const expected = [await runCpu(start, last), await runCpu(start, last + 1)];
    const fitter = await openGpuFitter(device!, start, variant);
    const got = [await runGpu(fitter, start, last), await runGpu(fitter, start, last + 1)];
    const points = await fitter.inspect('points', EIKONAL_POINTS * config.rays * 4);
    fitter.dispose();
    for (const k of [0, 1]) expect(Buffer.compare(got[k].occupancy, expected[k].occupancy), `update ${last + k}`).toBe(0);
    const kinds = [0, 0];
    for (let i = 4 * EIKONAL_POINTS - 1; i < points.length; i += 4 * EIKONAL_POINTS) kinds[points[i]]++;
    expect(Math.min(...kinds), `eikonal points of each kind: ${kinds}`).toBeGreaterThan(2);

    const [gradients, wanted] = [lastGradients(got[0].moments, got[1].moments), lastGradients(expected[0].moments, expected[1].moments)];
    const cuts = [0, OFFSET_W2, OFFSET_C1, OFFSET_C2, OFFSET_C3, ...gridLevels(config).map((level) => level.offset), wanted.length];
    expect(cuts[5]).toBe(MLP_FLOATS);
    expect(gridLevels(config).map((level) => level.dense)).toEqual([true, true, false, false]);
    for (let k = 0; k + 1 < cuts.length; k++) {
      let error = 0;
      let norm = 0;
      for (let i = cuts[k]; i < cuts[k + 1]; i++) {
        error += (gradients[i] - wanted[i]) ** 2;
        norm += wanted[i] ** 2;
      }
      expect(norm, `part ${k}`).toBeGreaterThan(0);
      if (process.env.PARITY_TABLE) console.log(`${what}, part ${k}: ${Math.sqrt(error / norm).toExponential(1)}`);
      expect(Math.sqrt(error / norm), `part ${k}`).toBeLessThan(k < 5 ? tolerance : 1e-4);
    }
  });

  it('follows the CPU twin and lowers the loss', { timeout: 240_000 }, async () => {
    const fitter = await openGpuFitter(device!, problem);
    const reports = [await fitter.run(1), await fitter.run(8), await fitter.run(24), await fitter.run(48)];
    const parameters = await fitter.parameters();
    fitter.dispose();
    // the first step has the same inputs: rounding only
    for (const key of ['rays', 'samples', 'coloredSamples', 'foregroundRays'] as const) expect(reports[0][key]).toBe(cpuReports[0][key]);
    for (const key of ['colorLoss', 'maskLoss', 'eikonalLoss', 'squaredError'] as const)
      expect(reports[0][key] / cpuReports[0][key], key).toBeCloseTo(1, 4);
    // then rounding grows (Adam divides by small roots): per cent after tens of steps
    for (const k of [1, 2, 3]) expect(meanLoss(reports[k]) / meanLoss(cpuReports[k])).toBeCloseTo(1, 1);
    expect(meanLoss(reports[3])).toBeLessThan(0.6 * meanLoss(reports[0]));
    expect(parameters.every(Number.isFinite)).toBe(true);
  });

  it('gives the same bits twice, whatever the calls are and with additions merged in subgroups', { timeout: 120_000 }, async () => {
    const results: Float32Array[] = [];
    const subgroups = device!.features.has('subgroups');
    for (const [stops, variant] of [
      [[10], PLAIN],
      [[1, 4, 10], { subgroups }],
    ] as const) {
      const fitter = await openGpuFitter(device!, problem, variant);
      for (const stop of stops) await fitter.run(stop);
      results.push(await fitter.parameters());
      fitter.dispose();
    }
    expect(Buffer.compare(Buffer.from(results[0].buffer), Buffer.from(results[1].buffer))).toBe(0);
  });

  it('finds the same surface in half precision', { timeout: 240_000 }, async () => {
    const fields: Float32Array[] = [];
    const points = Float32Array.from({ length: 3 * 4096 }, createRng(3).uniform);
    for (const variant of [PLAIN, HALF]) {
      const fitter = await openGpuFitter(device!, problem, variant);
      await fitter.run(48);
      const field = await createGpuField(device!, fieldOf(problem.config, await fitter.parameters(), problem.bounds));
      fields.push(await field.sdf(points));
      fitter.dispose();
      field.dispose();
    }
    const pixel = 1 / 24;
    let distance = 0;
    let near = 0;
    for (let i = 0; i < 4096; i++) {
      if (Math.abs(fields[0][i]) > pixel) continue;
      near++;
      distance += Math.abs(fields[1][i] - fields[0][i]);
    }
    if (process.env.PARITY_TABLE) console.log(`half precision: ${(distance / near / pixel).toFixed(3)} pixel`);
    expect(near).toBeGreaterThan(200);
    expect(distance / near).toBeLessThan(0.1 * pixel);
  });

  it('evaluates the field like the CPU', { timeout: 120_000 }, async () => {
    const bounds = { min: [0, 0, 0], max: [1, 1, 1] } satisfies FitProblem['bounds'];
    const surface = fieldOf(problem.config, trained, bounds as FitProblem['bounds']);
    const field = await createGpuField(device!, surface);
    const box = { origin: [0.05, 0.1, 0.02], spacing: 0.11, size: [7, 9, 8] } as const;
    const points: number[] = [];
    for (let z = 0; z < 8; z++)
      for (let y = 0; y < 9; y++)
        for (let x = 0; x < 7; x++) points.push(...[x, y, z].map((v, axis) => box.origin[axis] + box.spacing * v));
    const positions = Float32Array.from(points);
    const expected = await evaluateField(surface, positions);
    const pairs = [
      [await field.sdf(positions), expected.sdf],
      [await field.sdfGrid(box), expected.sdf],
      [await field.color(positions), expected.rgb],
    ];
    field.dispose();
    // 1e-5 of a cube edge is a hundredth of a voxel at 1024^3; positions of the grid are rounded once more
    for (const [got, want] of pairs) {
      expect(got.length).toBe(want.length);
      expect(got.reduce((worst, value, i) => Math.max(worst, Math.abs(value - want[i])), 0)).toBeLessThan(1e-5);
    }
  });

  it('carries the reconstruct stage to the surface that the CPU finds', { timeout: 240_000 }, async () => {
    const views = rigViews(SCENES.torus, 24, 1);
    const options = { preset: 'draft', steps: 30, rays: 64, levels: 4, tableSize: 16384, maxViewSize: 24, meshResolution: 40 } as const;
    const fit = (on: GPUDevice | null) => {
      const signal = new AbortController().signal;
      return fitSurface(views, options, { signal, emit: () => {}, rng: createRng(1), gpu: on, spawnWorker: null, threads: 1 });
    };
    const [a, b] = [(await fit(device!)).mesh.positions, (await fit(null)).mesh.positions];
    // a pixel's footprint at the object: distance 1.5 over the focal length; README: under a tenth of it apart
    const pixel = 1.5 / ((280 / 256) * 24);
    expect((meanNearest(a, b) + meanNearest(b, a)) / 2).toBeLessThan(0.1 * pixel);
  });

  it('stops between two submissions on an abort', async () => {
    const fitter = await openGpuFitter(device!, problem);
    const abort = new AbortController();
    const reason = new Error('enough');
    const running = fitter.run(48, abort.signal);
    abort.abort(reason);
    await expect(running).rejects.toBe(reason);
    await expect(fitter.run(48, abort.signal)).rejects.toBe(reason);
    fitter.dispose();
  });

  it('ends with DeviceLostError when the device goes away in the middle', async () => {
    const fitter = await openGpuFitter(device!, problem);
    await fitter.run(1);
    const running = fitter.run(40);
    gpu!.close();
    await expect(running).rejects.toBeInstanceOf(DeviceLostError);
    fitter.dispose();
    await expect(openGpuFitter(device!, problem)).rejects.toBeInstanceOf(DeviceLostError);
  });
});

describe('variants for f16', () => {
  it('are valid WGSL within the guaranteed limits', { timeout: 60_000 }, async () => {
    // Dawn's backend that runs nothing has every feature: its compiler checks what no test device can run
    const { create } = await import('webgpu');
    const instance = create(['backend=null']);
    const open = async (requiredFeatures: GPUFeatureName[]) => (await instance.requestAdapter())!.requestDevice({ requiredFeatures });
    const layout = kernelLayout(tinyProblem().config);
    const nothing = await open(['subgroups', 'shader-f16']);
    for (const subgroups of [false, true])
      for (const kernel of Object.values(trainingKernels({ subgroups, half: NATIVE_HALF })))
        await gpuRunner(nothing).compile(kernel, layout);
    const without = await open([]);
    const { backward } = trainingKernels({ subgroups: false, half: NATIVE_HALF });
    await expect(gpuRunner(without).compile(backward, layout)).rejects.toThrow(/backward-f16.*f16/);
    nothing.destroy();
    without.destroy();
  });
});

/** Mean distance from the points of one list to the nearest of the other. [P, 3] each */
function meanNearest(points: Float32Array, others: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < points.length; i += 3) {
    let nearest = Infinity;
    for (let j = 0; j < others.length; j += 3)
      nearest = Math.min(
        nearest,
        (points[i] - others[j]) ** 2 + (points[i + 1] - others[j + 1]) ** 2 + (points[i + 2] - others[j + 2]) ** 2,
      );
    sum += Math.sqrt(nearest);
  }
  return sum / (points.length / 3);
}
