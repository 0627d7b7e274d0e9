import {
  breathe,
  DeviceUnavailableError,
  NoSurfaceError,
  OptionError,
  type Stage,
  type StageContext,
  type Surface,
  type View,
} from '@gestalt3d/core';
import { createCpuFitter } from './cpu/fit-cpu.ts';
import { fieldOf, openField } from './field.ts';
import type { SurfaceFitter } from './fitter.ts';
import { createGpuFitter } from './gpu/fit-gpu.ts';
import { extractMesh } from './isosurface/extract-mesh.ts';
import { type FitPreset, RECONSTRUCT_DEFAULTS, RECONSTRUCT_PRESETS, type ReconstructOptions } from './options.ts';
import { prepareProblem } from './prepare/prepare-problem.ts';
import type { FitProblem } from './problem.ts';
import { cameraEyes } from './rays.ts';
import { type FitResult, runFit } from './run-fit.ts';

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
  const problem = await prepareProblem(views, options.weights, preset, seed, emit, signal);
  await breathe(signal);

  const started = performance.now();
  let fit = await fitOnce(problem, context, true);
  if (!fit) {
    emit({ kind: 'warning', code: 'fit-restarted', message: 'the surface was lost early in the fit; it starts again with smaller steps' });
    const { config } = problem;
    problem.config = { ...config, lrStart: config.lrStart / 2, maskWeight: 3 * config.maskWeight };
    fit = await fitOnce(problem, context, false);
  }
  const { parameters, loss, psnr, lost, samples, gradientRows, previewMs } = fit!;
  if (lost)
    emit({
      kind: 'warning',
      code: 'fit-lost',
      message: 'no surface agrees with the outlines of the views; the mesh is little more than their hull',
    });
  const fitted = performance.now();

  const field = fieldOf(problem.config, parameters, problem.bounds);
  const reader = await openField(field);
  const mesh = await extractMesh(reader, {
    resolution: meshResolution(problem, preset),
    support: { edge: problem.config.occupancyEdge, cells: problem.support },
    eyes: cameraEyes(problem.cameras, problem.bounds),
    signal,
    spawnWorker: context.spawnWorker,
    threads: context.threads,
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
      loss,
      psnr,
      fitMs: Math.round(fitted - started),
      previewMs: Math.round(previewMs),
      meshMs: Math.round(performance.now() - fitted),
      triangles: mesh.indices.length / 3,
    },
  };
}

/** A fit on the context's device. Undefined if it lost its surface and `mayGiveUp`. */
async function fitOnce(problem: FitProblem, context: StageContext, mayGiveUp: boolean): Promise<FitResult | undefined> {
  const fitter = await createFitter(problem, context);
  try {
    return await runFit(problem, fitter, context, mayGiveUp);
  } finally {
    fitter.dispose();
  }
}

/** Stage `reconstruct`. */
export const reconstructStage: Stage<ReconstructInput, Surface, ReconstructOptions> = {
  name: 'reconstruct',
  version: '2',
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
