import { type Bounds, type Mesh, meshBounds } from '@gestalt3d/core';
import { signedVolume } from './topology.ts';
import { solidAngle } from './triangle-tree.ts';

/** How a connected part of a mesh lies among the others. */
export interface Nested {
  /** Signed, of the part alone. */
  volume: number;
  /** Winding number of all other parts at one of its corners: 0 in the open, 1 in the material of a body, 0 again in its cavity. */
  around: number;
}

/**
 * For each part (see `components`) where it lies. Meant for parts that are closed and do not meet.
 * @param component [T] part of each triangle; a part is named by one of its vertices
 * @param counted parts that `around` counts; default all
 */
export function nesting(mesh: Mesh, component: Uint32Array, counted?: ReadonlySet<number>): Map<number, Nested> {
  const trianglesOf = new Map<number, number[]>();
  component.forEach((part, t) => {
    const list = trianglesOf.get(part);
    if (list) list.push(t);
    else trianglesOf.set(part, [t]);
  });
  const { positions: p, indices } = mesh;
  const shells = [...trianglesOf].map(([part, triangles]) => {
    const corners = new Float32Array(triangles.length * 9);
    let volume = 0;
    triangles.forEach((t, i) => {
      volume += signedVolume(mesh, t);
      for (let c = 0; c < 9; c++) corners[i * 9 + c] = p[indices[t * 3 + Math.floor(c / 3)] * 3 + (c % 3)];
    });
    const box: Bounds = meshBounds(corners);
    return { part, triangles, volume, box };
  });
  const found = new Map<number, Nested>();
  for (const { part, volume } of shells) {
    const [x, y, z] = p.subarray(part * 3, part * 3 + 3);
    let around = 0;
    for (const { part: other, triangles, box } of shells) {
      if (other === part || counted?.has(other) === false || x < box.min[0] || y < box.min[1] || z < box.min[2]) continue;
      if (x > box.max[0] || y > box.max[1] || z > box.max[2]) continue;
      let angle = 0;
      for (const t of triangles) angle += solidAngle(mesh, t, x, y, z);
      around += Math.round(angle / (4 * Math.PI));
    }
    found.set(part, { volume, around });
  }
  return found;
}
