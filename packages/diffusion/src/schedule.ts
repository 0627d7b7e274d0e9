/** abar_t of a discrete diffusion, t = 0 .. T-1: how much of the clean signal's variance is left at t. */
export interface NoiseSchedule {
  /** [T], decreasing. */
  alphasCumprod: Float32Array;
}

/** What a bundle's manifest says about its schedule. */
export type ScheduleSpec =
  | { kind: 'linear-sqrt'; timesteps?: number; betaStart?: number; betaEnd?: number }
  | { kind: 'cosine'; timesteps?: number; s?: number };

export function createSchedule(spec: ScheduleSpec): NoiseSchedule {
  return spec.kind === 'cosine' ? cosineSchedule(spec) : linearSqrtSchedule(spec);
}

/**
 * Stable Diffusion's "linear" schedule, linear in the square root of beta. Computed in float64 and kept as float32, as pix2gestalt stores it
 * (SyncDreamer computes it in float32: relative differences below 1e-6).
 */
export function linearSqrtSchedule({ timesteps = 1000, betaStart = 0.00085, betaEnd = 0.012 } = {}): NoiseSchedule {
  const from = Math.sqrt(betaStart);
  const step = (Math.sqrt(betaEnd) - from) / (timesteps - 1);
  return fromBetas(timesteps, (t) => (from + step * t) ** 2);
}

/** Nichol and Dhariwal 2021: abar follows a squared cosine; beta is capped at 0.999. */
export function cosineSchedule({ timesteps = 1000, s = 0.008 } = {}): NoiseSchedule {
  const f = (t: number) => Math.cos(((t / timesteps + s) / (1 + s)) * (Math.PI / 2)) ** 2;
  return fromBetas(timesteps, (t) => Math.min(0.999, 1 - f(t + 1) / f(t)));
}

function fromBetas(timesteps: number, beta: (t: number) => number): NoiseSchedule {
  const alphasCumprod = new Float32Array(timesteps);
  let product = 1;
  for (let t = 0; t < timesteps; t++) {
    product *= 1 - beta(t);
    alphasCumprod[t] = product;
  }
  return { alphasCumprod };
}
