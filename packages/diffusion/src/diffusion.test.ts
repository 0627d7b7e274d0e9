import { createRng, NumericalError, OptionError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { type DdimRule, ddimSteps, ddimUpdate, type Prediction, splitPrediction } from './ddim.ts';
import { guide } from './guidance.ts';
import { sample } from './sample.ts';
import { cosineSchedule, linearSqrtSchedule } from './schedule.ts';

/** Relative: the tables give 9 significant digits of float32 values. */
function near(got: number, expected: number, tolerance = 1e-6): void {
  expect(Math.abs(got - expected) / Math.abs(expected), `${got} against ${expected}`).toBeLessThan(tolerance);
}

describe('schedules', () => {
  it('has the values of the original tables', () => {
    const { alphasCumprod } = linearSqrtSchedule();
    const golden = [
      [0, 0.99914998],
      [1, 0.99829602],
      [2, 0.99743807],
      [500, 0.27633268],
      [981, 0.0057755],
      [991, 0.0051300661],
      [996, 0.0048317118],
      [999, 0.0046600983],
    ] as const;
    for (const [t, value] of golden) near(alphasCumprod[t]!, value, 1e-6);
  });

  it('cosine falls from nearly 1 to nearly 0', () => {
    const { alphasCumprod } = cosineSchedule();
    expect(alphasCumprod[0]).toBeGreaterThan(0.9999);
    near(
      alphasCumprod[499]!,
      Math.cos(((0.5 + 0.008) / 1.008) * (Math.PI / 2)) ** 2 / Math.cos((0.008 / 1.008) * (Math.PI / 2)) ** 2,
      1e-6,
    );
    expect(alphasCumprod[999]).toBeLessThan(1e-5);
    for (let t = 1; t < 1000; t++) expect(alphasCumprod[t]!).toBeLessThan(alphasCumprod[t - 1]!);
  });
});

describe('ddimSteps', () => {
  const schedule = linearSqrtSchedule();

  it('walks as pix2gestalt does with 200 steps', () => {
    const steps = ddimSteps(schedule, 'pix2gestalt', 200, 1);
    expect(steps).toHaveLength(199);
    const golden = [
      [198, 991, 0.00513006607, 0.00544442795, 0.240253756, 0.967901702],
      [197, 986, 0.00544442795, 0.00577550009, 0.239383502, 0.9679463],
      [99, 496, 0.28170055, 0.28848472, 0.152625226, 0.829590753],
      [1, 6, 0.99396652, 0.99829602, 0.0349975243, 0.0218895153],
      [0, 1, 0.99829602, 0.99914998, 0.0206483544, 0.02058318],
    ] as const;
    for (const [index, t, alpha, alphaPrev, sigma, direction] of golden) {
      const step = steps[198 - index]!;
      expect(step.t).toBe(t);
      near(step.alpha, alpha);
      near(step.alphaPrev, alphaPrev);
      near(step.sigma, sigma);
      near(step.direction, direction);
    }
  });

  it('takes as many real steps as pix2gestalt', () => {
    const real = (steps: number) => ddimSteps(schedule, 'pix2gestalt', steps, 1).length;
    expect([5, 10, 20, 25, 50, 100, 200, 250, 500].map(real)).toEqual([4, 9, 19, 24, 49, 99, 199, 249, 499]);
    expect([30, 60, 75, 80, 120, 150].map(real)).toEqual([30, 62, 76, 83, 124, 166]);
  });

  it('walks as SyncDreamer does with 50 steps', () => {
    const steps = ddimSteps(schedule, 'syncdreamer', 50, 1);
    expect(steps).toHaveLength(50);
    const golden = [
      [49, 981, 0.0057755, 0.00728172, 0.4544633, 0.88666874],
      [48, 961, 0.00728172, 0.0091173, 0.44828236, 0.88877761],
      [25, 501, 0.27499884, 0.30229545, 0.29478469, 0.78154111],
      [1, 21, 0.98038065, 0.99829602, 0.03947961, 0.01205561],
    ] as const;
    for (const [index, t, alpha, alphaPrev, sigma, direction] of golden) {
      const step = steps[49 - index]!;
      expect(step.t).toBe(t);
      // the original computes this table in float32
      for (const [got, value] of [
        [step.alpha, alpha],
        [step.alphaPrev, alphaPrev],
        [step.sigma, sigma],
        [step.direction, direction],
      ] as const)
        near(got, value, 5e-6);
    }
    expect(steps[49]).toMatchObject({ t: 1, sigma: 0 });
    near(steps[49]!.direction, 0.02058318, 5e-6);
  });

  it('trailing starts at pure noise and ends at the clean signal', () => {
    const steps = ddimSteps(cosineSchedule(), 'trailing', 8, 0.5);
    expect(steps.map((step) => step.t)).toEqual([999, 874, 749, 624, 499, 374, 249, 124]);
    expect(steps.at(-1)).toMatchObject({ alphaPrev: 1, sigma: 0, direction: 0 });
  });

  it('refuses steps and eta that make no walk', () => {
    for (const steps of [0, 1.5, 1001]) expect(() => ddimSteps(schedule, 'trailing', steps, 0)).toThrow(OptionError);
    expect(() => ddimSteps(schedule, 'trailing', 8, 1.5)).toThrow(OptionError);
  });
});

it("one step gives pix2gestalt's numbers", () => {
  const step = ddimSteps(linearSqrtSchedule(), 'pix2gestalt', 200, 1)[0]!;
  const x = Float32Array.of(1);
  const eps = guide(Float32Array.of(0.5), Float32Array.of(0.2), 2);
  near(eps[0]!, 0.8);
  const x0 = new Float32Array(1);
  const implied = new Float32Array(1);
  splitPrediction('eps', eps, x, step.alpha, x0, implied);
  near(x0[0]!, 2.82102804);
  ddimUpdate(x, step, x0, implied, Float32Array.of(0.3));
  near(x[0]!, 1.0545509);
});

it('guidance of 1 is the condition alone', () => {
  expect([...guide(Float32Array.of(0.5, -3), Float32Array.of(9, 9), 1)]).toEqual([0.5, -3]);
  expect([...guide(Float32Array.of(0.5, -3), Float32Array.of(9, 9), 0)]).toEqual([9, 9]);
});

it('the three predictions mean the same signal and noise', () => {
  const rng = createRng(3);
  const alpha = 0.37;
  const signal = rng.fillNormal(new Float32Array(20));
  const noise = rng.fillNormal(new Float32Array(20));
  const x = signal.map((s, i) => Math.sqrt(alpha) * s + Math.sqrt(1 - alpha) * noise[i]!);
  const outputs: Record<Prediction, Float32Array> = {
    eps: noise,
    x0: signal,
    v: signal.map((s, i) => Math.sqrt(alpha) * noise[i]! - Math.sqrt(1 - alpha) * s),
  };
  for (const [prediction, output] of Object.entries(outputs) as [Prediction, Float32Array][]) {
    const x0 = new Float32Array(20);
    const eps = new Float32Array(20);
    splitPrediction(prediction, output, x, alpha, x0, eps);
    for (let i = 0; i < 20; i++) {
      expect(x0[i]).toBeCloseTo(signal[i]!, 5);
      expect(eps[i]).toBeCloseTo(noise[i]!, 5);
    }
  }
  const bounded = new Float32Array(20);
  const rest = new Float32Array(20);
  splitPrediction('x0', signal, x, alpha, bounded, rest, [-0.5, 0.5]);
  for (let i = 0; i < 20; i++) {
    expect(Math.abs(bounded[i]!)).toBeLessThanOrEqual(0.5);
    expect(Math.sqrt(alpha) * bounded[i]! + Math.sqrt(1 - alpha) * rest[i]!).toBeCloseTo(x[i]!, 5);
  }
});

describe('sample', () => {
  /** The exact denoiser of data drawn from N(mean, deviation^2). */
  function gaussian(mean: number, deviation: number, alphas: Float32Array, prediction: Prediction) {
    return async (x: Float32Array, t: number): Promise<Float32Array> => {
      const a = alphas[t]!;
      const variance = a * deviation ** 2 + 1 - a;
      return x.map((value) => {
        const centred = value - Math.sqrt(a) * mean;
        const x0 = mean + ((Math.sqrt(a) * deviation ** 2) / variance) * centred;
        const eps = (Math.sqrt(1 - a) / variance) * centred;
        return prediction === 'x0' ? x0 : prediction === 'eps' ? eps : Math.sqrt(a) * eps - Math.sqrt(1 - a) * x0;
      });
    };
  }

  const cases: [DdimRule, number, number, Prediction][] = [
    ['trailing', 50, 0, 'v'],
    ['trailing', 200, 1, 'eps'],
    ['trailing', 50, 0.5, 'x0'],
    ['syncdreamer', 200, 1, 'eps'],
    ['pix2gestalt', 200, 1, 'eps'],
  ];
  it.each(cases)('recovers a Gaussian: %s, %i steps, eta %d, %s, seed 11', async (rule, count, eta, prediction) => {
    const schedule = rule === 'trailing' ? cosineSchedule() : linearSqrtSchedule();
    const rng = createRng(11);
    const x = await sample({
      steps: ddimSteps(schedule, rule, count, eta),
      length: 6000,
      prediction,
      denoise: gaussian(0.7, 0.4, schedule.alphasCumprod, prediction),
      noise: (target) => rng.fillNormal(target),
    });
    const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
    const deviation = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length);
    // sampling error of 6000 draws is 0.005; the discretised walk adds its own
    expect(Math.abs(mean - 0.7)).toBeLessThan(0.02);
    expect(Math.abs(deviation - 0.4)).toBeLessThan(0.02);
  });

  it('gives the same sample for the same noise, tells every step, and stops when told', async () => {
    const schedule = cosineSchedule();
    const controller = new AbortController();
    const seen: number[] = [];
    const run = (signal?: AbortSignal) => {
      const rng = createRng(5);
      return sample({
        steps: ddimSteps(schedule, 'trailing', 6, 1),
        length: 8,
        prediction: 'v',
        denoise: gaussian(0, 1, schedule.alphasCumprod, 'v'),
        noise: (target) => rng.fillNormal(target),
        ...(signal === undefined ? {} : { signal }),
        onStep: (done, total) => {
          seen.push(done / total);
          if (signal !== undefined && done === 2) controller.abort(new Error('stop'));
        },
      });
    };
    expect(await run()).toEqual(await run());
    expect(seen).toHaveLength(12);
    await expect(run(controller.signal)).rejects.toThrow('stop');
    expect(seen).toHaveLength(14);
  });

  it('says where numbers stop being numbers', async () => {
    const run = sample({
      steps: ddimSteps(cosineSchedule(), 'trailing', 4, 0),
      length: 3,
      prediction: 'x0',
      denoise: async (x, _t, index) => x.map(() => (index === 2 ? Number.NaN : 0)),
      noise: (target) => target.fill(1),
    });
    await expect(run).rejects.toThrow(NumericalError);
    await expect(run).rejects.toThrow('step 3 of 4');
  });
});
