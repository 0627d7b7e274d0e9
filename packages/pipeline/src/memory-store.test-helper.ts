import type { FileStore } from '@gestalt3d/core';

/** A folder in memory. */
export function createMemoryStore(files = new Map<string, Uint8Array>()): FileStore & { files: Map<string, Uint8Array> } {
  return {
    location: 'memory',
    files,
    read: async (name) => files.get(name),
    write: async (name, bytes) => void files.set(name, bytes.slice()),
    remove: async (name) => void files.delete(name),
    list: async (prefix) => [...files.keys()].filter((name) => name.startsWith(prefix)).sort(),
  };
}
