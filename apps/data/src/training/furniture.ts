import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseCatalogue, rotationOf, unsuitable } from '../catalogue.ts';
import { ArchiveError } from '../errors.ts';
import { makeFolderOnce } from '../fetch-package.ts';
import { storageFailure } from '../files.ts';
import type { ObjectEntry } from '../job.ts';
import { describePackage, TRAINING_PACKAGES } from '../packages.ts';
import { splitOf } from '../split.ts';
import { readZip } from '../zip.ts';

const LIBRARIES = [
  { name: 'KatorLegaz', licence: 'CC-BY-3.0', author: 'Kator Legaz' },
  { name: 'Scopia', licence: 'CC-BY-3.0', author: 'Scopia Visual Interfaces Systems' },
  { name: 'Reallusion', licence: 'CC-BY-3.0', author: 'Reallusion' },
  { name: 'BlendSwap-CC-BY', licence: 'CC-BY-3.0', author: 'The BlendSwap contributors' },
  { name: 'BlendSwap-CC-0', licence: 'CC0-1.0', author: 'eTeks and contributors' },
] as const;

const CATALOGUE = 'PluginFurnitureCatalog.properties';
const INSIDE_PACKAGE = 'usr/share/sweethome3d/furniture';

/**
 * Unzips the libraries (.sh3f) of the unpacked Debian package, one folder each, once.
 * @returns the folder of the folders
 */
export function unzipLibraries(unpacked: string): Promise<string> {
  return makeFolderOnce(join(dirname(unpacked), 'furniture-libraries'), async (folder) => {
    for (const { name } of LIBRARIES) {
      const files = readZip(await readFile(join(unpacked, INSIDE_PACKAGE, `${name}.sh3f`)));
      for (const [path, bytes] of files) {
        if (path.split(/[\\/]/).includes('..')) throw new ArchiveError(`${name}.sh3f`, `it holds a file outside itself, ${path}`);
        const file = join(folder, name, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, bytes).catch((error) => {
          throw storageFailure(error, file, bytes.length);
        });
      }
    }
  });
}

/** Objects of the libraries, and how many entries were left out for which reason. Entries with one id count once. */
export async function listFurniture(libraries: string): Promise<{ objects: ObjectEntry[]; leftOut: Record<string, number> }> {
  const objects = new Map<string, ObjectEntry>();
  const leftOut: Record<string, number> = {};
  for (const library of LIBRARIES) {
    for (const entry of parseCatalogue(await readFile(join(libraries, library.name, CATALOGUE), 'latin1'))) {
      const path = entry.model?.split('/') ?? [];
      const id = `${library.name}/${path.at(-2)}/${path.at(-1)?.replace(/\.obj$/i, '')}`;
      const reason = unsuitable(entry) ?? (objects.has(id) ? 'listed twice' : undefined);
      if (reason) {
        leftOut[reason] = (leftOut[reason] ?? 0) + 1;
        continue;
      }
      const rotation = rotationOf(entry);
      objects.set(id, {
        id,
        split: splitOf(id),
        name: entry.name ?? id,
        licence: library.licence,
        author: entry.creator ?? library.author,
        package: describePackage(TRAINING_PACKAGES.furniture),
        source: { kind: 'obj', model: library.name + entry.model, ...(rotation ? { rotation } : {}) },
      });
    }
  }
  return { objects: [...objects.values()], leftOut };
}

const listings = new Map<string, Promise<string[]>>();

/** Finds a file below a folder, names matched without regard to case as on the machines the models were made on. */
export async function findFile(root: string, path: string): Promise<string | undefined> {
  let folder = root;
  for (const part of path.split(/[\\/]/).filter(Boolean)) {
    if (!listings.has(folder))
      listings.set(
        folder,
        readdir(folder).catch(() => []),
      );
    const names = await listings.get(folder)!;
    const match = names.includes(part) ? part : names.find((name) => name.toLowerCase() === part.toLowerCase());
    if (match === undefined) return undefined;
    folder = join(folder, match);
  }
  return folder;
}
