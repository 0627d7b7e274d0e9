import type { FitConfig } from '../config.ts';
import { finishWorkNow } from '../work.ts';
import { instantiateKernels, type Kernels } from './kernels.ts';
import { type FitMemory, SCRATCH_BYTES } from './memory-layout.ts';
import { runSteps, type ThreadShare } from './step-loop.ts';

/** What the fitter posts to a worker: first `start`, then `run` as often as it likes. */
export type FitWorkerRequest =
  | { kind: 'start'; memory: WebAssembly.Memory; layout: FitMemory; config: FitConfig; share: ThreadShare }
  | { kind: 'run'; from: number; to: number };

export type FitWorkerReply = { kind: 'ready' } | { kind: 'done' } | { kind: 'failed'; message: string };

/** The face of a browser's worker scope; in Node the app's worker bootstrap puts the same two names on globalThis. */
interface WorkerScope {
  onmessage: ((event: { data: FitWorkerRequest }) => void) | null;
  postMessage(message: FitWorkerReply): void;
}
const scope = globalThis as unknown as WorkerScope;

let state: { kernels: Kernels; start: Extract<FitWorkerRequest, { kind: 'start' }> } | undefined;

async function handle(request: FitWorkerRequest): Promise<FitWorkerReply> {
  if (request.kind === 'start') {
    const kernels = await instantiateKernels(request.memory);
    kernels.configure(request.layout.block, request.layout.scratch + request.share.index * SCRATCH_BYTES);
    state = { kernels, start: request };
    return { kind: 'ready' };
  }
  const { kernels, start } = state!;
  finishWorkNow(runSteps(kernels, start.memory, start.layout, start.config, start.share, request.from, request.to));
  return { kind: 'done' };
}

scope.onmessage = (event) => {
  handle(event.data).then(
    (reply) => scope.postMessage(reply),
    (error: unknown) => scope.postMessage({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
};
