import { OptionError } from '@gestalt3d/core';
import { expect, it } from 'vitest';
import { samplerSteps } from './sampler.ts';
import { linearSqrtSchedule } from './schedule.ts';

it('walks as published, or fewer steps with a fast solver and no fresh noise', () => {
  const schedule = linearSqrtSchedule();
  const published = { rule: 'pix2gestalt', steps: 200, eta: 1 } as const;
  const ddim = samplerSteps(schedule, published, 'ddim', null);
  expect(ddim.solver).toBeUndefined();
  expect([ddim.steps.length, ddim.steps[0]!.t, ddim.steps.at(-1)!.t]).toEqual([199, 991, 1]);
  expect(ddim.steps.every(({ sigma }) => sigma > 0)).toBe(true);
  expect(samplerSteps(schedule, published, 'ddim', 50).steps).toHaveLength(49);
  for (const sampler of ['dpm-solver++2m', 'unipc'] as const) {
    const { steps, solver } = samplerSteps(schedule, published, sampler, null);
    expect([solver, steps.length, steps[0]!.t, steps.at(-1)!.alphaPrev]).toEqual([sampler, 20, 999, 1]);
    expect(steps.every(({ sigma }) => sigma === 0)).toBe(true);
    expect(samplerSteps(schedule, published, sampler, 8).steps).toHaveLength(8);
    expect(() => samplerSteps(schedule, published, sampler, 0)).toThrow(OptionError);
  }
});
