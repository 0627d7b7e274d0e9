import type { Mesh } from '@gestalt3d/core';
import { computeNormals } from '../normals.ts';
import { vertexColors } from './vertex-colors.ts';

/** Binary little-endian PLY with normals and 8-bit sRGB vertex colours, taken from the texture where there is one. */
export function writePly(mesh: Mesh): Uint8Array {
  const vertices = mesh.positions.length / 3;
  const triangles = mesh.indices.length / 3;
  const normals = mesh.normals ?? computeNormals(mesh);
  const colors = vertexColors(mesh);
  const floats = ['x', 'y', 'z', 'nx', 'ny', 'nz'].map((name) => `property float ${name}\n`).join('');
  const bytes = ['red', 'green', 'blue'].map((name) => `property uchar ${name}\n`).join('');
  const header = new TextEncoder().encode(
    `ply\nformat binary_little_endian 1.0\ncomment Gestalt3D\nelement vertex ${vertices}\n${floats}${bytes}element face ${triangles}\nproperty list uchar int vertex_indices\nend_header\n`,
  );
  const out = new Uint8Array(header.length + vertices * 27 + triangles * 13);
  out.set(header);
  const view = new DataView(out.buffer);
  let at = header.length;
  for (let v = 0; v < vertices; v++, at += 27) {
    for (let k = 0; k < 3; k++) {
      view.setFloat32(at + k * 4, mesh.positions[v * 3 + k], true);
      view.setFloat32(at + 12 + k * 4, normals[v * 3 + k], true);
      out[at + 24 + k] = colors[v * 3 + k];
    }
  }
  for (let t = 0; t < triangles; t++, at += 13) {
    out[at] = 3;
    for (let k = 0; k < 3; k++) view.setInt32(at + 1 + k * 4, mesh.indices[t * 3 + k], true);
  }
  return out;
}
