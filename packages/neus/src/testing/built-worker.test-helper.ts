import { Worker } from 'node:worker_threads';
import type { WorkerFactory } from '@gestalt3d/core';

/** Workers of the built package: Node runs no TypeScript in a thread. */
export const spawnBuiltWorker: WorkerFactory = (url) => {
  const module = new URL(url.href.replace('/src/', '/dist/'));
  const boot = `const { parentPort, workerData } = require('node:worker_threads');
    globalThis.postMessage = (message, transfer) => parentPort.postMessage(message, transfer);
    import(workerData).then(() => parentPort.on('message', (data) => globalThis.onmessage({ data })));`;
  const worker = new Worker(boot, { eval: true, workerData: module.href });
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    onMessage: (listener) => worker.on('message', listener),
    onError: (listener) => worker.on('error', listener),
    terminate: () => void worker.terminate(),
  };
};
