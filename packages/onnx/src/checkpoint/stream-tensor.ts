import type { Checkpoint, StorageLocation } from './checkpoint.ts';
import { crc32 } from './crc32.ts';
import { DTYPE_BYTES, type TensorDtype } from './dtype.ts';
import { CheckpointDamagedError, CheckpointUnknownError } from './errors.ts';
import { float16Values, toFloat16Bits } from './float16.ts';
import { elementCount, isContiguous, type TensorStorage, type TensorView } from './tensor.ts';

/** What floating-point tensors may be converted to. */
export type FloatDtype = 'float32' | 'float16';

/** Fits the second-level cache beside its copies: pieces of 4 MiB made an import take three times as long (AMD EPYC, ext4). */
const CHUNK_BYTES = 256 * 2 ** 10;
/** A view that is not contiguous is gathered in memory; the largest weights of the known models have 151 MB. */
const MAX_GATHER_BYTES = 256 * 2 ** 20;

/**
 * The elements of a tensor in row-major order as little-endian bytes, in pieces of at most 256 KiB of the file. Checks the storage's checksum where
 * the format has one. A piece belongs to the caller until the next is asked for.
 * @throws CheckpointUnknownError (no such tensor, not a floating-point one), CheckpointDamagedError (checksum, values beyond fp16), the signal's reason
 */
export async function* streamTensor(
  checkpoint: Checkpoint,
  name: string,
  dtype: FloatDtype,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { source } = checkpoint;
  const view = checkpoint.tensors.get(name);
  if (view === undefined) throw new CheckpointUnknownError(source.name, `a tensor ${name}`, 'none of that name');
  const from = view.storage.dtype;
  if (from !== 'float64' && from !== 'float32' && from !== 'float16' && from !== 'bfloat16')
    throw new CheckpointUnknownError(source.name, `floating-point numbers in ${name}`, from);
  const location = await checkpoint.locate(view.storage);
  for await (const piece of isContiguous(view)
    ? readContiguous(checkpoint, view, location, signal)
    : readStrided(checkpoint, view, location, signal)) {
    const converted = convert(piece, from, dtype);
    if (converted === undefined)
      throw new CheckpointDamagedError(source.name, `numbers in ${name} that fp16 can hold`, 'larger ones: use --precision fp32');
    yield converted;
  }
}

async function* readContiguous(
  checkpoint: Checkpoint,
  view: TensorView,
  location: StorageLocation,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const itemBytes = DTYPE_BYTES[view.storage.dtype];
  const bytes = elementCount(view.shape) * itemBytes;
  if (bytes === location.bytes) {
    yield* readChecked(checkpoint, location, signal);
    return;
  }
  await verify(checkpoint, view.storage, location, signal);
  yield* readChecked(checkpoint, { start: location.start + view.offset * itemBytes, bytes, crc32: undefined }, signal);
}

const verified = new WeakSet<TensorStorage>();

/** Only all bytes of a storage have a checksum: before parts of it are used, the whole is read, once however many tensors share it. */
async function verify(
  checkpoint: Checkpoint,
  storage: TensorStorage,
  location: StorageLocation,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (verified.has(storage) || location.crc32 === undefined) return;
  for await (const _ of readChecked(checkpoint, location, signal));
  verified.add(storage);
}

async function* readChecked(
  checkpoint: Checkpoint,
  { start, bytes, crc32: expected }: StorageLocation,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const update = checkpoint.source.crc32 ?? crc32;
  let crc = 0;
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    signal?.throwIfAborted();
    const chunk = await checkpoint.source.read(start + at, Math.min(CHUNK_BYTES, bytes - at));
    if (expected !== undefined) crc = update(chunk, crc);
    yield chunk;
  }
  if (expected !== undefined && crc !== expected)
    throw new CheckpointDamagedError(checkpoint.source.name, `the checksum of the tensor at byte ${start}`, 'another: the file is damaged');
}

/** Transposed and sliced views: the span they touch is read, then gathered. */
async function* readStrided(
  checkpoint: Checkpoint,
  view: TensorView,
  location: StorageLocation,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const { shape, strides } = view;
  const itemBytes = DTYPE_BYTES[view.storage.dtype];
  const touched = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 1) * itemBytes;
  if (touched > MAX_GATHER_BYTES)
    throw new CheckpointDamagedError(checkpoint.source.name, `a transposed tensor of at most ${MAX_GATHER_BYTES} bytes`, String(touched));
  await verify(checkpoint, view.storage, location, signal);
  const span = new Uint8Array(touched);
  let filled = 0;
  const part = { start: location.start + view.offset * itemBytes, bytes: touched, crc32: undefined };
  for await (const chunk of readChecked(checkpoint, part, signal)) {
    span.set(chunk, filled);
    filled += chunk.length;
  }
  const count = elementCount(shape);
  const index = shape.map(() => 0);
  let from = 0;
  const perPiece = CHUNK_BYTES / itemBytes;
  for (let done = 0; done < count; done += perPiece) {
    signal?.throwIfAborted();
    const piece = new Uint8Array(Math.min(perPiece, count - done) * itemBytes);
    for (let to = 0; to < piece.length; to += itemBytes) {
      for (let b = 0; b < itemBytes; b++) piece[to + b] = span[from * itemBytes + b]!;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        from += strides[axis]!;
        if (++index[axis]! < shape[axis]!) break;
        from -= strides[axis]! * shape[axis]!;
        index[axis] = 0;
      }
    }
    yield piece;
  }
}

/** undefined: a finite value does not fit. */
function convert(bytes: Uint8Array, from: TensorDtype, to: FloatDtype): Uint8Array | undefined {
  if (from === to) return bytes;
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const count = bytes.length / DTYPE_BYTES[from];
  const as = <T>(View: new (buffer: ArrayBufferLike, offset: number, length: number) => T): T =>
    new View(aligned.buffer, aligned.byteOffset, count);
  let floats: Float32Array;
  if (from === 'float32') floats = as(Float32Array);
  else if (from === 'float64') floats = new Float32Array(as(Float64Array));
  else if (from === 'bfloat16') {
    const halves = as(Uint16Array);
    const words = new Uint32Array(count);
    for (let i = 0; i < count; i++) words[i] = halves[i]! << 16;
    floats = new Float32Array(words.buffer);
  } else {
    const values = float16Values();
    const halves = as(Uint16Array);
    floats = new Float32Array(count);
    for (let i = 0; i < count; i++) floats[i] = values[halves[i]!]!;
  }
  if (to === 'float32') return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  const halves = new Uint16Array(count);
  toFloat16Bits(floats, halves);
  for (let i = 0; i < count; i++) if ((halves[i]! & 0x7fff) === 0x7c00 && Number.isFinite(floats[i]!)) return undefined;
  return new Uint8Array(halves.buffer);
}
