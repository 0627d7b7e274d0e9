import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskFullError, StorageError } from '@gestalt3d/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const full = vi.hoisted(() => ({ after: Number.POSITIVE_INFINITY }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    // a disk that takes a part of a file and then is full
    open: async (...args: Parameters<typeof real.open>) => {
      const file = await real.open(...args);
      const writeFile = file.writeFile.bind(file);
      file.writeFile = async (data, options) => {
        if ((data as Uint8Array).length <= full.after) return writeFile(data, options);
        await writeFile((data as Uint8Array).subarray(0, full.after), options);
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      };
      return file;
    },
  };
});
const { createFileStore } = await import('./file-store.ts');

const bytes = (text: string) => new TextEncoder().encode(text);

describe('createFileStore', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gestalt-'));
    full.after = Number.POSITIVE_INFINITY;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('writes, reads, lists and removes', async () => {
    const store = createFileStore(join(folder, 'new'));
    await store.write('views/000.png', bytes('a'));
    await store.write('input.png', bytes('b'));
    expect(await store.list('')).toEqual(['input.png', 'views/000.png']);
    expect(await store.list('views')).toEqual(['views/000.png']);
    expect(await store.read('views/000.png')).toEqual(bytes('a'));
    expect(await store.read('none')).toBeUndefined();
    await store.remove('input.png');
    expect(await store.list('')).toEqual(['views/000.png']);
  });

  it('leaves the old file whole and nothing else behind when the disk is full', async () => {
    const store = createFileStore(folder);
    await store.write('asset.glb', bytes('old'));
    full.after = 2;
    await expect(store.write('asset.glb', bytes('new and longer'))).rejects.toThrow(DiskFullError);
    expect(await store.read('asset.glb')).toEqual(bytes('old'));
    expect(await readdir(folder)).toEqual(['asset.glb']);
  });

  it('never leaves its folder', async () => {
    const store = createFileStore(folder);
    await expect(store.read('../secret')).rejects.toThrow(StorageError);
    await expect(store.write('/etc/x', bytes('x'))).rejects.toThrow(StorageError);
  });

  it('says what is wrong when a folder is a file', async () => {
    await writeFile(join(folder, 'file'), 'x');
    await expect(createFileStore(join(folder, 'file')).write('a', bytes('x'))).rejects.toThrow(StorageError);
  });
});
