import type { Mesh, RgbImage } from '@gestalt3d/core';

/** What colours a triangle of a MaterialMesh: `color` times the texture, if there is one. */
export interface Material {
  /** sRGB, 0..255. */
  color: [number, number, number];
  /** sRGB; looked up at the mesh's uvs, which may run past 0..1. */
  texture?: RgbImage;
  /** Past its border the texture starts anew (true) or goes on with its border's colour. */
  repeat: boolean;
}

/** A mesh as other programs make them: many materials, not necessarily closed. `colors` multiply the material; a `texture` of its own it has not. */
export interface MaterialMesh extends Mesh {
  /** [P, 3], unit length. */
  normals: Float32Array;
  /** [P, 2], 0 where a material has no texture. */
  uvs: Float32Array;
  materials: Material[];
  /** [T] index into `materials`. */
  materialOf: Uint16Array;
}

/** One material's triangles, before they are joined. */
export interface MaterialPart {
  positions: ArrayLike<number>;
  indices: ArrayLike<number>;
  /** Same length as positions; computed from the triangles where absent. */
  normals?: ArrayLike<number>;
  /** [P, 2] */
  uvs?: ArrayLike<number>;
  /** [P, 3] sRGB, 0..255. */
  colors?: ArrayLike<number>;
  material: Material;
}

/** All parts as one mesh, in their order. */
export function joinParts(parts: readonly MaterialPart[]): MaterialMesh {
  const vertexCount = parts.reduce((sum, part) => sum + part.positions.length / 3, 0);
  const cornerCount = parts.reduce((sum, part) => sum + part.indices.length, 0);
  const colored = parts.some((part) => part.colors);
  const joined: MaterialMesh = {
    positions: new Float32Array(vertexCount * 3),
    normals: new Float32Array(vertexCount * 3),
    uvs: new Float32Array(vertexCount * 2),
    indices: new Uint32Array(cornerCount),
    materials: parts.map((part) => part.material),
    materialOf: new Uint16Array(cornerCount / 3),
    ...(colored && { colors: new Uint8Array(vertexCount * 3).fill(255) }),
  };
  let vertex = 0;
  let corner = 0;
  parts.forEach((part, p) => {
    joined.positions.set(part.positions, vertex * 3);
    joined.normals.set(part.normals ?? facetNormals(part), vertex * 3);
    if (part.uvs) joined.uvs.set(part.uvs, vertex * 2);
    if (part.colors) joined.colors!.set(part.colors, vertex * 3);
    for (let i = 0; i < part.indices.length; i++) joined.indices[corner + i] = vertex + part.indices[i];
    joined.materialOf.fill(p, corner / 3, (corner + part.indices.length) / 3);
    vertex += part.positions.length / 3;
    corner += part.indices.length;
  });
  return joined;
}

/** Vertex normals weighted by area. */
function facetNormals({ positions: p, indices }: MaterialPart): Float32Array {
  const normals = new Float32Array(p.length);
  for (let i = 0; i < indices.length; i += 3) {
    const [a, b, c] = [indices[i] * 3, indices[i + 1] * 3, indices[i + 2] * 3];
    const [ux, uy, uz] = [p[b] - p[a], p[b + 1] - p[a + 1], p[b + 2] - p[a + 2]];
    const [vx, vy, vz] = [p[c] - p[a], p[c + 1] - p[a + 1], p[c + 2] - p[a + 2]];
    const n = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (const v of [a, b, c]) for (let k = 0; k < 3; k++) normals[v + k] += n[k];
  }
  for (let v = 0; v < normals.length; v += 3) {
    const length = Math.hypot(normals[v], normals[v + 1], normals[v + 2]) || 1;
    for (let k = 0; k < 3; k++) normals[v + k] /= length;
  }
  return normals;
}

/** Without alpha: surfaces are drawn opaque. */
export function opaque(image: { width: number; height: number; data: Uint8Array }): RgbImage {
  const data = new Uint8Array(image.width * image.height * 3);
  for (let i = 0; i < image.width * image.height; i++) for (let c = 0; c < 3; c++) data[i * 3 + c] = image.data[i * 4 + c];
  return { width: image.width, height: image.height, channels: 3, data };
}
