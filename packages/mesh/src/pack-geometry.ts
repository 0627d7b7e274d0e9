import type { Mesh } from '@gestalt3d/core';
import { MeshoptEncoder } from 'meshoptimizer/encoder';
import { gatherVertices } from './clean.ts';

/** Whole numbers over the longest side of the box, as of 16,384 steps; smaller than any deviation that simplification allows. */
const POSITION_STEPS = 16_383;
/** Steps of a texture coordinate within one texel: colours move by an eighth of a texel at most. */
const STEPS_PER_TEXEL = 4;
const MAX_UV_STEPS = 65_535;

/** value = stored * scale + offset, an axis after another */
interface Quantised {
  stored: Uint16Array;
  offset: number[];
  scale: number[];
}

/** A mesh in small whole numbers, in the order of triangles and vertices that meshopt's codec packs best. */
export interface PackedGeometry {
  /** The same mesh in the new order. */
  mesh: Mesh;
  /** For each of its vertices that of the mesh that came [P]. */
  source: Uint32Array;
  /** [P, 3] */
  positions: Quantised;
  /** [P, 2] */
  uvs?: Quantised;
}

/**
 * Quantises a mesh and puts it in the order in which EXT_meshopt_compression takes the fewest bytes. What the codec makes of an order cannot be told
 * without trying, so some are tried: as it came, and along the atlas either way.
 * @param mesh with normals
 * @param textureSize edge of the texture in texels, by which texture coordinates are rounded; without one they are left out
 */
export async function packGeometry(mesh: Mesh & { normals: Float32Array }, textureSize?: number): Promise<PackedGeometry> {
  await MeshoptEncoder.ready;
  const positions = quantise(mesh.positions, 3, POSITION_STEPS, 'alike');
  // steps over the part of the page that is used, so that a step is never larger than over all of it
  const uvs =
    mesh.uvs && textureSize !== undefined
      ? quantise(mesh.uvs, 2, Math.min(MAX_UV_STEPS, textureSize * STEPS_PER_TEXEL - 1), 'by axis')
      : undefined;
  let best: { bytes: number; indices: Uint32Array; source: Uint32Array } | undefined;
  for (const order of uvs ? [mesh.indices, along(mesh, uvs.stored, 0), along(mesh, uvs.stored, 1)] : [mesh.indices]) {
    const indices = order.slice();
    const [remap, unique] = MeshoptEncoder.reorderMesh(indices, true, true);
    const source = new Uint32Array(unique);
    remap.forEach((to, from) => {
      if (to !== UNUSED) source[to] = from;
    });
    const bytes =
      sizeOf(Uint32Array.from(indices), 'TRIANGLES', 4) +
      sizeOf(padded(positions.stored, source, 3), 'ATTRIBUTES', 8) +
      sizeOf(MeshoptEncoder.encodeFilterOct(unitNormals(mesh.normals, source), unique, 4, 8), 'ATTRIBUTES', 4) +
      (uvs ? sizeOf(padded(uvs.stored, source, 2), 'ATTRIBUTES', 4) : 0);
    if (!best || bytes < best.bytes) best = { bytes, indices, source };
  }
  const { indices, source } = best!;
  return {
    mesh: { ...gatherVertices(mesh, source), indices },
    source,
    positions: { ...positions, stored: gather(positions.stored, source, 3, 3) },
    ...(uvs && { uvs: { ...uvs, stored: gather(uvs.stored, source, 2, 2) } }),
  };
}

/** What reorderMesh calls a vertex of no triangle. */
const UNUSED = 0xffffffff;

/** @param steps over the longest axis, or over each; a node's scale that differs by axis would bend normals */
function quantise(values: Float32Array, size: number, steps: number, scales: 'alike' | 'by axis'): Quantised {
  const min = new Array<number>(size).fill(Infinity);
  const max = new Array<number>(size).fill(-Infinity);
  values.forEach((value, i) => {
    min[i % size] = Math.min(min[i % size], value);
    max[i % size] = Math.max(max[i % size], value);
  });
  const extent = max.map((value, k) => Math.max(1e-12, value - min[k]));
  const longest = Math.max(...extent);
  const scale = extent.map((length) => (scales === 'alike' ? longest : length) / steps);
  return {
    stored: Uint16Array.from(values, (value, i) => Math.round((value - min[i % size]) / scale[i % size])),
    offset: min,
    scale,
  };
}

/** Triangles in the order of one texture coordinate. */
function along({ indices }: Mesh, uvs: Uint16Array, axis: 0 | 1): Uint32Array {
  const key = Uint32Array.from({ length: indices.length / 3 }, (_, t) =>
    [0, 1, 2].reduce((sum, k) => sum + uvs[indices[t * 3 + k] * 2 + axis], 0),
  );
  const order = Uint32Array.from(key.keys()).sort((a, b) => key[a] - key[b] || a - b);
  return Uint32Array.from(indices, (_, i) => indices[order[Math.floor(i / 3)] * 3 + (i % 3)]);
}

const padded = (values: Uint16Array, source: Uint32Array, size: number) => gather(values, source, size, size + (size % 2));

function gather(values: Uint16Array, source: Uint32Array, size: number, stride: number): Uint16Array {
  const out = new Uint16Array(source.length * stride);
  source.forEach((from, to) => {
    for (let k = 0; k < size; k++) out[to * stride + k] = values[from * size + k];
  });
  return out;
}

function unitNormals(normals: Float32Array, source: Uint32Array): Float32Array {
  const out = new Float32Array(source.length * 4);
  source.forEach((from, to) => {
    out.set(normals.subarray(from * 3, from * 3 + 3), to * 4);
  });
  return out;
}

function sizeOf(array: Uint8Array | Uint16Array | Uint32Array, mode: 'TRIANGLES' | 'ATTRIBUTES', stride: number): number {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return MeshoptEncoder.encodeGltfBuffer(bytes, bytes.length / stride, stride, mode).length;
}
