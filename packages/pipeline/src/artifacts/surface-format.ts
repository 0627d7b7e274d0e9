import type { Mesh, Surface, SurfaceField } from '@gestalt3d/core';
import { type ArtifactFormat, fromJson, toJson } from './artifact-format.ts';

/** surface/surface.json; counts give the layout of mesh.bin. */
interface SurfaceFile {
  field: Omit<SurfaceField, 'data'>;
  stats: Record<string, number>;
  /** mesh.bin: positions f32 [P, 3], normals f32 [P, 3] if present, indices u32 [T, 3], colours u8 [P, 3] if present. Little-endian. */
  mesh: { vertexCount: number; triangleCount: number; normals: boolean; colors: boolean };
}

const bytesOf = (array: Float32Array | Uint32Array | Uint8Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function packMesh(mesh: Mesh): Uint8Array {
  const parts = [mesh.positions, mesh.normals, mesh.indices, mesh.colors].filter((part) => part !== undefined).map(bytesOf);
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function unpackMesh(bytes: Uint8Array, shape: SurfaceFile['mesh']): Mesh {
  // a copy, because a file's bytes may start at any offset
  const buffer = bytes.slice().buffer;
  let at = 0;
  const floats = (count: number) => new Float32Array(buffer, (at += count * 4) - count * 4, count);
  const mesh: Mesh = { positions: floats(shape.vertexCount * 3), indices: new Uint32Array() };
  if (shape.normals) mesh.normals = floats(shape.vertexCount * 3);
  mesh.indices = new Uint32Array(buffer, at, shape.triangleCount * 3);
  at += shape.triangleCount * 12;
  if (shape.colors) mesh.colors = new Uint8Array(buffer, at, shape.vertexCount * 3);
  return mesh;
}

export const surfaceFormat: ArtifactFormat<Surface> = {
  async save(value) {
    const { data, ...field } = value.field;
    const { mesh } = value;
    const json: SurfaceFile = {
      field,
      stats: value.stats,
      mesh: {
        vertexCount: mesh.positions.length / 3,
        triangleCount: mesh.indices.length / 3,
        normals: mesh.normals !== undefined,
        colors: mesh.colors !== undefined,
      },
    };
    return new Map([
      ['surface/surface.json', toJson(json)],
      ['surface/field.bin', bytesOf(data)],
      ['surface/mesh.bin', packMesh(mesh)],
    ]);
  },
  async load(read) {
    const json = fromJson<SurfaceFile>(await read('surface/surface.json'));
    const field = await read('surface/field.bin');
    return {
      field: { ...json.field, data: new Float32Array(field.slice().buffer) },
      mesh: unpackMesh(await read('surface/mesh.bin'), json.mesh),
      stats: json.stats,
    };
  },
};
