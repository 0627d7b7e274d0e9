import type { FileStore } from '@gestalt3d/core';
import { sha256 } from '@gestalt3d/pipeline';

/** A result and the hash of everything it follows from. */
interface Keyed<T> {
  key: string;
  value: T;
}

/** Hash of plain data. */
export const keyOf = (data: unknown): Promise<string> => sha256(encodeJson(data));

export function encodeJson(data: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(data, null, 1)}\n`);
}

/** The value kept under a name if it was made from the same things; undefined also where the file is damaged. */
export async function readRecord<T>(store: FileStore, name: string, key: string): Promise<T | undefined> {
  const bytes = await store.read(name);
  if (!bytes) return undefined;
  try {
    const kept = JSON.parse(new TextDecoder().decode(bytes)) as Keyed<T>;
    return kept.key === key ? kept.value : undefined;
  } catch {
    return undefined;
  }
}

export async function writeRecord<T>(store: FileStore, name: string, key: string, value: T): Promise<void> {
  await store.write(name, encodeJson({ key, value } satisfies Keyed<T>));
}
