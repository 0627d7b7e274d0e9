import type { DdimStep } from './ddim.ts';

/** Solvers that use what the network said in the step before: as good with 10 to 20 steps as DDIM with 50 to 100. */
export type MultistepSolver = 'dpm-solver++2m' | 'unipc';

/** Moves x along the probability-flow ODE; one object a run, because it remembers the step before. */
export interface Multistep {
  /** x at step.alpha becomes x at step.alphaPrev, in place. `x0` is the clean signal that the network sees in x; it is copied. */
  advance(x: Float32Array, step: Pick<DdimStep, 'alpha' | 'alphaPrev'>, x0: Float32Array): void;
}

export function createMultistep(solver: MultistepSolver, length: number): Multistep {
  return solver === 'unipc' ? createUniPc(length) : createDpmSolver(length);
}

/** Half the logarithm of the signal-to-noise ratio: the time in which the linear part of the ODE is solved exactly. */
const lambda = (alpha: number): number => 0.5 * Math.log(alpha / (1 - alpha));

/**
 * DPM-Solver++(2M) (Lu et al. 2022, "DPM-Solver++", algorithm 2): second order, deterministic, predicts the clean signal.
 * The first step, and a last one that ends without noise, are of first order.
 */
function createDpmSolver(length: number): Multistep {
  const before = new Float32Array(length);
  let lambdaBefore: number | undefined;
  return {
    advance(x, { alpha, alphaPrev }, x0) {
      const now = lambda(alpha);
      const h = lambda(alphaPrev) - now;
      const last = alphaPrev >= 1;
      const keep = Math.sqrt((1 - alphaPrev) / (1 - alpha));
      const gain = -Math.sqrt(alphaPrev) * (last ? -1 : Math.expm1(-h));
      // 1 / (2 r), r the last step over this one
      const slope = lambdaBefore === undefined || last ? 0 : h / (2 * (now - lambdaBefore));
      for (let i = 0; i < x.length; i++) {
        const signal = x0[i]!;
        x[i] = keep * x[i]! + gain * (signal + slope * (signal - before[i]!));
      }
      before.set(x0);
      lambdaBefore = now;
    },
  };
}

/**
 * UniPC of order 2 with B(h) = e^h - 1 (Zhao et al. 2023, algorithms 1 and 2, predicting the clean signal): each evaluation of the network first
 * corrects the point at which it was made, then predicts the next one. The corrector makes it third order at no further evaluation.
 */
function createUniPc(length: number): Multistep {
  /** Where the last step began, and the clean signals there and one step earlier. */
  const from = new Float32Array(length);
  const signal0 = new Float32Array(length);
  const signal1 = new Float32Array(length);
  let steps = 0;
  let alphaFrom = 0;
  let lambda1 = 0;

  /** x at alphaFrom, or what the linear part and a constant signal make of it at `alpha`. */
  const linear = (alpha: number): { keep: number; gain: number; h: number } => {
    const h = lambda(alpha) - lambda(alphaFrom);
    return { keep: Math.sqrt((1 - alpha) / (1 - alphaFrom)), gain: -Math.sqrt(alpha) * Math.expm1(-h), h };
  };

  const correct = (x: Float32Array, alpha: number, x0: Float32Array): void => {
    const { keep, gain, h } = linear(alpha);
    // coefficients of eq. 9 for predicting the signal; with one earlier point they solve a 2 x 2 system, with none it is 1 / 2
    const phi1 = Math.expm1(-h) / -h - 1;
    const b1 = phi1 / Math.expm1(-h);
    const b2 = (2 * (phi1 / -h - 0.5)) / Math.expm1(-h);
    const r = (lambda1 - lambda(alphaFrom)) / h;
    const earlier = steps < 2 ? 0 : (b2 - b1) / (r - 1);
    const current = steps < 2 ? 0.5 : b1 - earlier;
    for (let i = 0; i < x.length; i++) {
      const m = signal0[i]!;
      const change = current * (x0[i]! - m) + (earlier === 0 ? 0 : (earlier * (signal1[i]! - m)) / r);
      x[i] = keep * from[i]! + gain * (m + change);
    }
  };

  return {
    advance(x, { alpha, alphaPrev }, x0) {
      if (steps > 0) correct(x, alpha, x0);
      from.set(x);
      if (steps > 0) lambda1 = lambda(alphaFrom);
      signal1.set(signal0);
      signal0.set(x0);
      alphaFrom = alpha;
      steps++;
      if (alphaPrev >= 1) {
        x.set(x0);
        return;
      }
      const { keep, gain, h } = linear(alphaPrev);
      const r = steps < 2 ? 1 : (lambda1 - lambda(alpha)) / h;
      for (let i = 0; i < x.length; i++) {
        const m = x0[i]!;
        x[i] = keep * x[i]! + gain * (m + (steps < 2 ? 0 : (0.5 * (signal1[i]! - m)) / r));
      }
    },
  };
}
