import { BETA1, BETA2, type FitConfig, parameterCount, scheduleAt } from '../config.ts';
import type { Work } from '../work.ts';
import type { Kernels } from './kernels.ts';
import type { FitMemory } from './memory-layout.ts';

/** Layers of the occupancy grid evaluated in one go. */
const OCCUPANCY_LAYERS = 4;

/** A thread's part of a fit: the same loop runs inline and in each worker. */
export interface ThreadShare {
  index: number;
  threads: number;
  groups: number;
}

/**
 * Meets the other threads: the last one to arrive wakes them. Words of `control`: arrived, generation.
 * Only called where threads > 1, that is inside workers, where waiting is allowed.
 */
function barrier(control: Int32Array, threads: number): void {
  if (threads === 1) return;
  const generation = Atomics.load(control, 1);
  if (Atomics.add(control, 0, 1) === threads - 1) {
    Atomics.store(control, 0, 0);
    Atomics.add(control, 1, 1);
    Atomics.notify(control, 1);
    return;
  }
  // a short spin: the groups are equally long
  for (let i = 0; i < 200; i++) if (Atomics.load(control, 1) !== generation) return;
  while (Atomics.load(control, 1) === generation) Atomics.wait(control, 1, generation, 1000);
}

/**
 * Steps [from, to) of a thread's share, in pieces: a lone thread lets others work between them, a worker does them at once. Results do not
 * depend on the number of threads: groups are fixed, reduced in order.
 */
export function* runSteps(
  kernels: Kernels,
  memory: WebAssembly.Memory,
  layout: FitMemory,
  config: FitConfig,
  share: ThreadShare,
  from: number,
  to: number,
): Work<void> {
  const control = new Int32Array(memory.buffer, layout.control, 16);
  const { index, threads, groups } = share;
  const parameterBytes = parameterCount(config) * 4;
  const cut = (i: number) => Math.floor((parameterBytes * i) / threads / 64) * 64;
  const adamFrom = cut(index);
  const adamTo = index === threads - 1 ? parameterBytes : cut(index + 1);
  const edge = config.occupancyEdge;
  const occupancy = function* (): Work<void> {
    kernels.prepare();
    const end = Math.floor((edge * (index + 1)) / threads);
    for (let layer = Math.floor((edge * index) / threads); layer < end; layer += OCCUPANCY_LAYERS) {
      kernels.updateOccupancy(layer, Math.min(end, layer + OCCUPANCY_LAYERS));
      yield;
    }
    barrier(control, threads);
  };
  for (let step = from; step < to; step++) {
    const schedule = scheduleAt(config, step);
    kernels.setStep(step, schedule.activeLevels, schedule.sharpness, schedule.tap);
    if (step === 0) yield* occupancy();
    kernels.prepare();
    for (let group = index; group < groups; group += threads) {
      kernels.train(group);
      yield;
    }
    barrier(control, threads);
    kernels.adam(adamFrom, adamTo, schedule.learningRate, 1 - BETA1 ** (step + 1), 1 - BETA2 ** (step + 1));
    barrier(control, threads);
    if ((step + 1) % config.occupancyEvery === 0) yield* occupancy();
  }
}
