import { NumericalError } from '@gestalt3d/core';
import { type DdimStep, ddimUpdate, type Prediction, splitPrediction } from './ddim.ts';
import { createMultistep, type MultistepSolver } from './multistep.ts';

export interface SampleOptions {
  /** From `ddimSteps`. */
  steps: readonly DdimStep[];
  /** Number of values of x. */
  length: number;
  prediction: Prediction;
  /** Deterministic solvers of higher order for few steps; they take no noise but the start. Default: DDIM, as the steps say. */
  solver?: MultistepSolver;
  /** Output of the network (after guidance) for x at t; it may keep neither array. */
  denoise(x: Float32Array, t: number, index: number): Promise<Float32Array>;
  /** Fills with standard normals: once for the start, then once for every step that adds noise. */
  noise(target: Float32Array): void;
  /** Bounds of the clean signal, when it has such. */
  limit?: readonly [number, number];
  signal?: AbortSignal;
  /** After every step; `x0` is what the network believes now and is reused: copy what you keep. */
  onStep?(done: number, total: number, x0: Float32Array): void;
}

/**
 * Walks from noise to a sample.
 * @returns the last x; for a rule whose last step is noiseless and ends at 1, that is the last x0
 * @throws the signal's reason, NumericalError
 */
export async function sample(options: SampleOptions): Promise<Float32Array> {
  const { steps, length, signal } = options;
  const x = new Float32Array(length);
  const x0 = new Float32Array(length);
  const eps = new Float32Array(length);
  const fresh = new Float32Array(length);
  const multistep = options.solver === undefined ? undefined : createMultistep(options.solver, length);
  options.noise(x);
  for (const [index, step] of steps.entries()) {
    signal?.throwIfAborted();
    const output = await options.denoise(x, step.t, index);
    splitPrediction(options.prediction, output, x, step.alpha, x0, eps, options.limit);
    if (multistep !== undefined) multistep.advance(x, step, x0);
    else {
      if (step.sigma > 0) options.noise(fresh);
      ddimUpdate(x, step, x0, eps, step.sigma > 0 ? fresh : undefined);
    }
    let bad = 0;
    for (const value of x) if (!Number.isFinite(value)) bad++;
    if (bad > 0) throw new NumericalError('x', `step ${index + 1} of ${steps.length}`, bad);
    options.onStep?.(index + 1, steps.length, x0);
  }
  signal?.throwIfAborted();
  return x;
}
