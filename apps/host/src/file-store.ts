import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { DiskFullError, type FileStore, StorageError } from '@gestalt3d/core';

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'error';

/** A folder on disk. Writes go to a temporary file first, which is flushed and renamed. */
export function createFileStore(folder: string): FileStore {
  const location = resolve(folder);
  const pathOf = (name: string): string => {
    const path = resolve(location, name);
    if (path !== location && !path.startsWith(location + sep)) throw new StorageError(name, 'read', 'it lies outside the folder');
    return path;
  };
  return {
    location,
    pathOf,
    async read(name) {
      try {
        return new Uint8Array(await readFile(pathOf(name)));
      } catch (error) {
        const code = codeOf(error);
        if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
        throw error instanceof StorageError ? error : new StorageError(pathOf(name), 'read', code, error);
      }
    },
    async write(name, bytes) {
      const path = pathOf(name);
      const temporary = join(dirname(path), `.${randomUUID()}.tmp`);
      try {
        await mkdir(dirname(path), { recursive: true });
        const file = await open(temporary, 'wx');
        try {
          await file.writeFile(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => {});
        const code = codeOf(error);
        if (code === 'ENOSPC' || code === 'EDQUOT') throw new DiskFullError(path, bytes.length, error);
        throw new StorageError(path, 'write', code, error);
      }
    },
    async remove(name) {
      await rm(pathOf(name), { force: true, recursive: true });
    },
    async list(prefix) {
      try {
        const entries = await readdir(pathOf(prefix), { recursive: true, withFileTypes: true });
        return entries
          .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
          .map((entry) =>
            join(entry.parentPath, entry.name)
              .slice(location.length + 1)
              .split(sep)
              .join('/'),
          )
          .sort();
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return [];
        throw new StorageError(pathOf(prefix), 'read', codeOf(error), error);
      }
    },
  };
}
