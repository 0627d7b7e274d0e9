import { createRng } from '@gestalt3d/core';
import { MLP_FLOATS } from '../config.ts';
import { preparing } from '../prepare/prepare-problem.ts';
import type { FitProblem } from '../problem.ts';
import { finishWorkNow } from '../work.ts';
import { rigViews, SCENES } from './scene.ts';

/** A fit of a few rays on small pictures, with tables large enough to matter: for comparing kernels with the reference. */
export function smallProblem(overrides: Partial<FitProblem['config']> = {}): FitProblem {
  const preset = { steps: 40, rays: 48, levels: 8, tableSize: 1 << 12, maxViewSize: 64, meshResolution: 32 };
  const problem = finishWorkNow(preparing(rigViews(SCENES.group, 32, 2), undefined, preset, 7, () => {}));
  Object.assign(problem.config, overrides);
  const rng = createRng(11);
  for (let i = MLP_FLOATS; i < problem.parameters.length; i++) problem.parameters[i] = rng.normal() * 0.05;
  return problem;
}
