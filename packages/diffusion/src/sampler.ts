import { type DdimRule, type DdimStep, ddimSteps } from './ddim.ts';
import type { MultistepSolver } from './multistep.ts';
import type { NoiseSchedule } from './schedule.ts';

/** `ddim`: as the model's authors sample; the others are deterministic after the start and need fewer steps. */
export const SAMPLERS = ['ddim', 'dpm-solver++2m', 'unipc'] as const;
export type Sampler = 'ddim' | MultistepSolver;

/** How a model's authors walk from noise to a sample. */
export interface PublishedWalk {
  rule: DdimRule;
  steps: number;
  eta: number;
}

/** Steps of the fast solvers when none are asked for. */
const FAST_STEPS = 20;

/**
 * The steps of a sampler, and the solver that `sample` takes for it.
 * @param steps asked for; null: as published, or 20 with a fast solver
 * @throws OptionError
 */
export function samplerSteps(
  schedule: NoiseSchedule,
  published: PublishedWalk,
  sampler: Sampler,
  steps: number | null,
): { steps: DdimStep[]; solver?: MultistepSolver } {
  if (sampler === 'ddim') return { steps: ddimSteps(schedule, published.rule, steps ?? published.steps, published.eta) };
  return { steps: ddimSteps(schedule, 'log-snr', steps ?? FAST_STEPS, 0), solver: sampler };
}
