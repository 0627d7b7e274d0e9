import {
  breathe,
  DeviceUnavailableError,
  NoSurfaceError,
  NumericalError,
  OptionError,
  type Stage,
  type StageContext,
  type Surface,
  type View,
} from '@gestalt3d/core';
import { createCpuFitter } from './cpu/fit-cpu.ts';
import { fieldOf, openField } from './field.ts';
import type { FitReport, SurfaceFitter } from './fitter.ts';
import { createGpuFitter } from './gpu/fit-gpu.ts';
import { extractMesh } from './isosurface/extract-mesh.ts';
import { type FitPreset, RECONSTRUCT_DEFAULTS, RECONSTRUCT_PRESETS, type ReconstructOptions } from './options.ts';
import { prepareProblem } from './prepare/prepare-problem.ts';
import type { FitProblem } from './problem.ts';

/** Wall time between two looks at the abort signal. */
const SLICE_MS = 60;
/** Steps between two metric events. */
const METRIC_STEPS = 25;

/** A fit whose mask loss is still above this after this share of the steps has lost its surface: 0.02 to 0.06 is usual, 0.5 was seen then. */
const LOST_MASK_LOSS = 0.4;
const LOST_AFTER = 0.4;

/** Input of the reconstruct stage. */
export interface ReconstructInput {
  views: View[];
  /** How much each view counts, any positive scale; absent: all the same. */
  weights?: number[];
}

/**
 * Fits a signed-distance and colour field to posed RGBA views and marches it into a mesh, both in the cameras' world frame.
 * @throws NoSurfaceError, NumericalError, OptionError, the signal's reason
 */
export async function fitSurface(
  views: readonly View[],
  options: Readonly<ReconstructOptions> & { weights?: readonly number[] },
  context: StageContext,
): Promise<Surface> {
  const { signal, emit } = context;
  const preset = resolvePreset(options);
  signal.throwIfAborted();
  if (options.weights && options.weights.length !== views.length)
    throw new OptionError('weights', `one weight a view (${views.length})`, `${options.weights.length}`);
  const seed = Math.floor(context.rng.fork('reconstruct').uniform() * 2 ** 32);
  const problem = prepareProblem(views, options.weights, preset, seed, emit);
  await breathe(signal);

  const started = performance.now();
  let fit = await runFit(problem, context, true);
  if (!fit) {
    emit({ kind: 'warning', code: 'fit-restarted', message: 'the surface was lost early in the fit; it starts again with smaller steps' });
    const { config } = problem;
    problem.config = { ...config, lrStart: config.lrStart / 2, maskWeight: 3 * config.maskWeight };
    fit = await runFit(problem, context, false);
  }
  const { parameters, last, samples, gradientRows } = fit!;
  if (last.maskLoss / last.rays > LOST_MASK_LOSS)
    emit({
      kind: 'warning',
      code: 'fit-lost',
      message: 'no surface agrees with the outlines of the views; the mesh is little more than their hull',
    });
  const broken = parameters.reduce((count, value) => count + (Number.isFinite(value) ? 0 : 1), 0);
  if (broken > 0) throw new NumericalError('parameters', `step ${problem.config.steps}`, broken);
  const fitted = performance.now();

  const field = fieldOf(problem.config, parameters, problem.bounds);
  const reader = await openField(field);
  const mesh = await extractMesh(reader, {
    resolution: meshResolution(problem, preset),
    support: { edge: problem.config.occupancyEdge, cells: problem.support },
    onLayer: () => breathe(signal),
  });
  await breathe(signal);
  if (mesh.indices.length === 0) throw new NoSurfaceError('the fitted field is nowhere solid');
  return {
    field,
    mesh,
    stats: {
      steps: problem.config.steps,
      views: problem.cameras.length / 16,
      samples,
      gradientRows,
      loss: totalLoss(last, problem),
      psnr: psnr(last),
      fitMs: Math.round(fitted - started),
      meshMs: Math.round(performance.now() - fitted),
      triangles: mesh.indices.length / 3,
    },
  };
}

interface FitResult {
  parameters: Float32Array;
  /** Sums of the last metric window. */
  last: FitReport;
  samples: number;
  gradientRows: number;
}

/** All steps on one device. Undefined if the surface vanished and `mayGiveUp`. */
async function runFit(problem: FitProblem, context: StageContext, mayGiveUp: boolean): Promise<FitResult | undefined> {
  const { signal, emit } = context;
  const { steps, rays } = problem.config;
  const fitter = await createFitter(problem, context);
  try {
    let window = emptyReport();
    let last = window;
    let samples = 0;
    let gradientRows = 0;
    let stepsASlice = 1;
    for (let step = 0; step < steps; ) {
      const until = Math.min(steps, step + stepsASlice);
      const before = performance.now();
      const report = await fitter.run(until);
      await breathe(signal);
      const elapsed = performance.now() - before;
      // half way towards the ideal, so that one slow slice does not make tiny ones
      const ideal = ((until - step) * SLICE_MS) / Math.max(elapsed, 0.5);
      stepsASlice = Math.max(1, Math.min(METRIC_STEPS, Math.round((stepsASlice + ideal) / 2)));
      step = until;
      samples += report.samples;
      gradientRows += report.gradientRows;
      window = addReports(window, report);
      emit({ kind: 'progress', done: step, total: steps, unit: 'step' });
      const loss = totalLoss(window, problem);
      if (!Number.isFinite(loss)) throw new NumericalError('loss', `step ${step}`, 1);
      if (window.rays >= METRIC_STEPS * rays || step === steps) {
        emit({ kind: 'metric', step, name: 'loss', value: loss });
        emit({ kind: 'metric', step, name: 'psnr', value: psnr(window) });
        if (mayGiveUp && step > LOST_AFTER * steps && window.maskLoss / window.rays > LOST_MASK_LOSS) return undefined;
        last = window;
        window = emptyReport();
      }
    }
    return { parameters: await fitter.parameters(), last, samples, gradientRows };
  } finally {
    fitter.dispose();
  }
}

/** Stage `reconstruct`. */
export const reconstructStage: Stage<ReconstructInput, Surface, ReconstructOptions> = {
  name: 'reconstruct',
  version: '1',
  defaults: RECONSTRUCT_DEFAULTS,
  run: (input, options, context) => fitSurface(input.views, input.weights ? { ...options, weights: input.weights } : options, context),
};

function resolvePreset(options: Readonly<ReconstructOptions>): FitPreset {
  const base = RECONSTRUCT_PRESETS[options.preset];
  if (!base) throw new OptionError('preset', Object.keys(RECONSTRUCT_PRESETS).join(', '), String(options.preset));
  const preset = { ...base };
  for (const key of Object.keys(base) as (keyof FitPreset)[]) {
    const value = options[key];
    if (value === undefined) continue;
    if (!Number.isInteger(value) || value < 1) throw new OptionError(key, 'a whole number of at least 1', String(value));
    preset[key] = value;
  }
  return preset;
}

/** On the context's GPU, or on the CPU where there is none or the problem is too large for its limits. */
async function createFitter(problem: FitProblem, context: StageContext): Promise<SurfaceFitter> {
  if (context.gpu)
    try {
      return await createGpuFitter(context.gpu)(problem);
    } catch (error) {
      if (!(error instanceof DeviceUnavailableError)) throw error;
      context.emit({ kind: 'warning', code: 'gpu-limits', message: `${error.message}; the surface is fitted on the CPU` });
    }
  return createCpuFitter(problem, context);
}

/** The views' own resolution, at most the preset's. */
function meshResolution(problem: FitProblem, preset: FitPreset): number {
  const pixel = problem.config.marchStep / 1.5;
  return Math.max(16, Math.min(preset.meshResolution, Math.round(1.25 / pixel)));
}

function emptyReport(): FitReport {
  return {
    step: 0,
    rays: 0,
    samples: 0,
    coloredSamples: 0,
    gradientRows: 0,
    colorLoss: 0,
    maskLoss: 0,
    eikonalLoss: 0,
    squaredError: 0,
    foregroundRays: 0,
  };
}

function addReports(a: FitReport, b: FitReport): FitReport {
  const sum = { ...a };
  for (const key of Object.keys(a) as (keyof FitReport)[]) sum[key] += b[key];
  sum.step = b.step;
  return sum;
}

/** Mean loss a ray. */
function totalLoss(report: FitReport, problem: FitProblem): number {
  const { colorWeight, maskWeight, eikonalWeight } = problem.config;
  return (colorWeight * report.colorLoss + maskWeight * report.maskLoss + eikonalWeight * report.eikonalLoss) / Math.max(1, report.rays);
}

/** Of the foreground rays' colours, in dB. */
function psnr(report: FitReport): number {
  return -10 * Math.log10(Math.max(1e-12, report.squaredError / Math.max(1, report.foregroundRays * 3)));
}
