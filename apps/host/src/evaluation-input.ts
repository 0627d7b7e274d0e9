import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GestaltError, type RgbImage, RunFolderError } from '@gestalt3d/core';
import type { EvaluationInput, EvaluationObject } from '@gestalt3d/evaluation';
import { readAsset } from '@gestalt3d/mesh';
import { imageCodec } from './image-codec.ts';

const ASSETS = fileURLToPath(new URL('../../../assets/', import.meta.url));

/** One entry of assets/evaluation/objects.json. */
interface ObjectEntry {
  id: string;
  name: string;
  file: string;
}

/** Models kept in memory: a sample needs its object and the few that were tried as occluders. */
const KEPT_MODELS = 12;

/**
 * What an evaluation needs from disk: the objects of a folder (every GLB and OBJ file directly in it, by name), or the shipped ones; as occluders
 * these and the shipped ones; as backgrounds the shipped photographs.
 * @throws RunFolderError when there is no readable object
 */
export async function loadEvaluationInput(objectsDir?: string): Promise<EvaluationInput> {
  const unreadable: { what: string; reason: string }[] = [];
  const shipped = await shippedObjects();
  const objects = objectsDir === undefined ? shipped : await objectsIn(objectsDir, unreadable);
  if (objects.length === 0) {
    const where = objectsDir ?? join(ASSETS, 'evaluation');
    const first = unreadable[0] ? `: ${unreadable[0].what}: ${unreadable[0].reason}` : '';
    throw new RunFolderError(
      `GLB or OBJ files in ${where}`,
      `none that can be read${first}`,
      'name a folder with such files with --objects',
    );
  }
  const known = new Set(objects.map(({ hash }) => hash));
  return { objects, occluders: [...objects, ...shipped.filter(({ hash }) => !known.has(hash))], backdrops: await backdrops(), unreadable };
}

async function shippedObjects(): Promise<EvaluationObject[]> {
  const folder = join(ASSETS, 'evaluation');
  const list = await readFile(join(folder, 'objects.json'), 'utf8').catch(() => undefined);
  if (list === undefined)
    throw new RunFolderError('assets/evaluation/objects.json', 'none', 'restore the folder assets/ from the repository');
  const { objects } = JSON.parse(list) as { objects: ObjectEntry[] };
  return Promise.all(objects.map(({ id, name, file }) => objectOf(join(folder, file), id, name)));
}

/** Every file is read once here, so that one that is broken is known before hours of work. */
async function objectsIn(folder: string, unreadable: { what: string; reason: string }[]): Promise<EvaluationObject[]> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new RunFolderError(`a folder of objects at ${resolve(folder)}`, error.code ?? 'none', 'name one with --objects');
  });
  const objects: EvaluationObject[] = [];
  const used = new Set<string>();
  for (const file of entries.filter((name) => /\.(glb|obj)$/i.test(name)).sort()) {
    const name = basename(file, extname(file));
    let id = name.replace(/[^A-Za-z0-9._-]+/g, '-') || 'object';
    while (used.has(id)) id += '-2';
    used.add(id);
    try {
      const object = await objectOf(join(folder, file), id, name);
      await object.load();
      objects.push(object);
    } catch (error) {
      if (!(error instanceof GestaltError)) throw error;
      unreadable.push({ what: file, reason: error.message });
    }
  }
  return objects;
}

const cache = new Map<string, ReturnType<EvaluationObject['load']>>();

async function objectOf(path: string, id: string, name: string): Promise<EvaluationObject> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new RunFolderError(`the file ${path}`, error.code ?? 'none', 'restore it');
  });
  const hash = createHash('sha256').update(bytes).digest('hex');
  return {
    id,
    name,
    hash,
    load() {
      let model = cache.get(path);
      if (model) cache.delete(path);
      else {
        const sibling = async (file: string) => readFile(join(dirname(path), file)).catch(() => undefined);
        model = readFile(path).then((content) => readAsset(content, basename(path), imageCodec, sibling));
        model.catch(() => cache.delete(path));
      }
      // used last goes to the end; the first is dropped
      cache.set(path, model);
      for (const oldest of cache.keys()) {
        if (cache.size <= KEPT_MODELS) break;
        cache.delete(oldest);
      }
      return model;
    },
  };
}

async function backdrops(): Promise<EvaluationInput['backdrops']> {
  const folder = join(ASSETS, 'photos');
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(jpe?g|png|webp)$/i.test(name)).sort();
  const hash = createHash('sha256');
  const photos: RgbImage[] = [];
  for (const name of names) {
    const bytes = await readFile(join(folder, name));
    hash.update(bytes);
    const { width, height, data } = await imageCodec.decode(bytes, name);
    const rgb = new Uint8Array(width * height * 3);
    for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) rgb[i * 3 + c] = data[i * 4 + c]!;
    photos.push({ width, height, channels: 3, data: rgb });
  }
  return { photos, hash: hash.digest('hex') };
}
