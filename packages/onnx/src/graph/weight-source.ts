import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type FloatDtype, streamTensor } from '../checkpoint/stream-tensor.ts';

/** Where a network's weights come from. */
export interface WeightSource {
  /** For messages. */
  readonly name: string;
  /** undefined: there is no such tensor. */
  shapeOf(key: string): readonly number[] | undefined;
  /** Row-major little-endian bytes in pieces; a piece is valid until the next is asked for. */
  stream(key: string, dtype: FloatDtype, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** @param rename the checkpoint's name of a key; default: the key itself */
export function checkpointWeights(checkpoint: Checkpoint, rename: (key: string) => string = (key) => key): WeightSource {
  return {
    name: checkpoint.source.name,
    shapeOf: (key) => checkpoint.tensors.get(rename(key))?.shape,
    stream: (key, dtype, signal) => streamTensor(checkpoint, rename(key), dtype, signal),
  };
}
