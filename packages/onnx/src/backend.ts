import type { InferenceSession } from 'onnxruntime-common';

/** What a user may ask for. */
export type Device = 'auto' | 'cpu' | 'webgpu' | 'cuda';

/** What ONNX Runtime runs sessions on: the Node build knows cpu, webgpu and cuda, the browser build wasm and webgpu. */
export type Provider = 'cpu' | 'webgpu' | 'cuda' | 'wasm';

/** The part of ONNX Runtime's session that is used here; the Node and the browser build both have it. */
export type RuntimeSession = Pick<InferenceSession, 'run' | 'release' | 'inputNames' | 'outputNames' | 'inputMetadata' | 'outputMetadata'>;

/** ONNX Runtime, filled in by the app. */
export interface InferenceBackend {
  /** The provider that sessions run on, for people and for cache keys. */
  readonly provider: Provider;
  /** Memory that a program may still take, bytes; absent where nobody can tell. */
  freeBytes?(): number;
  /** @throws whatever the runtime throws for a graph that it cannot load */
  createSession(model: Uint8Array, externalData: { path: string; data: Uint8Array }[]): Promise<RuntimeSession>;
  /** The same for a graph on disk, whose weights lie beside it: the runtime maps them into memory instead of copying them. */
  openFile?(path: string): Promise<RuntimeSession>;
}
