import { breathe, type StageContext } from '@gestalt3d/core';
import { lossesAreFinite, requireFiniteLosses, requireFiniteParameters } from './finite.ts';
import type { FitReport, SurfaceFitter } from './fitter.ts';
import { createPreviewer } from './preview/previewer.ts';
import type { FitProblem } from './problem.ts';

/** Wall time between two looks at a fit: its numbers, its progress. */
const SLICE_MS = 60;
/** Steps between two metric events. */
const METRIC_STEPS = 25;

/** A fit whose mask loss is still above this after this share of the steps has lost its surface: 0.02 to 0.06 is usual, 0.5 was seen then. */
const LOST_MASK_LOSS = 0.4;
const LOST_AFTER = 0.4;

/** What a fit came to. Loss and PSNR are those of its last steps. */
export interface FitResult {
  parameters: Float32Array;
  /** Mean a ray. */
  loss: number;
  /** Of the foreground rays' colours, in dB. */
  psnr: number;
  /** No surface agrees with the masks. */
  lost: boolean;
  samples: number;
  gradientRows: number;
  /** Time spent on previews. */
  previewMs: number;
}

/**
 * All steps of a fit, with progress, metrics and previews. Undefined if the surface vanished and `mayGiveUp`.
 * @throws NumericalError that names step and tensor; the signal's reason
 */
export async function runFit(
  problem: FitProblem,
  fitter: SurfaceFitter,
  { signal, emit }: Pick<StageContext, 'signal' | 'emit'>,
  mayGiveUp: boolean,
): Promise<FitResult | undefined> {
  const { config } = problem;
  const { steps, rays } = config;
  requireFiniteParameters(config, problem.parameters, 'the start');
  const previewer = createPreviewer(problem, emit, signal);
  let window = emptyReport();
  let last = window;
  let samples = 0;
  let gradientRows = 0;
  let stepsASlice = 1;
  for (let step = 0; step < steps; ) {
    const until = Math.min(steps, step + stepsASlice);
    const before = performance.now();
    const report = await fitter.run(until, signal);
    await breathe(signal);
    const elapsed = performance.now() - before;
    // half way towards the ideal, so that one slow slice does not make tiny ones
    const ideal = ((until - step) * SLICE_MS) / Math.max(elapsed, 0.5);
    stepsASlice = Math.max(1, Math.min(METRIC_STEPS, Math.round((stepsASlice + ideal) / 2)));
    const where = until === step + 1 ? `step ${until}` : `steps ${step + 1} to ${until}`;
    step = until;

    // a GPU's parameters are read back only for a preview, or to learn where a broken loss comes from
    const due = previewer.due();
    const parameters = fitter.peek() ?? (due || !lossesAreFinite(report) ? await fitter.parameters() : undefined);
    if (parameters) requireFiniteParameters(config, parameters, where);
    requireFiniteLosses(report, where);
    if (due && parameters) await previewer.show(parameters);

    samples += report.samples;
    gradientRows += report.gradientRows;
    window = addReports(window, report);
    emit({ kind: 'progress', done: step, total: steps, unit: 'step' });
    if (window.rays >= METRIC_STEPS * rays || step === steps) {
      emit({ kind: 'metric', step, name: 'loss', value: totalLoss(window, problem) });
      emit({ kind: 'metric', step, name: 'psnr', value: psnr(window) });
      if (mayGiveUp && step > LOST_AFTER * steps && isLost(window)) return undefined;
      last = window;
      window = emptyReport();
    }
  }
  const parameters = await fitter.parameters();
  requireFiniteParameters(config, parameters, `step ${steps}`);
  await previewer.show(parameters);
  const { spentMs: previewMs } = previewer;
  return { parameters, loss: totalLoss(last, problem), psnr: psnr(last), lost: isLost(last), samples, gradientRows, previewMs };
}

const isLost = (report: FitReport): boolean => report.maskLoss / report.rays > LOST_MASK_LOSS;

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
