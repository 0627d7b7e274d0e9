import { DeviceUnavailableError } from '@gestalt3d/core';
import { adamCorrections, type Batch, type BufferMap, type CompiledKernel, type GpuRunner, GUARANTEED, gpuRunner } from '@gestalt3d/gpu';
import { BETA1, BETA2, type FitConfig, OCCUPANCY_TAIL, scheduleAt } from '../config.ts';
import type { FitReport, FitterFactory, SurfaceFitter } from '../fitter.ts';
import type { FitProblem } from '../problem.ts';
import { mix } from '../rays.ts';
import { type KernelName, trainingKernels, type Variant, variantOf } from './kernels.ts';
import { activeParameters, EIKONAL_POINTS, type KernelLayout, kernelLayout } from './layout.ts';

/** Time that one submission should take. Far below the seconds after which systems reset a GPU, and short enough for a prompt abort. */
const SUBMISSION_MS = 40;
/** Most steps in one submission. */
const SUBMISSION_STEPS = 32;
/** Fixed-point scale before any gradient has been seen; the first step is measured with it, then done. */
const FIRST_SCALE = 2 ** 18;

type Buffers = ReturnType<typeof createBuffers>;

/**
 * Fits a problem on a WebGPU device: the algorithm of the README, all of a step on the device, nothing read back but the sums of the losses.
 * Bit-reproducible on a device: see backward.wgsl.ts. What differs from the CPU's results is the rounding.
 */
export function createGpuFitter(device: GPUDevice): FitterFactory {
  return (problem) => openGpuFitter(device, problem);
}

/**
 * @internal with a look into the buffers, for tests
 * @param variant which variants of the kernels to take
 */
export async function openGpuFitter(device: GPUDevice, problem: FitProblem, variant: Variant = variantOf(device)): Promise<GpuFitter> {
  const runner = gpuRunner(device);
  const layout = kernelLayout(problem.config);
  checkSizes(device, problem, layout);
  const kernels = {} as Record<KernelName, CompiledKernel>;
  const sources = trainingKernels(variant);
  for (const name of Object.keys(sources) as KernelName[]) kernels[name] = await runner.compile(sources[name], layout);
  return new GpuFitter(runner, problem, layout, kernels);
}

/** @throws DeviceUnavailableError for a problem that does not fit the device's limits */
function checkSizes(device: GPUDevice, problem: FitProblem, layout: KernelLayout): void {
  const points = (EIKONAL_POINTS + layout.raySamples) * layout.rays;
  const largest = Math.max(problem.pixels.byteLength, points * 16, layout.parameters * 8);
  const limit = device.limits.maxStorageBufferBindingSize;
  if (largest > limit)
    throw new DeviceUnavailableError(
      'webgpu',
      `one buffer of the fit has ${Math.ceil(largest / 2 ** 20)} MiB, the device takes ${Math.floor(limit / 2 ** 20)}`,
    );
  if (Math.ceil(points / 64) > GUARANTEED.maxComputeWorkgroupsPerDimension)
    throw new DeviceUnavailableError('webgpu', `${layout.rays} rays of ${layout.raySamples} samples are too many for one step`);
}

/** One bit a cell, from one byte a cell. */
function packBits(cells: Uint8Array): Uint32Array {
  const words = new Uint32Array(Math.ceil(cells.length / 32));
  cells.forEach((cell, i) => {
    if (cell) words[i >> 5] |= 1 << (i & 31);
  });
  return words;
}

function createBuffers(runner: GpuRunner, problem: FitProblem, layout: KernelLayout) {
  const { rays, raySamples, parameters, segments } = layout;
  const points = (EIKONAL_POINTS + raySamples) * rays;
  const lists = new Uint32Array(problem.foreground.length + problem.background.length);
  lists.set(problem.foreground);
  lists.set(problem.background, problem.foreground.length);
  const hull = packBits(problem.hull);
  const scales = new Float32Array(segments.length * 2).fill(FIRST_SCALE, 0, segments.length);
  const scratch = (floats: number, name: string) => runner.storage(floats * 4, `neus/${name}`);
  return {
    cameras: runner.upload(problem.cameras, 'neus/cameras'),
    viewStart: runner.upload(problem.viewStart, 'neus/viewStart'),
    pixels: runner.upload(problem.pixels, 'neus/pixels'),
    lists: runner.upload(lists, 'neus/lists'),
    hull: runner.upload(hull, 'neus/hull'),
    hullCells: runner.upload(problem.hullCells, 'neus/hullCells'),
    occupancy: scratch(Math.ceil(problem.hull.length / 4), 'occupancy'),
    parameters: runner.upload(problem.parameters, 'neus/parameters'),
    moments: scratch(parameters * 2, 'moments'),
    gradients: scratch(parameters, 'gradients'),
    scales: runner.upload(scales, 'neus/scales'),
    peaks: scratch(segments.length, 'peaks'),
    rays: scratch(rays * 16, 'rays'),
    marks: scratch(rays * raySamples, 'marks'),
    counts: scratch(rays, 'counts'),
    offsets: scratch(rays + 1, 'offsets'),
    args: runner.storage(16, 'neus/args', { indirect: true }),
    points: scratch(points * 4, 'points'),
    sdf: scratch(points, 'sdf'),
    segments: scratch(points * 4, 'segments'),
    walked: scratch(rays * 3, 'walked'),
    rowOffsets: scratch(rays * 2 + 1, 'rowOffsets'),
    rowArgs: runner.storage(16, 'neus/rowArgs', { indirect: true }),
    rows: scratch(points, 'rows'),
    shade: scratch(points * 4, 'shade'),
    stats: scratch(rays * 8, 'stats'),
    totals: scratch(8, 'totals'),
  };
}

/** @internal */
export class GpuFitter implements SurfaceFitter {
  readonly #runner: GpuRunner;
  readonly #problem: FitProblem;
  readonly #config: FitConfig;
  readonly #layout: KernelLayout;
  readonly #kernels: Record<KernelName, CompiledKernel>;
  readonly #buffers: Buffers;
  readonly #bindings: BufferMap;
  #step = 0;
  #stepsASubmission = 1;
  #disposed = false;

  constructor(runner: GpuRunner, problem: FitProblem, layout: KernelLayout, kernels: Record<KernelName, CompiledKernel>) {
    this.#runner = runner;
    this.#problem = problem;
    this.#config = problem.config;
    this.#layout = layout;
    this.#kernels = kernels;
    this.#buffers = createBuffers(runner, problem, layout);
    // the networks as vec4f and the tables as vec2f are two views of the same array
    this.#bindings = { ...this.#buffers, mlp: this.#buffers.parameters, table: this.#buffers.parameters };
  }

  async run(untilStep: number, signal?: AbortSignal): Promise<FitReport> {
    signal?.throwIfAborted();
    const runner = this.#runner;
    const { totals } = this.#buffers;
    const from = this.#step;
    runner.batch('neus/totals').clear(totals).submit();
    if (this.#step === 0 && untilStep > 0) this.#start();
    while (this.#step < untilStep) {
      const steps = Math.min(this.#stepsASubmission, untilStep - this.#step);
      const batch = runner.batch(`neus/steps ${this.#step}..${this.#step + steps}`);
      for (let i = 0; i < steps; i++) this.#recordStep(batch, this.#step++);
      const started = performance.now();
      batch.submit();
      await runner.done();
      signal?.throwIfAborted();
      const ideal = (steps * SUBMISSION_MS) / Math.max(performance.now() - started, 0.1);
      // growth by at most a factor of 4, because the first submissions also pay for lazy set-up
      this.#stepsASubmission = Math.max(1, Math.min(Math.floor(ideal), steps * 4, SUBMISSION_STEPS));
    }
    const sums = await runner.read(totals, Float32Array, 8);
    return {
      step: this.#step,
      rays: (this.#step - from) * this.#config.rays,
      samples: sums[5],
      coloredSamples: sums[6],
      gradientRows: sums[7],
      colorLoss: sums[0],
      maskLoss: sums[1],
      eikonalLoss: sums[2],
      squaredError: sums[3],
      foregroundRays: sums[4],
    };
  }

  peek(): undefined {
    return undefined;
  }

  parameters(): Promise<Float32Array> {
    return this.#runner.read(this.#buffers.parameters, Float32Array, this.#layout.parameters);
  }

  /** @internal Content of a buffer as floats. */
  inspect(name: keyof Buffers, count: number): Promise<Float32Array> {
    return this.#runner.read(this.#buffers[name], Float32Array, count);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of Object.values(this.#buffers)) this.#runner.pool.release(buffer);
    this.#runner.pool.trim();
  }

  /** Clears what the pool left behind, makes the first occupancy grid, and takes the size of the first step's gradients. */
  #start(): void {
    const { occupancy, moments, gradients, peaks, totals } = this.#buffers;
    const batch = this.#runner.batch('neus/start');
    for (const buffer of [occupancy, moments, gradients, peaks, totals]) batch.clear(buffer);
    this.#recordOccupancy(batch, 0);
    this.#recordGradients(batch, 0);
    this.#recordUpdate(batch, 0, true);
    batch.submit();
  }

  #recordStep(batch: Batch, step: number): void {
    this.#recordGradients(batch, step);
    this.#recordUpdate(batch, step, false);
    if ((step + 1) % this.#config.occupancyEvery === 0) this.#recordOccupancy(batch, step);
  }

  #recordOccupancy(batch: Batch, step: number): void {
    const { activeLevels: levelCount, sharpness } = scheduleAt(this.#config, step);
    const edge = this.#layout.occupancyEdge;
    const threshold = OCCUPANCY_TAIL / sharpness + (0.5 * Math.sqrt(3)) / edge;
    batch.dispatch(this.#kernels.occupancy, this.#bindings, { levelCount, threshold }, Math.ceil(edge ** 3 / 64));
  }

  #recordGradients(batch: Batch, step: number): void {
    const { foreground, background, viewStart, hullCells } = this.#problem;
    const config = this.#config;
    const { colorWeight, maskWeight, eikonalWeight, curvatureWeight } = config;
    const { activeLevels: levelCount, sharpness, tap } = scheduleAt(config, step);
    const stepKey = mix((config.seed + Math.imul(step, 0x9e3779b9)) >>> 0);
    const rayGroups = Math.ceil(this.#layout.rays / 64);
    const { args, walked, rowOffsets, rowArgs } = this.#buffers;
    const sampleGroups = { indirect: args };
    const rowGroups = { indirect: rowArgs };
    const kernels = this.#kernels;
    const bindings = this.#bindings;
    batch
      .dispatch(
        kernels.rays,
        bindings,
        {
          stepKey,
          foregroundCount: foreground.length,
          backgroundCount: background.length,
          viewCount: viewStart.length - 1,
          foregroundShare: config.foregroundShare,
        },
        rayGroups,
      )
      .dispatch(kernels.offsets, bindings, {}, 1)
      .dispatch(kernels.emit, bindings, { stepKey }, rayGroups)
      .dispatch(kernels.sampleSdf, bindings, { levelCount }, sampleGroups)
      .dispatch(kernels.walk, bindings, { stepKey, sharpness, tap, hullCellCount: hullCells.length }, rayGroups)
      .dispatch(kernels.rowOffsets, { counts: walked, offsets: rowOffsets, args: rowArgs }, {}, 1)
      .dispatch(kernels.rows, bindings, {}, rayGroups)
      .dispatch(kernels.shade, bindings, { levelCount }, rowGroups)
      .dispatch(kernels.loss, bindings, { sharpness, tap, colorWeight, maskWeight, eikonalWeight, curvatureWeight }, rayGroups)
      .dispatch(kernels.backward, bindings, { levelCount }, rowGroups);
  }

  #recordUpdate(batch: Batch, step: number, measureOnly: boolean): void {
    const { activeLevels, learningRate } = scheduleAt(this.#config, step);
    const count = activeParameters(this.#layout, activeLevels);
    const measure = measureOnly ? 1 : 0;
    batch
      .dispatch(
        this.#kernels.adam,
        this.#bindings,
        {
          count,
          measure,
          rate: learningRate,
          rateNetworks: learningRate * this.#config.lrMlp,
          ...adamCorrections({ beta1: BETA1, beta2: BETA2 }, step + 1),
        },
        Math.ceil(count / 256),
      )
      .dispatch(this.#kernels.finish, this.#bindings, { measure }, 1);
  }
}
