import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DiskFullError, StorageError } from '@gestalt3d/core';

let temporaryCount = 0;

/**
 * Writes a file so that it is there whole or not at all, whenever the process is killed.
 * @throws DiskFullError, StorageError
 */
export async function writeAtomically(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.${temporaryCount++}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(data);
      // without it a power cut can leave the new name with no content
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw storageFailure(error, path, data.length);
  }
}

/** The typed error for a failed write. */
export function storageFailure(error: unknown, path: string, sizeBytes: number): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new DiskFullError(path, sizeBytes, error);
  return new StorageError(path, 'write', message ?? String(error), error);
}
