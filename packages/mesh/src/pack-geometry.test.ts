import { createImage, type Mesh, meshBounds } from '@gestalt3d/core';
import { pack } from 'gltfpack';
import { beforeAll, describe, expect, it } from 'vitest';
import { GLB_DEFAULTS, readGlb, writeGlb } from './gltf.ts';
import { testCodec } from './mesh.test-helper.ts';
import { computeNormals } from './normals.ts';
import { packGeometry } from './pack-geometry.ts';
import { readAsset } from './read-asset.ts';
import { torusMesh } from './shapes.ts';
import { meshTopology } from './topology.ts';
import { UNWRAP_DEFAULTS, unwrapMesh } from './unwrap.ts';

const SIZE = 1024;
const glbOptions = { ...GLB_DEFAULTS, textureFormat: 'png' as const };

/** A bumpy torus in an atlas, with a texture that says nothing. */
function textured(): Mesh & { normals: Float32Array } {
  const torus = torusMesh(0.35, 0.15, 96, 40);
  for (let i = 0; i < torus.positions.length; i++) torus.positions[i] += 0.002 * Math.sin(i * 1.7);
  const { mesh } = unwrapMesh(torus, { ...UNWRAP_DEFAULTS, textureSize: SIZE });
  return { ...mesh, normals: computeNormals(mesh), texture: createImage(SIZE, SIZE, 3) };
}

/** Bytes of positions, normals, texture coordinates and indices as they lie in the file. */
function geometryBytes(glb: Uint8Array): number {
  const length = new DataView(glb.buffer, glb.byteOffset).getUint32(12, true);
  const json = JSON.parse(new TextDecoder().decode(glb.subarray(20, 20 + length)));
  const { indices, attributes } = json.meshes[0].primitives[0];
  return [indices, attributes.POSITION, attributes.NORMAL, attributes.TEXCOORD_0]
    .map((accessor: number) => json.bufferViews[json.accessors[accessor].bufferView].extensions.EXT_meshopt_compression.byteLength)
    .reduce((sum: number, bytes: number) => sum + bytes);
}

describe('packGeometry', () => {
  const mesh = textured();

  it('keeps every triangle, and rounds by no more than half a step', async () => {
    const { min, max } = meshBounds(mesh.positions);
    const side = Math.max(...max.map((value, k) => value - min[k]));
    const { mesh: back, source, positions, uvs } = await packGeometry(mesh, SIZE);
    // the same set of triangles, each starting at any corner
    const named = (indices: Uint32Array, name: (v: number) => number) =>
      Array.from({ length: indices.length / 3 }, (_, t) => {
        const corners = [0, 1, 2].map((k) => name(indices[t * 3 + k]));
        const first = corners.indexOf(Math.min(...corners));
        return [0, 1, 2].map((k) => corners[(first + k) % 3]).join();
      }).sort();
    expect(named(back.indices, (v) => source[v])).toEqual(named(mesh.indices, (v) => v));
    expect(positions.scale).toEqual([positions.scale[0], positions.scale[0], positions.scale[0]]);
    source.forEach((from, v) => {
      for (let k = 0; k < 3; k++)
        expect(
          Math.abs(positions.stored[v * 3 + k] * positions.scale[k] + positions.offset[k] - mesh.positions[from * 3 + k]),
        ).toBeLessThan((0.5001 * side) / 16_383);
      for (let k = 0; k < 2; k++)
        expect(Math.abs(uvs!.stored[v * 2 + k] * uvs!.scale[k] + uvs!.offset[k] - mesh.uvs![from * 2 + k]) * SIZE).toBeLessThan(0.1251);
    });
  });
});

describe('a compressed GLB beside that of gltfpack -cc', () => {
  const mesh = textured();
  let ours: Uint8Array;
  let theirs: Uint8Array;

  beforeAll(async () => {
    const files: Record<string, Uint8Array> = { 'in.glb': await writeGlb({ mesh }, testCodec, glbOptions) };
    await pack(['-i', 'in.glb', '-o', 'out.glb', '-cc'], {
      read: (path) => files[path]!,
      write: (path, bytes) => {
        files[path] = bytes;
      },
    });
    theirs = files['out.glb']!;
    ours = await writeGlb({ mesh }, testCodec, { ...glbOptions, compress: 'meshopt' });
  });

  it('has no more bytes of geometry', () => {
    expect(geometryBytes(ours)).toBeLessThanOrEqual(geometryBytes(theirs));
  });

  it('is no further from the truth', async () => {
    const [area, volume] = [meshTopology(mesh).area, meshTopology(mesh).volume];
    const change = async (glb: Uint8Array) => {
      const is = meshTopology(await readGlb(glb));
      return Math.abs(is.area / area - 1) + Math.abs(is.volume / volume - 1);
    };
    expect(await change(ours)).toBeLessThanOrEqual(1.05 * (await change(theirs)));
  });

  it('reads theirs with the same texture coordinates: KHR_texture_transform', async () => {
    const codec = { ...testCodec, decode: async () => ({ width: 1, height: 1, channels: 4 as const, data: new Uint8Array(4) }) };
    const total = (uvs: Float32Array | undefined) => uvs!.reduce((sum, value) => sum + value, 0) / uvs!.length;
    const want = total(mesh.uvs);
    expect(total((await readGlb(theirs)).uvs)).toBeCloseTo(want, 4);
    expect(total((await readAsset(theirs, 'theirs.glb', codec)).uvs)).toBeCloseTo(want, 4);
  });
});
