import type { RgbaImage } from './image.ts';
import type { Mesh } from './mesh.ts';
import type { Rng } from './rng.ts';

export const STAGE_NAMES = ['segment', 'complete', 'views', 'reconstruct', 'mesh'] as const;
export type StageName = (typeof STAGE_NAMES)[number];

/** The only progress channel. `done` counts real work. */
export type StageEvent = { stage: StageName } & (
  | { kind: 'start' }
  | { kind: 'progress'; done: number; total: number; unit: 'step' | 'view' | 'tile' | 'triangle' }
  | { kind: 'metric'; step: number; name: string; value: number }
  /** A picture worth a look before the stage ends; `index` tells which of several (sample, view). `mesh`: the shape itself where there is one. */
  | { kind: 'preview'; name: string; index: number; image: RgbaImage; mesh?: Mesh }
  | { kind: 'info'; message: string }
  | { kind: 'warning'; code: string; message: string }
  | { kind: 'end'; milliseconds: number; reused: boolean }
);
/** An event without the stage's name, which the caller of the stage adds. */
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
export type StageMessage = DistributiveOmit<StageEvent, 'stage'>;

/** A running worker thread (Node worker_threads or a browser Worker behind one face). */
export interface WorkerHandle {
  post(message: unknown, transfer?: ArrayBuffer[]): void;
  onMessage(listener: (message: unknown) => void): void;
  onError(listener: (error: Error) => void): void;
  terminate(): void;
}

/** Starts a worker from an ES module's URL. */
export type WorkerFactory = (moduleUrl: URL) => WorkerHandle;

/** What a stage may use beside its input; devices and randomness come from here, stages create neither. */
export interface StageContext {
  signal: AbortSignal;
  emit(event: StageMessage): void;
  rng: Rng;
  /** A real GPU's device, or null: then the stage's CPU path runs. A software device is never passed by `auto`. */
  gpu: GPUDevice | null;
  /** null where threads are not to be had: the same work then runs on the calling thread. */
  spawnWorker: WorkerFactory | null;
  /** Threads worth using. */
  threads: number;
}

/** A pure function of plain data, options and a context. `name` and `version` enter the key its result is stored under. */
export interface Stage<In, Out, Options extends object> {
  readonly name: StageName;
  readonly version: string;
  readonly defaults: Readonly<Options>;
  /** @throws the signal's reason when aborted; a GestaltError for everything foreseen */
  run(input: In, options: Readonly<Options>, context: StageContext): Promise<Out>;
}

/** Lets pending events and aborts through; call it between units of work on long synchronous paths. */
export async function breathe(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  signal.throwIfAborted();
}
