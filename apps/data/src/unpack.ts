import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ArchiveError } from './errors.ts';
import { makeFolderOnce } from './fetch-package.ts';
import { storageFailure } from './files.ts';
import { runTool } from './run-tool.ts';

const AR_MAGIC = '!<arch>\n';
const AR_HEADER_BYTES = 60;

/** The data member of a .deb file (an ar archive): its name and bytes. @throws ArchiveError */
export function findDebData(deb: Uint8Array, what: string): { name: string; bytes: Uint8Array } {
  const text = (from: number, to: number) => Buffer.from(deb.subarray(from, to)).toString('latin1').trim();
  if (text(0, 8) !== AR_MAGIC.trim()) throw new ArchiveError(what, 'it does not begin as a Debian package');
  for (let at = AR_MAGIC.length; at + AR_HEADER_BYTES <= deb.length; ) {
    const name = text(at, at + 16).replace(/\/$/, '');
    const size = Number(text(at + 48, at + 58));
    const start = at + AR_HEADER_BYTES;
    if (!Number.isFinite(size) || start + size > deb.length) throw new ArchiveError(what, 'it ends too early');
    if (name.startsWith('data.tar')) return { name, bytes: deb.subarray(start, start + size) };
    // members start at even offsets
    at = start + size + (size % 2);
  }
  throw new ArchiveError(what, 'it holds no data');
}

/**
 * Unpacks a .deb or .tgz beside itself, once.
 * @returns the folder
 * @throws ArchiveError, ToolMissingError, DiskFullError, StorageError
 */
export function unpackPackage(file: string, signal: AbortSignal): Promise<string> {
  const target = join(dirname(file), 'unpacked', basename(file).replace(/\.(deb|tgz)$/, ''));
  return makeFolderOnce(target, async (folder) => {
    let archive = file;
    if (file.endsWith('.deb')) {
      const { name, bytes } = findDebData(await readFile(file), basename(file));
      archive = join(folder, name);
      await writeFile(archive, bytes).catch((error) => {
        throw storageFailure(error, archive, bytes.length);
      });
    }
    await runTool('tar', ['-xf', archive, '-C', folder], { cwd: folder, why: 'unpack packages (with xz)', signal });
    if (archive !== file) await rm(archive);
  });
}
