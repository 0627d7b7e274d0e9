import { unzipSync, zipSync } from 'fflate';
import { ArchiveError } from './errors.ts';

/** Entries by name of a zip archive (also .jar and .sh3f). Folders have no entry. @throws ArchiveError */
export function readZip(bytes: Uint8Array, wanted: (name: string) => boolean = () => true): Map<string, Uint8Array> {
  try {
    const files = unzipSync(bytes, { filter: ({ name }) => !name.endsWith('/') && wanted(name) });
    return new Map(Object.entries(files));
  } catch (error) {
    throw new ArchiveError('zip archive', (error as Error).message, error);
  }
}

/**
 * A zip archive whose entries are stored as they are: what goes in is compressed already.
 * The same entries in the same order give the same bytes.
 */
export function writeZip(entries: Iterable<readonly [string, Uint8Array]>): Uint8Array {
  // zip knows no date before 1980; a fixed one keeps archives comparable
  return zipSync(Object.fromEntries(entries), { level: 0, mtime: '1980-01-02T00:00:00Z' });
}
