import { readFile } from 'node:fs/promises';
import { createImage, type Mesh, type RgbImage, resample } from '@gestalt3d/core';
import {
  computeNormals,
  GLB_DEFAULTS,
  meshTopology,
  readGlb,
  readGlbExtras,
  torusMesh,
  UNWRAP_DEFAULTS,
  unwrapMesh,
  writeGlb,
} from '@gestalt3d/mesh';
import validator from 'gltf-validator';
import { describe, expect, it } from 'vitest';
import { imageCodec } from './image-codec.ts';

/** 20,000 triangles with a slightly bumpy surface, and a photograph as its texture. */
async function asset(): Promise<Mesh> {
  const torus = torusMesh(0.35, 0.15, 200, 50);
  for (let i = 0; i < torus.positions.length; i++) torus.positions[i] += 0.002 * Math.sin(i * 1.7);
  const { mesh } = unwrapMesh(torus, { ...UNWRAP_DEFAULTS, textureSize: 1024 });
  const photo = await imageCodec.decode(await readFile(new URL('../../../assets/photos/beanbag.jpg', import.meta.url)), 'beanbag.jpg');
  const square = resample(photo, 1024, 1024);
  const texture: RgbImage = createImage(1024, 1024, 3);
  for (let i = 0; i < 1024 * 1024; i++) for (let c = 0; c < 3; c++) texture.data[i * 3 + c] = square.data[i * 4 + c]!;
  return { ...mesh, normals: computeNormals(mesh), texture };
}

describe('a compressed asset of 20,000 triangles with a photograph as texture', () => {
  it('takes at most 400 kB, is valid, and comes back with its origins', async () => {
    const mesh = await asset();
    const origin = Uint8Array.from({ length: (mesh.positions.length / 3) * 4 }, (_, i) => ((i >> 6) * 40) % 256);
    const originTexture = createImage(256, 256, 4);
    for (let i = 0; i < originTexture.data.length; i++) originTexture.data[i] = ((i >> 9) * 17) % 256;
    const glb = await writeGlb({ mesh, origin, originTexture, extras: { gestalt3d: {} } }, imageCodec, {
      ...GLB_DEFAULTS,
      compress: 'meshopt',
    });
    expect(glb.length).toBeLessThanOrEqual(400_000);
    const { issues } = await validator.validateBytes(glb);
    expect(issues.messages.filter(({ severity }) => severity < 2)).toEqual([]);
    const back = await readGlb(glb, imageCodec);
    expect(meshTopology(back)).toMatchObject({ triangles: 20_000, closed: true });
    expect([back.texture!.width, back.texture!.height]).toEqual([1024, 1024]);
    let difference = 0;
    for (let i = 0; i < back.texture!.data.length; i++) difference += Math.abs(back.texture!.data[i]! - mesh.texture!.data[i]!);
    expect(difference / back.texture!.data.length).toBeLessThan(4);
    const extras = await readGlbExtras(glb, imageCodec);
    expect(extras.origin!.length).toBe((back.positions.length / 3) * 4);
    expect(extras.originTexture).toEqual(originTexture);
    expect(extras.extras).toEqual({ gestalt3d: {} });
  });
});
