import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storageFailure } from '../files.ts';
import type { RenderedInfo } from '../job.ts';
import type { DepthRange } from './encode-object.ts';

/** A finished object: rendered, or the reason why it is not used. */
export interface FinishedObject {
  id: string;
  info?: RenderedInfo;
  ranges?: DepthRange[];
  /** Why it is left out; absent for usable objects. */
  reason?: string;
}

/** Lines of finished objects by id, later ones win. A last line that a kill cut short does not count. */
export async function readIndex(path: string): Promise<Map<string, FinishedObject>> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const finished = new Map<string, FinishedObject>();
  for (const line of text.split('\n')) {
    try {
      const entry = JSON.parse(line) as FinishedObject;
      if (typeof entry.id === 'string') finished.set(entry.id, entry);
    } catch {
      // an empty or a torn line: that object is done again
    }
  }
  return finished;
}

/** Appends a line; begins a new one first, in case the last was torn. */
export async function appendToIndex(path: string, entry: FinishedObject): Promise<void> {
  const line = `\n${JSON.stringify(entry)}`;
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, line).catch((error) => {
    throw storageFailure(error, path, line.length);
  });
}
