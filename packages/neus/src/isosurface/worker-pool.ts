import type { WorkerFactory, WorkerHandle } from '@gestalt3d/core';

/** What a worker posts back to each request, in order. */
export type WorkerReply = { kind: 'done'; result: unknown } | { kind: 'failed'; message: string };

/** Threads could not be started, or ended by themselves; the same work can be done on the calling thread. */
export class WorkersLostError extends Error {}

interface Task {
  request: unknown;
  transfer: ArrayBuffer[];
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

/** Requests that wait at a worker, so that it has work while the calling thread is busy. */
const AHEAD = 2;

/** Workers of one module that take requests from one queue. They start with the first request and end with `end` or a failure. */
export class WorkerPool {
  readonly #spawn: WorkerFactory;
  readonly #url: URL;
  readonly #count: number;
  /** Each worker's requests under way, oldest first. */
  #workers: { handle: WorkerHandle; tasks: Task[] }[] = [];
  #queue: Task[] = [];

  constructor(spawn: WorkerFactory, url: URL, count: number) {
    this.#spawn = spawn;
    this.#url = url;
    this.#count = count;
  }

  /** The result of a request from whichever worker is free. @throws WorkersLostError, Error from the worker, the reason of `end` */
  run(request: unknown, transfer: ArrayBuffer[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, transfer, resolve, reject });
      this.#start();
      this.#deal();
    });
  }

  /** Sends a request to every worker, before any that waits. Call it first. */
  async runOnEach(request: unknown): Promise<void> {
    this.#start();
    await Promise.all(
      this.#workers.map((worker) => {
        return new Promise((resolve, reject) => this.#post(worker, { request, transfer: [], resolve, reject }));
      }),
    );
  }

  /** Does requests that no worker has taken on the calling thread, until none is left. */
  async help(handle: (request: unknown) => Promise<unknown>): Promise<void> {
    for (let task = this.#queue.shift(); task; task = this.#queue.shift()) await handle(task.request).then(task.resolve, task.reject);
  }

  /** Ends the workers at once; whatever is under way rejects with `reason`. The next request starts new ones. */
  end(reason: unknown): void {
    const workers = this.#workers;
    const waiting = [...workers.flatMap(({ tasks }) => tasks), ...this.#queue];
    this.#workers = [];
    this.#queue = [];
    for (const { handle } of workers) handle.terminate();
    for (const task of waiting) task.reject(reason);
  }

  #start(): void {
    if (this.#workers.length > 0) return;
    try {
      for (let i = 0; i < this.#count; i++) {
        const worker = { handle: this.#spawn(this.#url), tasks: [] as Task[] };
        worker.handle.onError((error) => this.end(new WorkersLostError(error.message)));
        worker.handle.onMessage((message) => {
          const task = worker.tasks.shift();
          this.#deal();
          const reply = message as WorkerReply;
          if (reply.kind === 'done') task?.resolve(reply.result);
          else task?.reject(new Error(reply.message));
        });
        this.#workers.push(worker);
      }
    } catch (error) {
      this.end(new WorkersLostError(error instanceof Error ? error.message : String(error)));
    }
  }

  #deal(): void {
    // level by level, so that every worker has one request before any has two
    for (let depth = 1; depth <= AHEAD; depth++)
      for (const worker of this.#workers) {
        if (worker.tasks.length >= depth) continue;
        const task = this.#queue.shift();
        if (!task) return;
        this.#post(worker, task);
      }
  }

  #post(worker: { handle: WorkerHandle; tasks: Task[] }, task: Task): void {
    worker.tasks.push(task);
    worker.handle.post(task.request, task.transfer);
  }
}
