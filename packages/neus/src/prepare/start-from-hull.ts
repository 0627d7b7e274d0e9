import { createRng } from '@gestalt3d/core';
import { BETA1, BETA2, gridLevels } from '../config.ts';
import { instantiateKernels } from '../cpu/kernels.ts';
import { allocateMemory, layoutMemory, writeBlock } from '../cpu/memory-layout.ts';
import type { FitProblem } from '../problem.ts';
import { finishWork, type Work } from '../work.ts';
import { signedDistance } from './signed-distance.ts';

const STEPS = 80;
/** Points of a step, and of one call of the kernel. */
const POINTS = 2048;
const PIECE = 1024;
/** Of the points this share lies anywhere; the others near the hull's surface, within so many cells. */
const ANYWHERE = 0.25;
const NEAR_CELLS = 3;
const WARM_UP = 10;
const RATE_START = 1e-2;
const RATE_END = 1e-3;
/** The hull is larger than the silhouettes by half a cell's diagonal, so that it misses nothing. */
const HULL_EXCESS = Math.sqrt(3) / 2;

/**
 * Fits the field to the visual hull before any pixel is looked at, so that holes are open and parts are apart from the first step on: a surface that
 * has grown opaque across a hole hides it from its own gradient. On the CPU, with the fit's kernels; the same start for every device.
 * @returns the start values of the parameters
 * @throws the signal's reason
 */
export async function startFromHull(problem: FitProblem, signal: AbortSignal): Promise<Float32Array> {
  const { config } = problem;
  const sizes = { views: 0, pixels: 0, foreground: 0, background: 0, hullCells: 0, groups: 1, threads: 1, points: POINTS };
  const layout = layoutMemory(config, sizes);
  const memory = allocateMemory(layout);
  writeBlock(memory, layout, config, sizes);
  const parameters = new Float32Array(memory.buffer, layout.params, problem.parameters.length);
  parameters.set(problem.parameters);
  const kernels = await instantiateKernels(memory);
  kernels.configure(layout.block, layout.scratch);
  const points = new Float32Array(memory.buffer, layout.points, POINTS * 4);
  const used = config.startLevels < config.resolutions.length ? gridLevels(config)[config.startLevels].offset : parameters.length;
  const work = function* (): Work<void> {
    const draw = yield* hullPoints(problem);
    yield;
    for (let step = 0; step < STEPS; step++) {
      draw(points);
      kernels.setStep(step, config.startLevels, 1, 1);
      kernels.prepare();
      for (let i = 0; i < POINTS; i += PIECE) kernels.regress(0, layout.points + i * 16, PIECE, 1 / POINTS);
      const rate = Math.min(1, (step + 1) / WARM_UP) * RATE_START * (RATE_END / RATE_START) ** (step / STEPS);
      kernels.adam(0, used * 4, rate, 1 - BETA1 ** (step + 1), 1 - BETA2 ** (step + 1));
      yield;
    }
  };
  await finishWork(work(), signal);
  return parameters.slice();
}

/** Fills [POINTS, 4] with random points of the cube and the hull's distance there, in cube edges. */
function* hullPoints({ config, support }: FitProblem): Work<(points: Float32Array) => void> {
  const edge = config.occupancyEdge;
  const distance = (yield* signedDistance(support, edge)).map((value) => value + HULL_EXCESS);
  yield;
  const near: number[] = [];
  distance.forEach((value, cell) => {
    if (Math.abs(value) < NEAR_CELLS) near.push(cell);
  });
  const rng = createRng(config.seed).fork('neus/hull');
  const p = [0, 0, 0];
  return (points) => {
    for (let i = 0; i < points.length; i += 4) {
      for (let c = 0; c < 3; c++) p[c] = rng.uniform();
      if (rng.uniform() >= ANYWHERE && near.length > 0) {
        const cell = near[Math.min(near.length - 1, Math.floor(rng.uniform() * near.length))];
        p[0] = ((cell % edge) + p[0]) / edge;
        p[1] = ((Math.floor(cell / edge) % edge) + p[1]) / edge;
        p[2] = (Math.floor(cell / edge ** 2) + p[2]) / edge;
      }
      points.set(p, i);
      points[i + 3] = trilinear(distance, edge, p) / edge;
    }
  };
}

/** Value at a point of the cube [0, 1]^3 of samples at the cells' centres. */
function trilinear(values: Float32Array, edge: number, p: readonly number[]): number {
  let sum = 0;
  const base = [0, 0, 0];
  const fraction = [0, 0, 0];
  for (let c = 0; c < 3; c++) {
    const g = Math.min(edge - 1, Math.max(0, p[c] * edge - 0.5));
    base[c] = Math.min(edge - 2, Math.floor(g));
    fraction[c] = g - base[c];
  }
  for (let corner = 0; corner < 8; corner++) {
    const x = corner & 1;
    const y = (corner >> 1) & 1;
    const z = corner >> 2;
    const weight = (x ? fraction[0] : 1 - fraction[0]) * (y ? fraction[1] : 1 - fraction[1]) * (z ? fraction[2] : 1 - fraction[2]);
    sum += weight * values[base[0] + x + edge * (base[1] + y + edge * (base[2] + z))];
  }
  return sum;
}
