import { describe, expect, it } from 'vitest';
import {
  CELL_MARCHED,
  CELL_SURFACE,
  gridLevels,
  MLP_FLOATS,
  OFFSET_C1,
  OFFSET_C2,
  OFFSET_C3,
  OFFSET_W2,
  parameterCount,
  scheduleAt,
} from '../config.ts';
import { referenceField } from '../reference/reference-network.ts';
import { referenceStep } from '../reference/reference-step.ts';
import { smallProblem } from '../testing/small-problem.ts';
import { loadProblem } from './fit-cpu.ts';
import { instantiateKernels } from './kernels.ts';
import { METRICS, SCRATCH_BYTES } from './memory-layout.ts';

/** Kernels with a problem in their memory, and views of the parts that tests look at. */
async function open(problem = smallProblem(), groups = 2) {
  const { memory, layout } = loadProblem(problem, groups, 1);
  const kernels = await instantiateKernels(memory);
  kernels.configure(layout.block, layout.scratch);
  const count = parameterCount(problem.config);
  return {
    problem,
    kernels,
    params: new Float32Array(memory.buffer, layout.params, count),
    gradient: (group: number) => new Float32Array(memory.buffer, layout.grads + group * layout.gradStride, count),
    occupancy: new Uint8Array(memory.buffer, layout.occupancy, problem.hull.length),
    metrics: new Float64Array(memory.buffer, layout.metrics, groups * METRICS),
    memory,
    layout,
  };
}

function relativeError(a: ArrayLike<number>, b: ArrayLike<number>, from: number, to: number): number {
  let difference = 0;
  let size = 0;
  for (let i = from; i < to; i++) {
    difference += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  return Math.sqrt(difference / size);
}

describe('kernels', () => {
  it('scratch fits', async () => {
    const { kernels, layout } = await open();
    expect(kernels.scratchBytes()).toBeLessThan(SCRATCH_BYTES);
    kernels.configure(layout.block, layout.scratch);
  });

  it.each([2, 8])('gradients and losses equal the reference with %i levels', async (activeLevels) => {
    const { problem, kernels, gradient, occupancy, metrics, params } = await open();
    const schedule = { ...scheduleAt(problem.config, 39), activeLevels, sharpness: 60 };
    // marched, with surface here and there
    for (let i = 0; i < occupancy.length; i++) occupancy[i] = (problem.hull[i] ? CELL_MARCHED : 0) | (i % 3 ? CELL_SURFACE : 0);
    kernels.setStep(3, activeLevels, schedule.sharpness, schedule.tap);
    kernels.prepare();
    kernels.train(0);
    kernels.train(1);
    const expected = referenceStep(problem, Float64Array.from(params), occupancy, 3, schedule);
    const sum = gradient(0).map((value, i) => value + gradient(1)[i]);
    const levels = gridLevels(problem.config);
    const parts: [number, number][] = [
      [0, OFFSET_W2],
      [OFFSET_W2, OFFSET_C1],
      [OFFSET_C1, OFFSET_C2],
      [OFFSET_C2, OFFSET_C3],
      [OFFSET_C3, MLP_FLOATS],
      [levels[0].offset, levels[1].offset],
      [levels[activeLevels - 1].offset, levels[activeLevels]?.offset ?? sum.length],
    ];
    for (const [from, to] of parts) expect(relativeError(sum, expected.gradient, from, to)).toBeLessThan(2e-3);
    if (activeLevels < 8) expect(sum.subarray(levels[activeLevels].offset).every((value) => value === 0)).toBe(true);
    expect(metrics[0] + metrics[METRICS]).toBeCloseTo(expected.colorLoss, 3);
    expect(metrics[1] + metrics[METRICS + 1]).toBeCloseTo(expected.maskLoss, 3);
    expect(metrics[2] + metrics[METRICS + 2]).toBeCloseTo(expected.eikonalLoss, 2);
    expect(metrics[5] + metrics[METRICS + 5]).toBe(expected.samples);
  });

  it('Adam equals the textbook, skips zero gradients and clears the tables', async () => {
    const { problem, kernels, gradient, params } = await open();
    const before = params.slice();
    const used = [0, 5, MLP_FLOATS + 8, params.length - 1];
    for (const i of used) {
      gradient(0)[i] = 0.25;
      gradient(1)[i] = 0.5;
    }
    kernels.adam(0, params.length * 4, 0.01, 0.1, 0.01);
    for (let i = 0; i < params.length; i++) {
      if (!used.includes(i)) expect(params[i]).toBe(before[i]);
      else expect(params[i]).toBeCloseTo(before[i] - 0.01 * (i < MLP_FLOATS ? problem.config.lrMlp : 1), 5);
      if (gradient(0)[i] !== 0 || gradient(1)[i] !== 0) throw new Error('gradient left');
    }
    // second step: m = 0.9 * 0.075 + 0.1 * 1, v = 0.99 * 0.005625 + 0.01 * 1
    gradient(1)[0] = 1;
    const last = params[0];
    kernels.adam(0, params.length * 4, 0.01, 0.19, 0.0199);
    const step = (0.01 * problem.config.lrMlp * (0.1675 / 0.19)) / Math.sqrt(0.01556875 / 0.0199);
    expect(params[0]).toBeCloseTo(last - step, 5);
  });

  it('updates the occupancy as the reference does', async () => {
    const { problem, kernels, params, occupancy } = await open();
    const p = Float64Array.from(params);
    const levels = gridLevels(problem.config);
    kernels.setStep(0, 8, 40, 0.01);
    kernels.prepare();
    kernels.updateOccupancy(0, problem.config.occupancyEdge);
    const edge = problem.config.occupancyEdge;
    let wrong = 0;
    for (let i = 0; i < problem.hull.length; i += 97) {
      const u = [i % edge, Math.floor(i / edge) % edge, Math.floor(i / edge / edge)].map((c) => (c + 0.5) / edge);
      const f = referenceField(p, levels, 8, u).output[0];
      const bound = 6 / 40 + Math.sqrt(0.75) / edge;
      const near = Math.sqrt(0.75) / edge;
      if (Math.abs(f - bound) < 1e-4 || Math.abs(Math.abs(f) - near) < 1e-4) continue;
      const flags = (f < bound ? CELL_MARCHED : 0) | (Math.abs(f) < near ? CELL_SURFACE : 0);
      if (occupancy[i] !== (problem.hull[i] ? flags : 0)) wrong++;
    }
    expect(wrong).toBe(0);
  });
});
