// The list of objects and their split. Objects come from two places: the five furniture libraries of the Debian package
// `sweethome3d-furniture` (unzipped), and the procedural families of procedural.js.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ id: string, kind: 'obj' | 'proc', split: 'train' | 'val' | 'test', name: string, library: string, licence: string,
 *   author: string, model?: string, rotation?: number[], family?: string, seed?: number }} ObjectEntry */

const libraries = [
  { name: 'KatorLegaz', licence: 'CC-BY-3.0', author: 'Kator Legaz' },
  { name: 'Scopia', licence: 'CC-BY-3.0', author: 'Scopia Visual Interfaces Systems' },
  { name: 'Reallusion', licence: 'CC-BY-3.0', author: 'Reallusion' },
  { name: 'BlendSwap-CC-BY', licence: 'CC-BY-3.0', author: 'The BlendSwap contributors' },
  { name: 'BlendSwap-CC-0', licence: 'CC0-1.0', author: 'eTeks and contributors' },
];

/** 90 % train, 4 % val, 6 % test by a hash of the object's id, so that the split never moves when objects are added.
 * @param {string} id @returns {'train' | 'val' | 'test'} */
export function splitOf(id) {
  const bucket = createHash('sha256').update(id).digest().readUInt32BE(0) % 100;
  return bucket < 90 ? 'train' : bucket < 94 ? 'val' : 'test';
}

/** Reads a Java properties catalogue: `key#n=value`. @param {string} text @returns {Map<number, Record<string, string>>} */
function parseProperties(text) {
  const entries = new Map();
  for (const line of text.split(/\r?\n/)) {
    const match = /^([A-Za-z]+)#(\d+)=(.*)$/.exec(line.trim());
    if (!match) continue;
    const index = Number(match[2]);
    if (!entries.has(index)) entries.set(index, {});
    const value = match[3].replace(/\\u([0-9a-fA-F]{4})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))).replace(/\\(.)/g, '$1');
    entries.get(index)[match[1]] = value;
  }
  return entries;
}

/** @param {string} root folder that holds one folder a library @returns {ObjectEntry[]} */
export function readFurniture(root) {
  const objects = [];
  for (const library of libraries) {
    const file = join(root, library.name, 'PluginFurnitureCatalog.properties');
    if (!existsSync(file)) throw new Error(`expected the unzipped library ${library.name} in ${root}; found no ${file}`);
    for (const entry of parseProperties(readFileSync(file, 'latin1')).values()) {
      if (!entry.model || !/\.obj$/i.test(entry.model)) continue;
      const skip = `${entry.name} ${entry.category} ${entry.model}`;
      if (entry.doorOrWindow === 'true' || entry.staircaseCutOutShape || /doors? |window|stair/i.test(skip)) continue;
      const id = `${library.name}/${entry.model.split('/').slice(-2)[0]}/${entry.model
        .split('/')
        .at(-1)
        .replace(/\.obj$/i, '')}`;
      const rotation = entry.modelRotation?.trim().split(/\s+/).map(Number);
      objects.push({
        id,
        kind: 'obj',
        split: splitOf(id),
        name: entry.name,
        library: library.name,
        licence: library.licence,
        author: entry.creator ?? library.author,
        model: library.name + entry.model,
        ...(rotation ? { rotation } : {}),
      });
    }
  }
  return objects;
}

/** @param {number} perFamily @param {string[]} families @returns {ObjectEntry[]} */
export function listProcedural(perFamily, families) {
  const objects = [];
  for (const family of families)
    for (let i = 0; i < perFamily; i++) {
      const id = `procedural/${family}/${i}`;
      const seed = createHash('sha256').update(id).digest().readUInt32BE(4);
      objects.push({
        id,
        kind: 'proc',
        split: splitOf(id),
        name: family,
        library: 'procedural',
        licence: 'CC0-1.0',
        author: 'Gestalt3D',
        family,
        seed,
      });
    }
  return objects;
}
