import { Document, NodeIO, type Texture } from '@gltf-transform/core';
import type { Batch } from '../model/batch.ts';

/** Vertices whose 16-bit indices are exhausted; 65535 itself restarts primitives. */
const MAX_UINT16_VERTICES = 65_535;

/**
 * One node with one primitive a material, plain glTF 2.0 without extensions: POSITION, NORMAL, TEXCOORD_0 where textured, baseColorFactor, baseColorTexture.
 * @param batches in the world frame: longest side 1, centred, +Y up
 * @param textures JPEG files by the batches' texture key
 */
export async function writeAsset(
  name: string,
  batches: readonly Batch[],
  textures: ReadonlyMap<string, Uint8Array>,
  extras: Record<string, unknown>,
): Promise<Uint8Array> {
  const document = new Document();
  const root = document.getRoot();
  Object.assign(root.getAsset(), { generator: 'Gestalt3D data engine', extras });
  const buffer = document.createBuffer();
  const images = new Map<string, Texture>();
  for (const [key, bytes] of textures)
    images.set(
      key,
      document
        .createTexture(key)
        .setMimeType('image/jpeg')
        .setImage(bytes as never),
    );
  const mesh = document.createMesh(name);
  for (const batch of batches) {
    const image = batch.texture === undefined ? undefined : images.get(batch.texture);
    const { position, normal, uv, indices } = weld(batch, image !== undefined);
    const material = document.createMaterial(batch.name).setMetallicFactor(0).setRoughnessFactor(0.9).setDoubleSided(true);
    const [r, g, b] = batch.colour.map(linearFromSrgb) as [number, number, number];
    material.setBaseColorFactor([r, g, b, 1]);
    if (image) material.setBaseColorTexture(image);
    const accessor = (type: 'SCALAR' | 'VEC2' | 'VEC3', array: Float32Array | Uint16Array | Uint32Array) =>
      document
        .createAccessor()
        .setType(type)
        .setArray(array as never)
        .setBuffer(buffer);
    const primitive = document
      .createPrimitive()
      .setMaterial(material)
      .setIndices(accessor('SCALAR', indices))
      .setAttribute('POSITION', accessor('VEC3', position))
      .setAttribute('NORMAL', accessor('VEC3', normal));
    if (image) primitive.setAttribute('TEXCOORD_0', accessor('VEC2', uv));
    mesh.addPrimitive(primitive);
  }
  root.setDefaultScene(document.createScene().addChild(document.createNode(name).setMesh(mesh)));
  return new NodeIO().writeBinary(document);
}

/** Joins vertices that agree in everything that is written. glTF's texture coordinates start at the top left. */
function weld(batch: Batch, textured: boolean) {
  const seen = new Map<string, number>();
  const [position, normal, uv]: number[][] = [[], [], []];
  const count = batch.position.length / 3;
  const indices = new Uint32Array(count);
  for (let v = 0; v < count; v++) {
    // a ten-thousandth of the object is below any pixel of the evaluation; hundredths of a normal below any grey level
    const p = Array.from(batch.position.subarray(v * 3, v * 3 + 3), (value) => Math.round(value * 1e4));
    const [x, y, z] = batch.normal.subarray(v * 3, v * 3 + 3);
    const length = Math.hypot(x!, y!, z!) || 1;
    const n = [x!, y!, z!].map((value) => Math.round((value / length) * 100));
    const t = textured ? [batch.uv[v * 2]!, 1 - batch.uv[v * 2 + 1]!] : [];
    const key = [...p, ...n, ...t].join();
    let index = seen.get(key);
    if (index === undefined) {
      index = seen.size;
      seen.set(key, index);
      position.push(...p.map((value) => value / 1e4));
      const unit = Math.hypot(n[0]!, n[1]!, n[2]!);
      normal.push(...(unit > 0 ? n.map((value) => value / unit) : [0, 1, 0]));
      uv.push(...t);
    }
    indices[v] = index;
  }
  // rounding makes some slivers empty
  const solid: number[] = [];
  for (let i = 0; i < count; i += 3) {
    const [a, b, c] = indices.subarray(i, i + 3);
    if (a !== b && b !== c && a !== c) solid.push(a!, b!, c!);
  }
  return {
    position: new Float32Array(position),
    normal: new Float32Array(normal),
    uv: new Float32Array(uv),
    indices: seen.size <= MAX_UINT16_VERTICES ? Uint16Array.from(solid) : Uint32Array.from(solid),
  };
}

function linearFromSrgb(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}
