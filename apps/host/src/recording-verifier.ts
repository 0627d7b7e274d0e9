import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileVerifier, verdictOf } from '@gestalt3d/onnx';

/** Name of the record, in the bundle's folder. Removing it makes the next load hash everything. */
export const RECORD = '.verified.json';

/** A file that changed so shortly before it was hashed is not recorded: a later change could leave it with the same times. As git's "racy" entries. */
const SETTLED_MS = 2000;

/** One file as it was when its hash was computed. */
interface Entry {
  /** Size, times of change and inode; see `stateOf`. */
  state: string;
  sha256: string;
}

/**
 * Checks files by their hashes and remembers what it found, so that a bundle of gigabytes is read once and not at every run.
 *
 * A file counts as verified without reading where its size, modification time, change time and inode are what they were when its bytes had the
 * manifest's SHA-256. Writing to a file or replacing it changes at least one of these; the change time cannot be set by a program, so setting the
 * modification time back does not help. Not noticed: what changes bytes below the file system (a failing disk, an edited block device) and a system
 * clock that was set back to the very nanosecond. `again` is for that: it hashes whatever the record says, and renews it.
 * A record that is missing, unreadable or cannot be written costs time, nothing else.
 */
export function recordingVerifier(folder: string, { again = false }: { again?: boolean } = {}): FileVerifier {
  const path = join(folder, RECORD);
  let known: Promise<Map<string, Entry>> | undefined;
  return {
    async check(file, signal) {
      const filePath = join(folder, file.path);
      const before = await stateOf(filePath);
      if (before === undefined) return 'missing';
      known ??= again ? Promise.resolve(new Map()) : readRecord(path);
      const entries = await known;
      const entry = entries.get(file.path);
      if (entry?.state === before.state && entry.sha256 === file.sha256 && before.bytes === file.bytes) return 'ok';
      const started = Date.now();
      const verdict = await verdictOf(file, before.bytes, () => hashOf(filePath, signal));
      const after = await stateOf(filePath);
      if (verdict === 'ok' && after?.state === before.state && before.changedMs < started - SETTLED_MS)
        entries.set(file.path, { state: before.state, sha256: file.sha256 });
      else entries.delete(file.path);
      await writeRecord(path, entries);
      return verdict;
    },
  };
}

interface FileState {
  state: string;
  bytes: number;
  changedMs: number;
}

/** undefined: there is no such file. */
async function stateOf(path: string): Promise<FileState | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    if (!found.isFile()) return undefined;
    const { size, mtimeNs, ctimeNs, ino } = found;
    return { state: [size, mtimeNs, ctimeNs, ino].join(' '), bytes: Number(size), changedMs: Number(ctimeNs / 1_000_000n) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** SHA-256 of a file, in pieces. */
export async function hashOf(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 18, ...(signal ? { signal } : {}) }))
    hash.update(piece as Uint8Array);
  return hash.digest('hex');
}

async function readRecord(path: string): Promise<Map<string, Entry>> {
  try {
    const record: unknown = JSON.parse(await readFile(path, 'utf8'));
    return new Map(Object.entries(record as Record<string, Entry>).filter(([, entry]) => typeof entry?.state === 'string'));
  } catch {
    return new Map();
  }
}

/** A folder that may only be read keeps no record. */
async function writeRecord(path: string, entries: Map<string, Entry>): Promise<void> {
  const draft = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(draft, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
    await rename(draft, path);
  } catch {
    await rm(draft, { force: true }).catch(() => {});
  }
}
