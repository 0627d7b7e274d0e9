import type { RenderJob } from '../job.ts';
import type { Batch } from '../model/batch.ts';
import { loadObj } from '../model/load-obj.ts';
import { normalise, triangleCount } from '../model/normalise.ts';
import { type Material, parseMtl } from '../model/parse-mtl.ts';
import { makeProcedural } from './procedural/make-procedural.ts';

/** Enough for pictures of 128 px. */
const TEXTURE_PIXELS = 512;

export interface LoadedObject {
  /** Longest side 1, box centred at the origin, +Y up, turned by `yaw` first. */
  batches: Batch[];
  /** Pictures by the batches' texture key. */
  images: Map<string, OffscreenCanvas>;
  stray: number;
  triangles: number;
}

/** @param yaw turn about +Y in radians, before the box is measured */
export async function loadObject(job: Pick<RenderJob, 'source'>, yaw: number): Promise<LoadedObject> {
  const images = new Map<string, OffscreenCanvas>();
  const raw =
    job.source.kind === 'obj' ? await fetchModel(job.source, images) : proceduralBatches(job.source.family, job.source.seed, images);
  for (const batch of raw) {
    turn(batch.position, yaw);
    turn(batch.normal, yaw);
  }
  const { batches, stray } = normalise(raw);
  return { batches, images, stray, triangles: triangleCount(batches) };
}

async function fetchModel({ model, rotation }: { model: string; rotation?: number[] }, images: Map<string, OffscreenCanvas>) {
  const text = (await fetchText(model)) ?? '';
  const folder = model.slice(0, model.lastIndexOf('/') + 1);
  const library = /^mtllib\s+(.+)$/m.exec(text)?.[1]?.trim();
  const materials = parseMtl((library && (await fetchText(folder + library))) || '');
  for (const material of materials.values()) {
    if (material.texture === undefined || images.has(material.texture)) continue;
    const image = await fetchImage(folder + material.texture);
    if (image) images.set(material.texture, image);
  }
  return loadObj(text, withoutMissing(materials, images), rotation);
}

/** A texture that is not there leaves the material's plain colour. */
function withoutMissing(materials: Map<string, Material>, images: Map<string, OffscreenCanvas>): Map<string, Material> {
  const entries = [...materials].map(([name, { texture, ...rest }]): [string, Material] => [
    name,
    texture !== undefined && images.has(texture) ? { ...rest, texture } : rest,
  ]);
  return new Map(entries);
}

function proceduralBatches(...[family, seed, images]: [...Parameters<typeof makeProcedural>, Map<string, OffscreenCanvas>]): Batch[] {
  return makeProcedural(family, seed).map(({ geometry, colour, texture }, i) => {
    const { position, normal, uv } = (geometry.index ? geometry.toNonIndexed() : geometry).attributes;
    if (texture) images.set(`${i}`, texture);
    return {
      name: `${i}`,
      position: new Float32Array(position!.array),
      normal: new Float32Array(normal!.array),
      uv: uv ? new Float32Array(uv.array) : new Float32Array(position!.count * 2),
      colour,
      opacity: 1,
      ...(texture ? { texture: `${i}` } : {}),
    };
  });
}

function turn(vectors: Float32Array, yaw: number): void {
  const [cos, sin] = [Math.cos(yaw), Math.sin(yaw)];
  for (let i = 0; i < vectors.length; i += 3) {
    const [x, z] = [vectors[i]!, vectors[i + 2]!];
    vectors[i] = x * cos + z * sin;
    vectors[i + 2] = z * cos - x * sin;
  }
}

async function fetchText(path: string): Promise<string | undefined> {
  const response = await fetch(`/objects/${encodeURIComponent(path)}`);
  return response.ok ? new TextDecoder('latin1').decode(await response.arrayBuffer()) : undefined;
}

async function fetchImage(path: string): Promise<OffscreenCanvas | undefined> {
  const response = await fetch(`/objects/${encodeURIComponent(path)}`);
  if (!response.ok) return undefined;
  try {
    const bitmap = await createImageBitmap(await response.blob());
    const scale = Math.min(1, TEXTURE_PIXELS / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
    canvas.getContext('2d')!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return canvas;
  } catch {
    // a format that no browser knows
    return undefined;
  }
}
