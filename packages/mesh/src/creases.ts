import type { Mesh } from '@gestalt3d/core';
import { gatherVertices } from './clean.ts';
import { forEachEdge, weldMap } from './topology.ts';

/** Edges sharper than this are creases: a box has them, a rounded thing of a thousand triangles has not. */
export const CREASE_DEG = 50;

/**
 * Normals that are smooth inside and sharp at true creases: at an edge whose triangles' normals lean more than `creaseDeg` apart the vertices are
 * repeated, each copy with the normal of its side (weighted by angle, as computeNormals). Only such vertices are repeated; attributes follow, and the
 * triangles keep their order.
 */
export function creaseNormals(mesh: Mesh, creaseDeg = CREASE_DEG): Mesh {
  const { positions: p, indices } = mesh;
  const { vertexOf } = weldMap(p);
  const welded = Uint32Array.from(indices, (v) => vertexOf[v]);
  const facets = facetNormals(mesh);

  // 1. corners around a vertex that no crease separates are one group
  const parent = Uint32Array.from(indices, (_, corner) => corner);
  const find = (corner: number): number => {
    let at = corner;
    while (parent[at] !== at) at = parent[at] = parent[parent[at]];
    return at;
  };
  const cornerOf = (h: number, v: number): number => {
    const t = h - (h % 3);
    return welded[t] === v ? t : welded[t + 1] === v ? t + 1 : t + 2;
  };
  const least = Math.cos((creaseDeg * Math.PI) / 180);
  forEachEdge(welded, (uses) => {
    if (uses.length !== 2) return;
    const [s, t] = [Math.floor(uses[0] / 3) * 3, Math.floor(uses[1] / 3) * 3];
    if (facets[s] * facets[t] + facets[s + 1] * facets[t + 1] + facets[s + 2] * facets[t + 2] < least) return;
    for (const end of [welded[uses[0]], welded[uses[0] % 3 === 2 ? uses[0] - 2 : uses[0] + 1]]) {
      const a = find(cornerOf(uses[0], end));
      const b = find(cornerOf(uses[1], end));
      parent[Math.max(a, b)] = Math.min(a, b);
    }
  });

  // 2. normals of the groups
  const sums = new Float64Array(indices.length * 3);
  for (let corner = 0; corner < indices.length; corner++) {
    const to = find(corner) * 3;
    const t = corner - (corner % 3);
    const angle = angleAt(p, indices[corner], indices[t + ((corner + 1) % 3)], indices[t + ((corner + 2) % 3)]);
    for (let k = 0; k < 3; k++) sums[to + k] += facets[t + k] * angle;
  }

  // 3. one vertex for each pair of an old vertex and a group
  const made = new Map<number, number>();
  const source: number[] = [];
  const normals: number[] = [];
  const out = new Uint32Array(indices.length);
  for (let corner = 0; corner < indices.length; corner++) {
    const group = find(corner);
    const key = indices[corner] * indices.length + group;
    let vertex = made.get(key);
    if (vertex === undefined) {
      made.set(key, (vertex = source.length));
      source.push(indices[corner]);
      const [x, y, z] = sums.subarray(group * 3, group * 3 + 3);
      const length = Math.hypot(x, y, z);
      if (length > 0) normals.push(x / length, y / length, z / length);
      else normals.push(0, 1, 0);
    }
    out[corner] = vertex;
  }
  const { normals: _, ...rest } = mesh;
  return { ...gatherVertices(rest, Uint32Array.from(source)), indices: out, normals: Float32Array.from(normals) };
}

/** [T, 3] unit length, 0 for triangles without area. */
function facetNormals({ positions: p, indices }: Mesh): Float64Array {
  const out = new Float64Array(indices.length);
  for (let t = 0; t < indices.length; t += 3) {
    const [a, b, c] = [indices[t] * 3, indices[t + 1] * 3, indices[t + 2] * 3];
    const u = [0, 1, 2].map((k) => p[b + k] - p[a + k]);
    const v = [0, 1, 2].map((k) => p[c + k] - p[a + k]);
    const n = [0, 1, 2].map((k) => u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3]);
    const length = Math.hypot(n[0], n[1], n[2]);
    if (length > 0) for (let k = 0; k < 3; k++) out[t + k] = n[k] / length;
  }
  return out;
}

function angleAt(p: Float32Array, at: number, to: number, other: number): number {
  const u = [0, 1, 2].map((k) => p[to * 3 + k] - p[at * 3 + k]);
  const v = [0, 1, 2].map((k) => p[other * 3 + k] - p[at * 3 + k]);
  const cross = [0, 1, 2].map((k) => u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3]);
  return Math.atan2(Math.hypot(cross[0], cross[1], cross[2]), u[0] * v[0] + u[1] * v[1] + u[2] * v[2]);
}
