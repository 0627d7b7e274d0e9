import { inflateRawSync } from 'node:zlib';
import { createImage, type Mesh } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { testCodec, withTestColors } from '../mesh.test-helper.ts';
import { computeNormals } from '../normals.ts';
import { printModel } from '../print-model.ts';
import { readObj } from '../read-obj.ts';
import { boxMesh, sphereMesh, torusMesh } from '../shapes.ts';
import { meshTopology } from '../topology.ts';
import { unwrapMesh } from '../unwrap.ts';
import { write3mf } from './write-3mf.ts';
import { writeObj } from './write-obj.ts';
import { writePly } from './write-ply.ts';
import { writeStl } from './write-stl.ts';
import { writeUsdz } from './write-usdz.ts';
import { zip } from './zip.ts';

function textured(size = 32): Mesh {
  const { mesh } = unwrapMesh(torusMesh(0.35, 0.15, 24, 12));
  const texture = createImage(size, size, 3);
  for (let i = 0; i < texture.data.length; i++) texture.data[i] = (i * 7) % 256;
  return { ...mesh, normals: computeNormals(mesh), texture };
}
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Files of a zip by its central directory, with where their bytes begin. */
function unzip(bytes: Uint8Array): Map<string, { start: number; method: number; data: Uint8Array }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (view.getUint32(end, true) !== 0x06054b50) end--;
  const files = new Map<string, { start: number; method: number; data: Uint8Array }>();
  let at = view.getUint32(end + 16, true);
  for (let i = 0; i < view.getUint16(end + 10, true); i++) {
    const method = view.getUint16(at + 10, true);
    const packed = view.getUint32(at + 20, true);
    const nameLength = view.getUint16(at + 28, true);
    const local = view.getUint32(at + 42, true);
    const name = text(bytes.subarray(at + 46, at + 46 + nameLength));
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const raw = bytes.subarray(start, start + packed);
    files.set(name, { start, method, data: method === 0 ? raw : new Uint8Array(inflateRawSync(raw)) });
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return files;
}

describe('writeStl', () => {
  it('holds the triangles in millimetres, standing on z = 0', () => {
    const { mesh, check, sizeMm } = printModel(boxMesh(1, 2, 0.5), 80);
    expect(sizeMm).toEqual([40, 20, 80]);
    expect(check.volume).toBeCloseTo(40 * 20 * 80, 2);
    const stl = writeStl(mesh);
    const view = new DataView(stl.buffer);
    expect(view.getUint32(80, true)).toBe(12);
    expect(stl.length).toBe(84 + 12 * 50);
    expect(text(stl.subarray(0, 5))).not.toBe('solid');
    const low = [Infinity, Infinity, Infinity];
    const high = [-Infinity, -Infinity, -Infinity];
    for (let t = 0; t < 12; t++)
      for (let corner = 0; corner < 3; corner++)
        for (let k = 0; k < 3; k++) {
          const value = view.getFloat32(84 + t * 50 + 12 + corner * 12 + k * 4, true);
          low[k] = Math.min(low[k], value);
          high[k] = Math.max(high[k], value);
        }
    expect([low, high]).toEqual([
      [-20, -10, 0],
      [20, 10, 80],
    ]);
    // the top face's normal points up
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].filter((t) => view.getFloat32(84 + t * 50 + 8, true) === 1).length).toBe(2);
  });
});

describe('write3mf', () => {
  it('gives back every coordinate to the last bit', () => {
    const { mesh } = printModel(sphereMesh(0.5, 24, 12), 33.3);
    const files = unzip(write3mf(mesh));
    expect([...files.keys()]).toEqual(['[Content_Types].xml', '_rels/.rels', '3D/3dmodel.model']);
    const model = text(files.get('3D/3dmodel.model')!.data);
    expect(model).toContain('unit="millimeter"');
    const vertices = [...model.matchAll(/<vertex x="([^"]+)" y="([^"]+)" z="([^"]+)"\/>/g)].flatMap((m) => m.slice(1).map(Number));
    expect(Float32Array.from(vertices)).toEqual(mesh.positions);
    expect(model).not.toMatch(/\d[eE][+-]?\d/);
    const triangles = [...model.matchAll(/<triangle v1="(\d+)" v2="(\d+)" v3="(\d+)"\/>/g)].flatMap((m) => m.slice(1).map(Number));
    expect(Uint32Array.from(triangles)).toEqual(mesh.indices);
  });
});

describe('writeObj', () => {
  it('comes back through the reader with texture and orientation', async () => {
    const mesh = textured();
    const files = await writeObj(mesh, 'thing', testCodec);
    expect([...files.keys()]).toEqual(['thing.obj', 'thing.mtl', 'thing.jpg']);
    const back = await readObj(text(files.get('thing.obj')!), 'thing.obj', testCodec, async (name) => files.get(name));
    expect(back.indices.length).toBe(mesh.indices.length);
    expect(meshTopology(back).volume / meshTopology(mesh).volume).toBeCloseTo(1, 5);
    expect(back.materials[0].texture?.data).toEqual(mesh.texture!.data);
    const corner = (of: Mesh, h: number) => [...of.uvs!.subarray(of.indices[h] * 2, of.indices[h] * 2 + 2)];
    for (const h of [0, 100, 500]) {
      expect(corner(back, h)[0]).toBeCloseTo(corner(mesh, h)[0], 5);
      expect(corner(back, h)[1]).toBeCloseTo(corner(mesh, h)[1], 5);
    }
  });
});

describe('writePly', () => {
  it('has the size its header says, and colours from the vertices', () => {
    const mesh = withTestColors(sphereMesh(0.5, 12, 6));
    const ply = writePly(mesh);
    const header = text(ply).split('end_header\n')[0];
    const vertices = Number(/element vertex (\d+)/.exec(header)![1]);
    const faces = Number(/element face (\d+)/.exec(header)![1]);
    const body = header.length + 'end_header\n'.length;
    expect(ply.length).toBe(body + vertices * 27 + faces * 13);
    expect([...ply.subarray(body + 24, body + 27)]).toEqual([...mesh.colors!.subarray(0, 3)]);
    expect(new DataView(ply.buffer).getFloat32(body + 4, true)).toBe(mesh.positions[1]);
  });
});

describe('writeUsdz', () => {
  it('is stored, aligned to 64 bytes, layer first, texture at most 2048', async () => {
    const sizes: number[] = [];
    const codec = {
      encodeJpeg: async (image: { width: number }) => {
        sizes.push(image.width);
        return new Uint8Array(100);
      },
    };
    const files = unzip(await writeUsdz(textured(2080), codec));
    expect([...files.keys()]).toEqual(['object.usda', 'texture.jpg']);
    for (const { start, method } of files.values()) expect([start % 64, method]).toEqual([0, 0]);
    expect(sizes).toEqual([2048]);
    const layer = text(files.get('object.usda')!.data);
    expect(layer.startsWith('#usda 1.0')).toBe(true);
    expect(layer.split('{').length).toBe(layer.split('}').length);
  });

  it('has display colours without a texture', async () => {
    const files = unzip(await writeUsdz(withTestColors(sphereMesh(0.5, 12, 6)), testCodec));
    expect([...files.keys()]).toEqual(['object.usda']);
    expect(text(files.get('object.usda')!.data)).toContain('primvars:displayColor');
  });
});

describe('zip', () => {
  it('gives the same bytes at any time', async () => {
    const files = new Map([['a', new Uint8Array(300)]]);
    const first = zip(files);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(zip(files)).toEqual(first);
  });
});
