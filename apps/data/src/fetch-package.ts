import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GestaltError } from '@gestalt3d/core';
import { DigestError, DownloadError } from './errors.ts';
import { storageFailure, writeAtomically } from './files.ts';
import { describePackage, type PinnedPackage, packageFile } from './packages.ts';
import { runTool } from './run-tool.ts';

/** Used where `apt-get` is missing or its sources do not have the package. */
export const DEFAULT_MIRROR = 'https://deb.debian.org/debian';

export interface FetchOptions {
  cache: string;
  /** Root of a Debian mirror, asked first; undefined: apt-get, then DEFAULT_MIRROR. */
  mirror?: string | undefined;
  signal: AbortSignal;
  onProgress?: (message: string) => void;
}

/**
 * The package's file in the cache folder, downloaded unless it is there. Its digest is checked every time.
 * @returns its path
 * @throws DownloadError, DigestError, ToolMissingError, DiskFullError, StorageError
 */
export async function fetchPackage(pinned: PinnedPackage, options: FetchOptions): Promise<string> {
  const { cache, signal, onProgress } = options;
  const path = join(cache, packageFile(pinned));
  const cached = await readFile(path).catch(() => undefined);
  if (cached) {
    expectDigest(cached, pinned, path);
    return path;
  }
  signal.throwIfAborted();
  onProgress?.(`downloading ${describePackage(pinned)}`);
  await mkdir(cache, { recursive: true }).catch((error) => {
    throw storageFailure(error, cache, 0);
  });
  const failures: string[] = [];
  for (const [way, attempt] of waysTo(pinned, options)) {
    try {
      const bytes = await attempt();
      expectDigest(bytes, pinned, way);
      await writeAtomically(path, bytes);
      return path;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // the disk is the same whatever the way
      if (error instanceof GestaltError) throw error;
      failures.push(`${way}: ${(error as Error).message}`);
    }
  }
  throw new DownloadError(describePackage(pinned), failures, path);
}

function waysTo(pinned: PinnedPackage, options: FetchOptions): [string, () => Promise<Uint8Array>][] {
  if (pinned.kind === 'npm')
    return [['npm pack', () => withTool('npm', ['pack', '--silent', '--ignore-scripts', `${pinned.name}@${pinned.version}`], options)]];
  const from = (mirror: string): [string, () => Promise<Uint8Array>] => [
    mirror,
    () => download(`${mirror.replace(/\/$/, '')}/${pinned.poolPath}`, options.signal),
  ];
  if (options.mirror !== undefined) return [from(options.mirror)];
  return [['apt-get', () => withTool('apt-get', ['download', `${pinned.name}=${pinned.version}`], options)], from(DEFAULT_MIRROR)];
}

/** The one file that a tool leaves in an empty folder. */
async function withTool(tool: string, args: readonly string[], { cache, signal }: FetchOptions): Promise<Uint8Array> {
  const folder = await mkdtemp(join(cache, 'download-'));
  try {
    await runTool(tool, args, { cwd: folder, why: 'download packages', signal });
    const [file] = await readdir(folder);
    if (!file) throw new Error('it wrote no file');
    return await readFile(join(folder, file));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function download(url: string, signal: AbortSignal): Promise<Uint8Array> {
  if (!url.startsWith('https://')) throw new Error(`expected an https address, got ${url}`);
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

function expectDigest(bytes: Uint8Array, pinned: PinnedPackage, where: string): void {
  const got = createHash('sha256').update(bytes).digest('hex');
  if (got !== pinned.sha256) throw new DigestError(`${describePackage(pinned)} (${where})`, pinned.sha256, got);
}

/**
 * A folder made by `make`, there whole or not at all; made once.
 * @returns its path
 */
export async function makeFolderOnce(path: string, make: (folder: string) => Promise<void>): Promise<string> {
  const exists = await readdir(path).then(
    () => true,
    () => false,
  );
  if (exists) return path;
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(temporary, { recursive: true });
    await make(temporary);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return path;
}
