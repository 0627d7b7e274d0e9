import type { Mesh } from '@gestalt3d/core';
import { weldMap } from './topology.ts';

/**
 * Smooth vertex normals [P, 3], each triangle weighted by its angle at the vertex (Thuermer and Wuethrich 1998), which does not depend on
 * how flat parts are triangulated. Vertices at bit-equal positions share one normal, so seams of an atlas do not show.
 */
export function computeNormals(mesh: Mesh): Float32Array {
  const { positions: p, indices } = mesh;
  const { vertexOf, count } = weldMap(p);
  const sum = new Float64Array(count * 3);
  for (let i = 0; i < indices.length; i += 3) {
    const a = indices[i] * 3;
    const b = indices[i + 1] * 3;
    const c = indices[i + 2] * 3;
    const abx = p[b] - p[a];
    const aby = p[b + 1] - p[a + 1];
    const abz = p[b + 2] - p[a + 2];
    const acx = p[c] - p[a];
    const acy = p[c + 1] - p[a + 1];
    const acz = p[c + 2] - p[a + 2];
    const bcx = p[c] - p[b];
    const bcy = p[c + 1] - p[b + 1];
    const bcz = p[c + 2] - p[b + 2];
    const nx = aby * acz - abz * acy;
    const ny = abz * acx - abx * acz;
    const nz = abx * acy - aby * acx;
    const length = Math.hypot(nx, ny, nz);
    if (length === 0) continue;
    const angleA = Math.atan2(length, abx * acx + aby * acy + abz * acz);
    const angleB = Math.atan2(length, -(abx * bcx + aby * bcy + abz * bcz));
    const angleC = Math.PI - angleA - angleB;
    for (let k = 0; k < 3; k++) {
      const to = vertexOf[indices[i + k]] * 3;
      const weight = (k === 0 ? angleA : k === 1 ? angleB : angleC) / length;
      sum[to] += nx * weight;
      sum[to + 1] += ny * weight;
      sum[to + 2] += nz * weight;
    }
  }
  const normals = new Float32Array(p.length);
  for (let v = 0; v < vertexOf.length; v++) {
    const from = vertexOf[v] * 3;
    const length = Math.hypot(sum[from], sum[from + 1], sum[from + 2]);
    if (length > 0) for (let c = 0; c < 3; c++) normals[v * 3 + c] = sum[from + c] / length;
    else normals[v * 3 + 1] = 1;
  }
  return normals;
}
