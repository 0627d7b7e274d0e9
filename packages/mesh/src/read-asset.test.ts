import { MeshFormatError, meshBounds, type RgbaImage } from '@gestalt3d/core';
import { Document, WebIO } from '@gltf-transform/core';
import { describe, expect, it } from 'vitest';
import { writeGlb } from './gltf.ts';
import { testCodec } from './mesh.test-helper.ts';
import { readAsset } from './read-asset.ts';
import { boxMesh } from './shapes.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = async (): Promise<RgbaImage> => ({ width: 1, height: 1, channels: 4, data: Uint8Array.of(10, 20, 30, 255) });

describe('OBJ', () => {
  const cube = `
# two materials, a quad and a triangle, every way to name a corner
mtllib things.mtl
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
v 0 0 2
vt 0 0
vt 1 0.25
vn 0 0 2
usemtl red paint
f 1/1/1 2/2/1 3/2/1 4//1
usemtl wood
f -5 -4 -1
l 1 2
`;
  const library = 'newmtl red paint\nKd 1 0 0.5\nnewmtl wood\nKd 0.1 0.1 0.1\nmap_Kd -s 1 1 1 wood.png\n';
  const sibling = async (name: string) => ({ 'things.mtl': bytesOf(library), 'wood.png': bytesOf('picture') })[name];

  it('polygons, corners, materials and textures', async () => {
    const mesh = await readAsset(bytesOf(cube), 'a.obj', { decode }, sibling);
    expect(Array.from(mesh.indices)).toEqual([0, 1, 2, 0, 2, 3, 4, 5, 6]);
    expect(Array.from(mesh.materialOf)).toEqual([0, 0, 1]);
    expect(meshBounds(mesh.positions)).toEqual({ min: [0, 0, 0], max: [1, 1, 2] });
    // v runs down in ours
    expect(Array.from(mesh.uvs.slice(0, 4))).toEqual([0, 1, 1, 0.75]);
    expect(Array.from(mesh.normals.slice(0, 3))).toEqual([0, 0, 1]);
    // the second part names no normals: 1, 2 and 5 lie in y = 0, counter-clockwise from below
    expect(Array.from(mesh.normals.slice(12, 15)).map(Math.round)).toEqual([0, -1, 0]);
    expect(mesh.materials[0]).toEqual({ color: [255, 0, 127.5], repeat: true });
    expect(mesh.materials[1]!.texture).toEqual({ width: 1, height: 1, channels: 3, data: Uint8Array.of(10, 20, 30) });
  });

  it('without its library everything is plain', async () => {
    const mesh = await readAsset(bytesOf(cube), 'a.obj', { decode });
    expect(mesh.materials.every(({ texture }) => texture === undefined)).toBe(true);
  });

  it('passes over points, lines and faces of fewer than three corners, and counts the faces', async () => {
    const said: string[] = [];
    const text = 'v 0 0 0\nv 1 0 0\nv 0 1 0\np 1\nl 1 2\nf 1 2\nf 3\nf\nf 1 2 3\n';
    const mesh = await readAsset(bytesOf(text), 'a.obj', { decode }, undefined, (message) => said.push(message));
    expect(Array.from(mesh.indices)).toEqual([0, 1, 2]);
    expect(said).toEqual(['a.obj: 3 faces of fewer than three corners were passed over']);
  });

  it.each([
    ['f 1 2 3', 'line 1: the corner 1 names what is not there'],
    ['v 1 2\nf 1 1 1', 'line 1: expected 3 numbers'],
    ['v 0 0 0\nf 1 1', 'no triangle'],
    ['v 0 0 0\nv 1 0 0\nf 1 2 x', 'line 3: the corner x'],
    ['v 0 0 0', 'no triangle'],
    ['', 'no triangle'],
  ])('refuses %j', async (text, reason) => {
    await expect(readAsset(bytesOf(text), 'a.obj', { decode })).rejects.toThrow(reason);
    await expect(readAsset(bytesOf(text), 'a.obj', { decode })).rejects.toBeInstanceOf(MeshFormatError);
  });
});

describe('GLB', () => {
  it('every node and primitive, moved by its node, in its material', async () => {
    const document = new Document();
    const buffer = document.createBuffer();
    const part = (color: [number, number, number, number]) => {
      const box = boxMesh();
      return document
        .createPrimitive()
        .setAttribute('POSITION', document.createAccessor().setType('VEC3').setArray(box.positions).setBuffer(buffer))
        .setIndices(document.createAccessor().setType('SCALAR').setArray(new Uint16Array(box.indices)).setBuffer(buffer))
        .setMaterial(document.createMaterial().setBaseColorFactor(color));
    };
    const mesh = document
      .createMesh()
      .addPrimitive(part([1, 0.2140411, 0, 1]))
      .addPrimitive(part([0, 0, 1, 1]));
    const child = document.createNode().setMesh(mesh).setTranslation([2, 0, 0]);
    const parent = document.createNode().setScale([1, 3, 1]).setMesh(mesh).addChild(child);
    document.createScene().addChild(parent);
    const read = await readAsset(await new WebIO().writeBinary(document), 'a.glb', { decode });
    expect(read.indices.length).toBe(4 * 36);
    expect(meshBounds(read.positions)).toEqual({ min: [-0.5, -1.5, -0.5], max: [2.5, 1.5, 0.5] });
    // linear 0.214 is one half in sRGB
    for (const [r, value] of [255, 127.5, 0].entries()) expect(read.materials[0]!.color[r]).toBeCloseTo(value, 3);
    expect(new Set(read.materialOf).size).toBe(4);
  });

  it('reads what this project writes, compressed or not', async () => {
    for (const compress of ['none', 'meshopt'] as const) {
      const glb = await writeGlb({ mesh: boxMesh(1, 0.5, 0.25) }, testCodec, { compress, textureFormat: 'png', textureQuality: 90 });
      const { min, max } = meshBounds((await readAsset(glb, 'a.glb', testCodec)).positions);
      for (const [r, side] of [1, 0.5, 0.25].entries()) expect(max[r]! - min[r]!).toBeCloseTo(side, 3);
    }
  });

  it.each([
    ['cut short', async () => (await writeGlb({ mesh: boxMesh() }, testCodec)).slice(0, 300)],
    ['not a GLB', async () => bytesOf('hello, this is not a GLB file at all')],
    ['empty', async () => new Uint8Array(0)],
  ])('refuses one that is %s, by name', async (_, make) => {
    await expect(readAsset(await make(), 'chair.glb', testCodec)).rejects.toThrow(/chair\.glb/);
    await expect(readAsset(await make(), 'chair.glb', testCodec)).rejects.toBeInstanceOf(MeshFormatError);
  });

  it('refuses other endings', async () => {
    await expect(readAsset(bytesOf('x'), 'chair.fbx', testCodec)).rejects.toThrow(/\.glb nor \.obj/);
  });
});
