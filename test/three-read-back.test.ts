import { createImage } from '@gestalt3d/core';
import { imageCodec } from '@gestalt3d/host';
import { computeNormals, torusMesh, UNWRAP_DEFAULTS, unwrapMesh, writeGlb } from '@gestalt3d/mesh';
import { MeshoptDecoder } from 'meshoptimizer/decoder';
import type { BufferGeometry, Mesh, MeshStandardMaterial } from 'three';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

// what a browser has and Node has not
beforeAll(() => {
  vi.stubGlobal('self', globalThis);
  vi.stubGlobal('createImageBitmap', async (blob: Blob) => ({
    ...(await imageCodec.decode(new Uint8Array(await blob.arrayBuffer()), 'texture')),
    close() {},
  }));
});
afterAll(() => {
  vi.unstubAllGlobals();
});

describe.each(['none', 'meshopt'] as const)('three.js reads our GLB, compression %s', (compress) => {
  const size = 256;
  const { mesh } = unwrapMesh(torusMesh(0.35, 0.15, 64, 32), { ...UNWRAP_DEFAULTS, textureSize: size });
  const texture = createImage(size, size, 3);
  for (let i = 0; i < texture.data.length; i++) texture.data[i] = 60 + ((i >> 9) % 120);
  const origin = Uint8Array.from({ length: (mesh.positions.length / 3) * 4 }, (_, i) => [10, 90, 155, 200][i % 4]!);
  const originTexture = createImage(64, 64, 4);
  originTexture.data.fill(17);
  let object: Mesh<BufferGeometry, MeshStandardMaterial>;
  let extras: unknown;

  beforeAll(async () => {
    await MeshoptDecoder.ready;
    const content = {
      mesh: { ...mesh, normals: computeNormals(mesh), texture },
      origin,
      originTexture,
      extras: { gestalt3d: { seed: 7 } },
    };
    const glb = await writeGlb(content, imageCodec, { compress, textureFormat: 'auto', textureQuality: 92 });
    const loader = new GLTFLoader().setMeshoptDecoder(MeshoptDecoder);
    const gltf = await loader.parseAsync(glb.buffer.slice(glb.byteOffset, glb.byteOffset + glb.byteLength) as ArrayBuffer, '');
    extras = gltf.asset.extras;
    gltf.scene.updateMatrixWorld(true);
    object = gltf.scene.getObjectByProperty('isMesh', true) as typeof object;
  });

  it('with the same geometry', () => {
    const { geometry } = object;
    expect(geometry.index!.count).toBe(mesh.indices.length);
    geometry.computeBoundingBox();
    const box = geometry.boundingBox!.applyMatrix4(object.matrixWorld);
    expect(box.max.x - box.min.x).toBeCloseTo(1, 3);
    let area = 0;
    const { index, attributes } = geometry;
    const at = (h: number) => {
      const v = index!.getX(h);
      const { position } = attributes;
      return object.localToWorld(box.min.clone().set(position!.getX(v), position!.getY(v), position!.getZ(v)));
    };
    for (let h = 0; h < index!.count; h += 3) {
      const a = at(h);
      area +=
        at(h + 1)
          .sub(a)
          .cross(at(h + 2).sub(a))
          .length() / 2;
    }
    // 4 pi^2 R r, less what 64 x 32 facets cut off
    expect(area).toBeGreaterThan(0.98 * 4 * Math.PI ** 2 * 0.35 * 0.15);
    expect(area).toBeLessThan(4 * Math.PI ** 2 * 0.35 * 0.15);
  });

  it('with texture, origins and record', () => {
    expect((object.material.map!.image as { width: number }).width).toBe(size);
    expect(object.material.userData).toEqual({ originTexture: 1 });
    const { _origin } = object.geometry.attributes;
    expect(_origin!.itemSize).toBe(4);
    expect([0, 1, 2, 3].map((k) => Math.round(255 * _origin!.getComponent(5, k)))).toEqual([10, 90, 155, 200]);
    expect(extras).toEqual({ gestalt3d: { seed: 7 } });
  });
});
