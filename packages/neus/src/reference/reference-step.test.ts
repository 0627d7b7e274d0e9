import { createRng } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { CELL_MARCHED, CELL_SURFACE, gridLevels, MLP_FLOATS, OFFSET_C1, OFFSET_C2, OFFSET_C3, OFFSET_W2, scheduleAt } from '../config.ts';
import { smallProblem } from '../testing/small-problem.ts';
import { referenceStep } from './reference-step.ts';

describe('reference step', () => {
  const problem = smallProblem({ rays: 12 });
  const levels = gridLevels(problem.config);
  const schedule = { ...scheduleAt(problem.config, 39), sharpness: 40 };
  const parameters = Float64Array.from(problem.parameters);
  const occupancy = new Uint8Array(problem.hull.length).fill(CELL_MARCHED | CELL_SURFACE);
  const { gradient } = referenceStep(problem, parameters, occupancy, 3, schedule);
  const groups: [string, number, number][] = [
    ['SDF hidden layer', 0, OFFSET_W2],
    ['SDF output layer', OFFSET_W2, OFFSET_C1],
    ['colour layer 1', OFFSET_C1, OFFSET_C2],
    ['colour layer 2', OFFSET_C2, OFFSET_C3],
    ['colour output', OFFSET_C3, MLP_FLOATS],
    ['dense level', levels[0].offset, levels[1].offset],
    ['hashed level', levels[7].offset, parameters.length],
  ];
  it.each(groups)('gradient equals finite differences: %s', (_name, from, to) => {
    // the entries with the largest gradients and some random ones; a kink (ReLU, cell border) may spoil one of them
    const rng = createRng(from);
    const largest = Array.from({ length: to - from }, (_, i) => from + i)
      .sort((a, b) => Math.abs(gradient[b]) - Math.abs(gradient[a]))
      .slice(0, 6);
    const chosen = [...largest, ...Array.from({ length: 3 }, () => from + rng.integer(to - from))];
    const scale = Math.abs(gradient[largest[0]]);
    expect(scale).toBeGreaterThan(0);
    let agreeing = 0;
    for (const index of chosen) {
      const h = 1e-6;
      const moved = parameters.slice();
      moved[index] += h;
      const up = referenceStep(problem, moved, occupancy, 3, schedule).loss;
      moved[index] -= 2 * h;
      const down = referenceStep(problem, moved, occupancy, 3, schedule).loss;
      if (Math.abs((up - down) / (2 * h) - gradient[index]) < 2e-3 * scale) agreeing++;
    }
    expect(agreeing).toBeGreaterThanOrEqual(chosen.length - 1);
  });
});
