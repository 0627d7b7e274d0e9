import { OptionError } from '@gestalt3d/core';
import type { NoiseSchedule } from './schedule.ts';

/**
 * How a sampler walks through the timesteps.
 *
 * - `pix2gestalt`: 1, 1+c, 1+2c, ... with c = floor(T / steps); the largest one is never visited, so `steps` asked are usually steps - 1
 *   real ones; the walk ends at abar_0, not at 1, and the last step adds noise. (ddim.py of the original, quirks included.)
 * - `syncdreamer`: the same sequence with the largest one visited and no noise in the last step.
 * - `trailing`: T-1, T-1-T/steps, ...: starts where training saw pure noise, ends at the clean signal (Lin et al. 2024). For models of our own.
 * - `log-snr`: T-1 to 0, evenly in the logarithm of the signal-to-noise ratio, then the clean signal. For the multistep solvers.
 */
export type DdimRule = 'pix2gestalt' | 'syncdreamer' | 'trailing' | 'log-snr';

/** One step from timestep t towards the clean signal. */
export interface DdimStep {
  t: number;
  /** abar_t */
  alpha: number;
  /** abar of where the step leads */
  alphaPrev: number;
  /** Standard deviation of the fresh noise; 0 where the rule adds none. */
  sigma: number;
  /** Coefficient of the predicted noise: sqrt(1 - alphaPrev - sigma^2). */
  direction: number;
}

/**
 * The steps in the order in which they are taken.
 * @param below for the rule `trailing`: number of timesteps that are walked, counted from the clean end; the walk then starts at below - 1,
 *   from a picture with that much noise instead of from pure noise (SDEdit, Meng et al. 2022). Default: all.
 * @throws OptionError
 */
export function ddimSteps(schedule: NoiseSchedule, rule: DdimRule, steps: number, eta: number, below?: number): DdimStep[] {
  const { alphasCumprod } = schedule;
  const total = rule === 'trailing' ? Math.min(below ?? alphasCumprod.length, alphasCumprod.length) : alphasCumprod.length;
  if (!Number.isInteger(steps) || steps < 1 || steps > total)
    throw new OptionError('steps', `a whole number from 1 to ${total}`, String(steps));
  if (!(eta >= 0 && eta <= 1)) throw new OptionError('eta', 'a number from 0 to 1', String(eta));
  const toClean = rule === 'trailing' || rule === 'log-snr';
  const timesteps =
    rule === 'trailing'
      ? trailing(total, steps)
      : rule === 'log-snr'
        ? evenInLogSnr(alphasCumprod, steps)
        : strided(total, steps, rule === 'pix2gestalt');
  return timesteps
    .map((t, i): DdimStep => {
      const alpha = alphasCumprod[t]!;
      const alphaPrev = i > 0 ? alphasCumprod[timesteps[i - 1]!]! : toClean ? 1 : alphasCumprod[0]!;
      const spread = eta * Math.sqrt(((1 - alphaPrev) / (1 - alpha)) * (1 - alpha / alphaPrev));
      const floor = rule === 'syncdreamer' ? 1e-7 : 0;
      const direction = Math.sqrt(Math.max(1 - alphaPrev - spread * spread, floor));
      return { t, alpha, alphaPrev, sigma: i === 0 && rule !== 'pix2gestalt' ? 0 : spread, direction };
    })
    .reverse();
}

/** Ascending: 1, 1+c, ... below T. Upstream reads past its table where the sequence would reach T; that timestep is left out here. */
function strided(total: number, steps: number, dropLast: boolean): number[] {
  const stride = Math.floor(total / steps);
  const timesteps: number[] = [];
  for (let t = 0; t < total; t += stride) if (t + 1 < total) timesteps.push(t + 1);
  return dropLast && timesteps.length > 1 ? timesteps.slice(0, -1) : timesteps;
}

/** Ascending, the last is T-1. */
function trailing(total: number, steps: number): number[] {
  return Array.from({ length: steps }, (_, i) => Math.round(((i + 1) * total) / steps) - 1);
}

/** Ascending from 0 to T-1; fewer than asked where several would fall on one timestep. */
function evenInLogSnr(alphasCumprod: Float32Array, steps: number): number[] {
  const logSnr = (t: number): number => Math.log(alphasCumprod[t]! / (1 - alphasCumprod[t]!));
  const last = alphasCumprod.length - 1;
  const [first, end] = [logSnr(0), logSnr(last)];
  const timesteps = new Set<number>();
  for (let i = 0, t = 0; i < steps; i++) {
    const wanted = steps === 1 ? end : first + ((end - first) * i) / (steps - 1);
    while (t < last && logSnr(t) > wanted) t++;
    timesteps.add(t > 0 && Math.abs(logSnr(t - 1) - wanted) < Math.abs(logSnr(t) - wanted) ? t - 1 : t);
  }
  return [...timesteps];
}

/** What a network's output means. v = sqrt(abar) eps - sqrt(1 - abar) x0 (Salimans and Ho 2022). */
export type Prediction = 'eps' | 'v' | 'x0';

/**
 * Splits a network's output into the clean signal and the noise it implies, in place of nothing: both targets are written.
 * @param limit bounds of the clean signal, when its values have such; the noise is then what leads from the bounded signal to x
 */
export function splitPrediction(
  prediction: Prediction,
  output: Float32Array,
  x: Float32Array,
  alpha: number,
  x0: Float32Array,
  eps: Float32Array,
  limit?: readonly [number, number],
): void {
  const signal = Math.sqrt(alpha);
  const noise = Math.sqrt(1 - alpha);
  for (let i = 0; i < x.length; i++) {
    const value = output[i]!;
    let clean = prediction === 'x0' ? value : prediction === 'v' ? signal * x[i]! - noise * value : (x[i]! - noise * value) / signal;
    let rest = prediction === 'eps' ? value : prediction === 'v' ? signal * value + noise * x[i]! : (x[i]! - signal * clean) / noise;
    if (limit !== undefined && (clean < limit[0] || clean > limit[1])) {
      clean = Math.min(Math.max(clean, limit[0]), limit[1]);
      rest = (x[i]! - signal * clean) / noise;
    }
    x0[i] = clean;
    eps[i] = rest;
  }
}

/** One DDIM step in place: x <- sqrt(alphaPrev) x0 + direction eps + sigma noise. */
export function ddimUpdate(x: Float32Array, step: DdimStep, x0: Float32Array, eps: Float32Array, noise?: Float32Array): void {
  const signal = Math.sqrt(step.alphaPrev);
  for (let i = 0; i < x.length; i++) x[i] = signal * x0[i]! + step.direction * eps[i]! + (noise === undefined ? 0 : step.sigma * noise[i]!);
}
