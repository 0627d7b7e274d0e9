import { createRng } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { ddimSteps, ddimUpdate } from './ddim.ts';
import { createMultistep, type MultistepSolver } from './multistep.ts';
import { sample } from './sample.ts';
import { linearSqrtSchedule } from './schedule.ts';

const MEAN = 0.7;
const DEVIATION = 0.4;
/** The clean signal that is seen in x when data are drawn from N(MEAN, DEVIATION^2): the exact network. */
const see = (x: number, alpha: number): number => {
  const variance = alpha * DEVIATION ** 2 + 1 - alpha;
  return MEAN + ((Math.sqrt(alpha) * DEVIATION ** 2) / variance) * (x - Math.sqrt(alpha) * MEAN);
};
/** The flow moves every quantile of the one Gaussian to the same quantile of the other. */
const flow = (x: number, from: number, to: number): number => {
  const spread = (alpha: number) => Math.sqrt(alpha * DEVIATION ** 2 + 1 - alpha);
  return Math.sqrt(to) * MEAN + (spread(to) / spread(from)) * (x - Math.sqrt(from) * MEAN);
};

/** Error at the end of a walk from half-logarithm -3 to 2 in equal steps. */
function errorOf(solver: MultistepSolver | 'ddim', count: number): number {
  const alphaAt = (i: number) => 1 / (1 + Math.exp(-2 * (-3 + (5 * i) / count)));
  const x = Float32Array.of(-2, -0.5, 1, 3);
  const exact = x.map((value) => flow(value, alphaAt(0), alphaAt(count)));
  const multistep = solver === 'ddim' ? undefined : createMultistep(solver, x.length);
  for (let i = 0; i < count; i++) {
    const step = { t: 0, alpha: alphaAt(i), alphaPrev: alphaAt(i + 1), sigma: 0, direction: Math.sqrt(1 - alphaAt(i + 1)) };
    const x0 = x.map((value) => see(value, step.alpha));
    const eps = x.map((value, j) => (value - Math.sqrt(step.alpha) * x0[j]!) / Math.sqrt(1 - step.alpha));
    if (multistep === undefined) ddimUpdate(x, step, x0, eps);
    else multistep.advance(x, step, x0);
  }
  return Math.sqrt(x.reduce((sum, value, i) => sum + (value - exact[i]!) ** 2, 0));
}

describe('on the exact flow between two Gaussians', () => {
  // fewer steps: the solvers of second order and more are not in their asymptotic range; more: float32 ends it for the third
  it.each<[MultistepSolver | 'ddim', number, number]>([
    ['ddim', 1, 64],
    ['dpm-solver++2m', 2, 64],
    ['unipc', 3, 32],
  ])('%s converges with order %i', (solver, order, from) => {
    const orders = [from, 2 * from].map((count) => Math.log2(errorOf(solver, count) / errorOf(solver, 2 * count)));
    for (const measured of orders) {
      expect(measured).toBeGreaterThan(order - 0.25);
      expect(measured).toBeLessThan(order + 0.25);
    }
  });

  it('are ten times as accurate as DDIM with ten steps', () => {
    for (const solver of ['dpm-solver++2m', 'unipc'] as const) expect(errorOf(solver, 10)).toBeLessThan(errorOf('ddim', 10) / 10);
  });

  it.each<MultistepSolver>(['dpm-solver++2m', 'unipc'])('%s takes an exact first step when the signal does not change', (solver) => {
    const multistep = createMultistep(solver, 1);
    const [from, to] = [0.2, 0.7];
    const x = Float32Array.of(Math.sqrt(from) * 0.3 + Math.sqrt(1 - from) * -1.2);
    for (const [alpha, alphaPrev] of [
      [from, 0.4],
      [0.4, 0.55],
      [0.55, to],
    ] as const)
      multistep.advance(x, { alpha, alphaPrev }, Float32Array.of(0.3));
    expect(x[0]).toBeCloseTo(Math.sqrt(to) * 0.3 + Math.sqrt(1 - to) * -1.2, 5);
  });
});

describe('as solvers of sample', () => {
  const schedule = linearSqrtSchedule();
  const run = (solver: MultistepSolver, count: number, seed: number) => {
    const rng = createRng(seed);
    let drawn = 0;
    return sample({
      steps: ddimSteps(schedule, 'log-snr', count, 1),
      length: 4000,
      prediction: 'eps',
      solver,
      denoise: async (x, t) => {
        const alpha = schedule.alphasCumprod[t]!;
        return x.map((value) => (value - Math.sqrt(alpha) * see(value, alpha)) / Math.sqrt(1 - alpha));
      },
      noise: (target) => {
        drawn++;
        rng.fillNormal(target);
      },
    }).then((x) => ({ x, drawn }));
  };

  it.each<MultistepSolver>([
    'dpm-solver++2m',
    'unipc',
  ])('%s recovers a Gaussian in 15 steps of a discrete schedule, seed 11', async (solver) => {
    const { x, drawn } = await run(solver, 15, 11);
    // only the start is random, whatever eta the steps carry
    expect(drawn).toBe(1);
    const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
    const deviation = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length);
    // sampling error of 4000 draws is 0.006; DDIM with as many steps misses the deviation by 0.045
    expect(Math.abs(mean - MEAN)).toBeLessThan(0.02);
    expect(Math.abs(deviation - DEVIATION)).toBeLessThan(0.015);
    expect((await run(solver, 15, 11)).x).toEqual(x);
  });

  it.each<MultistepSolver>(['dpm-solver++2m', 'unipc'])('%s needs one step for a network that knows the answer', async (solver) => {
    const x = await sample({
      steps: ddimSteps(schedule, 'trailing', 4, 0),
      length: 3,
      prediction: 'x0',
      solver,
      denoise: async () => Float32Array.of(1, -2, 0.5),
      noise: (target) => target.fill(3),
    });
    expect([...x]).toEqual([1, -2, 0.5]);
  });
});

it('the rule log-snr walks evenly from the last timestep to the first, then to the clean signal', () => {
  const schedule = linearSqrtSchedule();
  const steps = ddimSteps(schedule, 'log-snr', 20, 0);
  expect([steps[0]!.t, steps.at(-1)!.t, steps.at(-1)!.alphaPrev, steps.length]).toEqual([999, 0, 1, 20]);
  const times = steps.map(({ alpha }) => Math.log(alpha / (1 - alpha)));
  const even = (times.at(-1)! - times[0]!) / 19;
  // the timesteps near the end are far apart: a whole one is 0.7 of a step there
  for (let i = 1; i < times.length; i++) expect(Math.abs(times[i]! - times[i - 1]! - even)).toBeLessThan(0.75 * even);
  expect(ddimSteps(schedule, 'log-snr', 1, 0).map(({ t }) => t)).toEqual([999]);
  const many = ddimSteps(schedule, 'log-snr', 1000, 0).map(({ t }) => t);
  expect(new Set(many).size).toBe(many.length);
});
