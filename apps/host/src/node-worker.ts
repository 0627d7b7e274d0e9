import { Worker } from 'node:worker_threads';
import type { WorkerFactory } from '@gestalt3d/core';

/** Node's worker threads behind the face that the stages know. */
export const spawnNodeWorker: WorkerFactory = (moduleUrl) => {
  const worker = new Worker(new URL('./node-worker-entry.js', import.meta.url), { workerData: moduleUrl.href });
  return {
    post: (message, transfer) => worker.postMessage(message, transfer ?? []),
    onMessage: (listener) => void worker.on('message', listener),
    onError: (listener) => void worker.on('error', listener),
    terminate: () => void worker.terminate(),
  };
};
