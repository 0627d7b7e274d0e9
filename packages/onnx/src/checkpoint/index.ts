export { type ByteSource, memoryByteSource } from './byte-source.ts';
export type { Checkpoint, StorageLocation } from './checkpoint.ts';
export { DTYPE_BYTES, type TensorDtype } from './dtype.ts';
export { CheckpointDamagedError, CheckpointUnknownError, CheckpointUnsafeError } from './errors.ts';
export { float16Values, toFloat16Bits } from './float16.ts';
export { openCheckpoint } from './open-checkpoint.ts';
export { type FloatDtype, streamTensor } from './stream-tensor.ts';
export type { TensorStorage, TensorView } from './tensor.ts';
