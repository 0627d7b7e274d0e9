import { parentPort, workerData } from 'node:worker_threads';

/**
 * Gives a platform-neutral worker module the browser's `self.postMessage` and `self.onmessage` inside a Node thread.
 */
const port = parentPort!;
const scope = globalThis as unknown as {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  onmessage: ((event: { data: unknown }) => void) | null;
};
scope.postMessage = (message, transfer) => port.postMessage(message, transfer ?? []);
scope.onmessage = null;
await import(workerData as string);
port.on('message', (data) => scope.onmessage?.({ data }));
