import type { FileStore, ImageCodec } from '@gestalt3d/core';

/** Reads one file of a finished stage. @throws RunFolderError when it is not there */
export type ReadFile = (name: string) => Promise<Uint8Array>;

/** How one stage's result lies in the run folder. */
export interface ArtifactFormat<T> {
  save(value: T, codec: ImageCodec): Promise<Map<string, Uint8Array>>;
  load(read: ReadFile, codec: ImageCodec): Promise<T>;
}

export const toJson = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
export const fromJson = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T;

/** Reads a JSON file of the store, or undefined where there is none or it is damaged. */
export async function readJson<T>(store: FileStore, name: string): Promise<T | undefined> {
  const bytes = await store.read(name);
  if (!bytes) return undefined;
  try {
    return fromJson<T>(bytes);
  } catch {
    return undefined;
  }
}
