import { join } from 'node:path';
import sharp from 'sharp';
import { parseCatalogue, rotationOf } from '../catalogue.ts';
import { writeAtomically } from '../files.ts';
import { loadObj } from '../model/load-obj.ts';
import { normalise, triangleCount } from '../model/normalise.ts';
import { parseMtl } from '../model/parse-mtl.ts';
import { readZip } from '../zip.ts';
import { drawObjects, EVALUATION_DRAW } from './choose-objects.ts';
import { findDefaultMaterials } from './default-materials.ts';
import { writeAsset } from './write-asset.ts';

const CATALOGUE = 'com/eteks/sweethome3d/io/DefaultFurnitureCatalog.properties';
const READER = 'com/eteks/sweethome3d/j3d/OBJLoader.class';
const MODELS = 'com/eteks/sweethome3d/io/resources/';
/** Models with panes more transparent than this take no part: a silhouette or a surface behind glass has no true answer. */
const GLASS = 0.5;
const TEXTURE_PIXELS = 512;

export interface EvaluationObject {
  /** File name without ending; also the name in reports. */
  id: string;
  name: string;
  author: string;
  licence: string;
  source: string;
  /** Relative to objects.json. */
  file: string;
  triangles: number;
}

/**
 * Writes the evaluation's objects: objects/<id>.glb, objects.json and LICENCE.md.
 * @param jar bytes of sweethome3d.jar
 * @param source package and version that the jar comes from
 */
export async function makeEvaluationObjects(
  jar: Uint8Array,
  source: string,
  out: string,
  { signal, onObject }: { signal: AbortSignal; onObject?: (object: EvaluationObject) => void },
): Promise<EvaluationObject[]> {
  const files = readZip(jar, (name) => name === CATALOGUE || name === READER || name.startsWith(MODELS));
  const text = (name: string) => Buffer.from(files.get(name) ?? new Uint8Array()).toString('latin1');
  const defaults = parseMtl(findDefaultMaterials(files.get(READER) ?? new Uint8Array()));
  const objects: EvaluationObject[] = [];
  for (const entry of drawObjects(parseCatalogue(text(CATALOGUE)))) {
    if (objects.length === EVALUATION_DRAW.count) break;
    signal.throwIfAborted();
    const stem = entry.model!.split('/').at(-1)!.slice(0, -'.obj'.length);
    // models with textures lie in a folder of their own name
    const folder = files.has(`${MODELS}${stem}/${stem}.obj`) ? `${MODELS}${stem}/` : MODELS;
    const obj = text(`${folder}${stem}.obj`);
    const library = /^mtllib\s+(.+)$/m.exec(obj)?.[1]?.trim();
    const materials = library ? new Map([...defaults, ...parseMtl(text(folder + library))]) : defaults;
    const model = loadObj(obj, materials, rotationOf(entry));
    if (model.some(({ opacity }) => opacity < GLASS)) continue;
    const { batches } = normalise(model);
    const textures = new Map<string, Uint8Array>();
    for (const { texture } of batches) {
      const bytes = texture === undefined ? undefined : files.get(folder + texture);
      if (texture === undefined || !bytes || textures.has(texture)) continue;
      const fit = { width: TEXTURE_PIXELS, height: TEXTURE_PIXELS, fit: 'inside', withoutEnlargement: true } as const;
      textures.set(texture, await sharp(bytes).resize(fit).flatten({ background: '#ffffff' }).jpeg({ quality: 85 }).toBuffer());
    }
    const id = stem.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
    const object: EvaluationObject = {
      id,
      name: entry.name!,
      author: 'Emmanuel Puybaret / eTeks',
      licence: 'CC-BY-3.0',
      source,
      file: `objects/${id}.glb`,
      triangles: triangleCount(batches),
    };
    const { name, author, licence } = object;
    await writeAtomically(join(out, object.file), await writeAsset(id, batches, textures, { name, author, licence, source }));
    objects.push(object);
    onObject?.(object);
  }
  objects.sort((a, b) => (a.id < b.id ? -1 : 1));
  await writeAtomically(join(out, 'objects.json'), `${JSON.stringify({ schemaVersion: 1, objects }, null, 2)}\n`);
  await writeAtomically(join(out, 'LICENCE.md'), licenceNote(source));
  return objects;
}

function licenceNote(source: string): string {
  return `# Objects of the evaluation

The ${'`objects/*.glb`'} are made from models of the default catalogue of Sweet Home 3D (${source}), (c) Emmanuel Puybaret / eTeks, http://www.sweethome3d.com/

Sweet Home 3D offers these models under the GNU GPL or the Creative Commons Attribution 3.0 Unported licence (CC-BY-3.0,
http://creativecommons.org/licenses/by/3.0/), at the user's choice. They are used and distributed here under CC-BY-3.0.

Changes: converted from Wavefront OBJ to binary glTF; scaled so that the longest side of the box is 1 and its centre the origin;
vertices rounded to 1/10000 and joined; textures at most 512 px. Which objects: a seeded draw, see ${'`apps/data/src/evaluation/choose-objects.ts`'}.
Made by ${'`npm run data -- evaluation`'}.

These objects measure; no model of this repository is trained on them.
`;
}
