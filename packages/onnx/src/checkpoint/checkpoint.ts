import type { ByteSource } from './byte-source.ts';
import type { TensorStorage, TensorView } from './tensor.ts';

/** Where a storage lies in the file. */
export interface StorageLocation {
  start: number;
  bytes: number;
  /** Of the whole storage, when the format has one. */
  crc32: number | undefined;
}

/** A file of named tensors, opened; no tensor is in memory. */
export interface Checkpoint {
  readonly format: 'pytorch' | 'torchscript' | 'safetensors';
  readonly source: ByteSource;
  readonly tensors: ReadonlyMap<string, TensorView>;
  /**
   * Bytes that change when any tensor does (a zip directory holds names, sizes and checksums of all entries); undefined when the format has
   * none and only the whole file identifies itself.
   */
  readonly identity: Uint8Array | undefined;
  /** @throws CheckpointDamagedError */
  locate(storage: TensorStorage): Promise<StorageLocation>;
}
