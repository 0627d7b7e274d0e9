import { CheckpointDamagedError } from './errors.ts';

/** Bytes that can be read anywhere; filled by the app (a file handle in Node, a Blob in a browser). */
export interface ByteSource {
  /** For messages. */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes from `offset`, or a rejection. The result belongs to the caller until the next read of the same source. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** The platform's CRC-32, ten times as fast as the one here: called with what the bytes before gave, 0 at the start. */
  readonly crc32?: (bytes: Uint8Array, crc: number) => number;
}

/** Bytes that are in memory already. */
export function memoryByteSource(bytes: Uint8Array, name = 'memory'): ByteSource {
  return { name, size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

/** Largest single read of a structure (directory, pickle, JSON header); tensors are streamed instead. */
export const MAX_STRUCTURE_BYTES = 64 * 2 ** 20;

/**
 * Reads a range after checking that the source has it.
 * @throws CheckpointDamagedError for a range outside the source or larger than MAX_STRUCTURE_BYTES
 */
export async function readRange(source: ByteSource, what: string, offset: number, length: number): Promise<Uint8Array> {
  if (!isCount(offset) || !isCount(length) || offset + length > source.size)
    throw new CheckpointDamagedError(source.name, `${what} inside its ${source.size} bytes`, `${length} bytes at ${offset}`);
  if (length > MAX_STRUCTURE_BYTES)
    throw new CheckpointDamagedError(source.name, `${what} of at most ${MAX_STRUCTURE_BYTES} bytes`, `${length} bytes`);
  const bytes = await source.read(offset, length);
  if (bytes.length !== length) throw new CheckpointDamagedError(source.name, `${length} bytes of ${what}`, `${bytes.length}`);
  return bytes;
}

/** A whole number that is not negative and exact. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
