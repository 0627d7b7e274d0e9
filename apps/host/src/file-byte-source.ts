import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import * as zlib from 'node:zlib';
import { StorageError } from '@gestalt3d/core';
import type { ByteSource } from '@gestalt3d/onnx';

/** Large reads take turns in this many buffers, so that one can be written while the next is filled. */
const BUFFERS = 3;
const LARGE = 128 * 2 ** 10;

export interface FileByteSource extends ByteSource {
  close(): Promise<void>;
}

/** A file for positioned reads. The result of a read of 128 KiB or more stays as it is until two further ones. @throws StorageError */
export async function openFileByteSource(path: string): Promise<FileByteSource> {
  let handle: FileHandle;
  let size: number;
  try {
    handle = await open(path, 'r');
    const status = await handle.stat();
    if (!status.isFile()) throw Object.assign(new Error('not a file'), { code: 'it is not a file' });
    size = status.size;
  } catch (error) {
    throw new StorageError(path, 'read', (error as NodeJS.ErrnoException).code ?? 'error', error);
  }
  const buffers: Uint8Array[] = [];
  let turn = 0;
  const bufferOf = (length: number): Uint8Array => {
    if (length < LARGE) return new Uint8Array(length);
    turn = (turn + 1) % BUFFERS;
    if ((buffers[turn]?.length ?? 0) < length) buffers[turn] = new Uint8Array(length);
    return buffers[turn]!.subarray(0, length);
  };
  // in Node from 20.15 on
  const { crc32 } = zlib as { crc32?: (bytes: Uint8Array, value?: number) => number };
  return {
    name: basename(path),
    size,
    async read(offset, length) {
      const buffer = bufferOf(length);
      for (let filled = 0; filled < length; ) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
        if (bytesRead === 0) throw new StorageError(path, 'read', 'it became shorter while it was read');
        filled += bytesRead;
      }
      return buffer;
    },
    ...(crc32 === undefined ? {} : { crc32 }),
    close: () => handle.close(),
  };
}
