import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type FetchOptions, fetchPackage } from '../fetch-package.ts';
import type { Layout, ObjectEntry } from '../job.ts';
import { TRAINING_PACKAGES } from '../packages.ts';
import { unpackPackage } from '../unpack.ts';
import type { Quality } from './encode-object.ts';
import { listFurniture, unzipLibraries } from './furniture.ts';
import { listProcedural } from './list-procedural.ts';

/** What shapes the pictures; a change of any makes another rendering folder. */
export interface RenderSettings {
  seed: number;
  layout: Layout;
  quality: Quality;
}

export const RENDER_DEFAULTS: Readonly<RenderSettings> = {
  seed: 1,
  layout: { inputs: 3, pixels: 128, rigPixels: 96 },
  quality: { inputs: 80, rig: 75 },
};

/** Raised when the page draws differently: older renderings are not mixed with newer ones. */
const RENDERING_REVISION = 1;

export interface Sources {
  /** Folders of the unpacked npm packages. */
  emoji: string;
  emojiNames: string;
  environments: string;
  /** Folder of the unzipped furniture libraries. */
  libraries: string;
}

/** Downloads and unpacks everything that the training sets are made of. */
export async function prepareSources(options: FetchOptions): Promise<Sources> {
  const unpacked = async (name: keyof typeof TRAINING_PACKAGES) =>
    unpackPackage(await fetchPackage(TRAINING_PACKAGES[name], options), options.signal);
  const libraries = await unzipLibraries(await unpacked('furniture'));
  const inPackage = async (name: keyof typeof TRAINING_PACKAGES) => join(await unpacked(name), 'package');
  return {
    libraries,
    emoji: await inPackage('emoji'),
    emojiNames: await inPackage('emojiNames'),
    environments: await inPackage('environments'),
  };
}

export interface ObjectList {
  objects: ObjectEntry[];
  /** Catalogue entries left out before rendering, by reason. */
  leftOut: Record<string, number>;
}

/**
 * All objects to be rendered, furniture first.
 * @param limit at most so many, spread over the whole list: for trials
 */
export async function listObjects(libraries: string, procedural: number, limit?: number): Promise<ObjectList> {
  const { objects: furniture, leftOut } = await listFurniture(libraries);
  const all = [...furniture, ...listProcedural(procedural)];
  if (limit === undefined || limit >= all.length) return { objects: all, leftOut };
  return { objects: Array.from({ length: limit }, (_, i) => all[Math.floor((i * all.length) / limit)]!), leftOut };
}

/** The rendering folder of these settings. */
export function renderingFolder(out: string, settings: RenderSettings): string {
  const key = createHash('sha256')
    .update(JSON.stringify([RENDERING_REVISION, settings.seed, settings.layout, settings.quality]))
    .digest('hex');
  return join(out, `rendered-${key.slice(0, 8)}`);
}
