import type { StageContext, WorkerHandle } from '@gestalt3d/core';
import { parameterCount } from '../config.ts';
import type { FitReport, SurfaceFitter } from '../fitter.ts';
import type { FitProblem } from '../problem.ts';
import { finishWork, finishWorkNow, type Work } from '../work.ts';
import type { FitWorkerReply, FitWorkerRequest } from './fit-worker.ts';
import { instantiateKernels } from './kernels.ts';
import { allocateMemory, type FitMemory, type FitSizes, layoutMemory, METRICS, writeBlock } from './memory-layout.ts';
import { runSteps } from './step-loop.ts';

/** Gradient tables, and parts that a step's rays are dealt into. Fixed, so that the bits do not depend on the number of threads. */
export const GROUPS = 4;

/** Words copied between two looks at the signal. */
const WORDS_A_PIECE = 1 << 21;

const NEVER = new AbortController().signal;

interface LoadedProblem {
  memory: WebAssembly.Memory;
  layout: FitMemory;
}

/** Lays a problem out in a new shared memory, at once. */
export function loadProblem(problem: FitProblem, groups: number, threads: number): LoadedProblem {
  return finishWorkNow(loading(problem, groups, threads));
}

/** The same in pieces: many large views are 200 MB. */
function* loading(problem: FitProblem, groups: number, threads: number): Work<LoadedProblem> {
  const { config } = problem;
  const sizes: FitSizes = {
    views: problem.cameras.length / 16,
    pixels: problem.pixels.length,
    foreground: problem.foreground.length,
    background: problem.background.length,
    hullCells: problem.hullCells.length,
    groups,
    threads,
    points: 0,
  };
  const layout = layoutMemory(config, sizes);
  const memory = allocateMemory(layout);
  writeBlock(memory, layout, config, sizes);
  new Float32Array(memory.buffer, layout.params, problem.parameters.length).set(problem.parameters);
  new Float32Array(memory.buffer, layout.cameras, problem.cameras.length).set(problem.cameras);
  new Uint32Array(memory.buffer, layout.viewStart, problem.viewStart.length).set(problem.viewStart);
  new Uint8Array(memory.buffer, layout.hull, problem.hull.length).set(problem.hull);
  for (const name of ['pixels', 'foreground', 'background', 'hullCells'] as const) {
    const to = new Uint32Array(memory.buffer, layout[name], problem[name].length);
    for (let at = 0; at < to.length; at += WORDS_A_PIECE) {
      to.set(problem[name].subarray(at, at + WORDS_A_PIECE), at);
      yield;
    }
  }
  return { memory, layout };
}

/** Fits on the CPU, on worker threads where the context has them. @throws the signal's reason */
export async function createCpuFitter(
  problem: FitProblem,
  context: Pick<StageContext, 'spawnWorker' | 'threads'> & Partial<Pick<StageContext, 'signal'>>,
): Promise<SurfaceFitter> {
  const { config } = problem;
  const threads = context.spawnWorker ? Math.max(1, Math.min(context.threads, GROUPS)) : 1;
  const { memory, layout } = await finishWork(loading(problem, GROUPS, threads), context.signal ?? NEVER);
  // a host may promise threads that do not start (a page's content policy); the result is the same without them
  const steps = threads > 1 ? await startWorkers().catch(retryInline) : await startInline();

  function retryInline() {
    context.signal?.throwIfAborted();
    return startInline();
  }

  async function startInline() {
    const kernels = await instantiateKernels(memory);
    kernels.configure(layout.block, layout.scratch);
    const run = (from: number, to: number, signal: AbortSignal) =>
      finishWork(runSteps(kernels, memory, layout, config, { index: 0, threads: 1, groups: GROUPS }, from, to), signal);
    return { run, dispose: () => {} };
  }

  async function startWorkers() {
    const url = new URL('./fit-worker.js', import.meta.url);
    const workers: WorkerHandle[] = [];
    let pending = 0;
    let settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
    const fail = (error: unknown) => {
      for (const worker of workers) worker.terminate();
      settle?.reject(error);
      settle = undefined;
    };
    const broadcast = async (request: (index: number) => FitWorkerRequest, signal: AbortSignal) => {
      signal.throwIfAborted();
      // threads look at no signal: they are ended in the middle of their step
      const onAbort = () => fail(signal.reason);
      signal.addEventListener('abort', onAbort);
      try {
        await new Promise<void>((resolve, reject) => {
          settle = { resolve, reject };
          pending = threads;
          workers.forEach((worker, index) => {
            worker.post(request(index));
          });
        });
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    };
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
    await broadcast(
      (index) => ({ kind: 'start', memory, layout, config, share: { index, threads, groups: GROUPS } }),
      context.signal ?? NEVER,
    );
    return { run: (from: number, to: number, signal: AbortSignal) => broadcast(() => ({ kind: 'run', from, to }), signal), dispose };
  }

  const live = new Float32Array(memory.buffer, layout.params, parameterCount(config));
  let done = 0;
  return {
    async run(untilStep, signal = NEVER): Promise<FitReport> {
      const metrics = new Float64Array(memory.buffer, layout.metrics, GROUPS * METRICS);
      metrics.fill(0);
      const from = done;
      await steps.run(from, untilStep, signal);
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
    peek: () => live,
    parameters: async () => live.slice(),
    dispose: steps.dispose,
  };
}
