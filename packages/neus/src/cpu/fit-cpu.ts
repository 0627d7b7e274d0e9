import type { StageContext, WorkerHandle } from '@gestalt3d/core';
import { parameterCount } from '../config.ts';
import type { FitReport, SurfaceFitter } from '../fitter.ts';
import type { FitProblem } from '../problem.ts';
import type { FitWorkerReply, FitWorkerRequest } from './fit-worker.ts';
import { instantiateKernels } from './kernels.ts';
import { allocateMemory, type FitMemory, type FitSizes, layoutMemory, METRICS, writeBlock } from './memory-layout.ts';
import { runSteps } from './step-loop.ts';

/** Gradient tables, and parts that a step's rays are dealt into. Fixed, so that the bits do not depend on the number of threads. */
export const GROUPS = 4;

/** Lays a problem out in a new shared memory. */
export function loadProblem(problem: FitProblem, groups: number, threads: number): { memory: WebAssembly.Memory; layout: FitMemory } {
  const { config } = problem;
  const sizes: FitSizes = {
    views: problem.cameras.length / 16,
    pixels: problem.pixels.length,
    foreground: problem.foreground.length,
    background: problem.background.length,
    groups,
    threads,
    points: 16,
  };
  const layout = layoutMemory(config, sizes);
  const memory = allocateMemory(layout);
  writeBlock(memory, layout, config, sizes);
  new Float32Array(memory.buffer, layout.params, problem.parameters.length).set(problem.parameters);
  new Float32Array(memory.buffer, layout.cameras, problem.cameras.length).set(problem.cameras);
  new Uint32Array(memory.buffer, layout.viewStart, problem.viewStart.length).set(problem.viewStart);
  new Uint32Array(memory.buffer, layout.pixels, problem.pixels.length).set(problem.pixels);
  new Uint32Array(memory.buffer, layout.foreground, problem.foreground.length).set(problem.foreground);
  new Uint32Array(memory.buffer, layout.background, problem.background.length).set(problem.background);
  new Uint8Array(memory.buffer, layout.hull, problem.hull.length).set(problem.hull);
  return { memory, layout };
}

/** Fits on the CPU, on worker threads where the context has them. */
export async function createCpuFitter(problem: FitProblem, context: Pick<StageContext, 'spawnWorker' | 'threads'>): Promise<SurfaceFitter> {
  const { config } = problem;
  const threads = context.spawnWorker ? Math.max(1, Math.min(context.threads, GROUPS)) : 1;
  const { memory, layout } = loadProblem(problem, GROUPS, threads);
  // a host may promise threads that do not start (a page's content policy); the result is the same without them
  const steps = threads > 1 ? await startWorkers().catch(() => startInline()) : await startInline();

  async function startInline() {
    const kernels = await instantiateKernels(memory);
    kernels.configure(layout.block, layout.scratch);
    const run = async (from: number, to: number) =>
      runSteps(kernels, memory, layout, config, { index: 0, threads: 1, groups: GROUPS }, from, to);
    return { run, dispose: () => {} };
  }

  async function startWorkers() {
    const url = new URL('./fit-worker.js', import.meta.url);
    const workers: WorkerHandle[] = [];
    let pending = 0;
    let settle: { resolve: () => void; reject: (error: Error) => void } | undefined;
    const fail = (error: Error) => {
      for (const worker of workers) worker.terminate();
      settle?.reject(error);
      settle = undefined;
    };
    const broadcast = (request: (index: number) => FitWorkerRequest) =>
      new Promise<void>((resolve, reject) => {
        settle = { resolve, reject };
        pending = threads;
        workers.forEach((worker, index) => {
          worker.post(request(index));
        });
      });
    for (let index = 0; index < threads; index++) {
      const worker = context.spawnWorker!(url);
      worker.onError(fail);
      worker.onMessage((message) => {
        const reply = message as FitWorkerReply;
        if (reply.kind === 'failed') fail(new Error(reply.message));
        else if (--pending === 0) settle?.resolve();
      });
      workers.push(worker);
    }
    const dispose = () => {
      for (const worker of workers) worker.terminate();
    };
    await broadcast((index) => ({ kind: 'start', memory, layout, config, share: { index, threads, groups: GROUPS } }));
    return { run: (from: number, to: number) => broadcast(() => ({ kind: 'run', from, to })), dispose };
  }

  let done = 0;
  return {
    async run(untilStep): Promise<FitReport> {
      const metrics = new Float64Array(memory.buffer, layout.metrics, GROUPS * METRICS);
      metrics.fill(0);
      const from = done;
      await steps.run(from, untilStep);
      done = untilStep;
      const sum = (k: number) => {
        let total = 0;
        for (let group = 0; group < GROUPS; group++) total += metrics[group * METRICS + k];
        return total;
      };
      return {
        step: done,
        rays: (untilStep - from) * config.rays,
        samples: sum(5),
        coloredSamples: sum(6),
        gradientRows: sum(7),
        colorLoss: sum(0),
        maskLoss: sum(1),
        eikonalLoss: sum(2),
        squaredError: sum(3),
        foregroundRays: sum(4),
      };
    },
    parameters: async () => new Float32Array(memory.buffer, layout.params, parameterCount(config)).slice(),
    dispose: steps.dispose,
  };
}
