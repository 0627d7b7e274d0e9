import type { Mesh } from '@gestalt3d/core';
import { orient2d, orient3d } from 'robust-predicates';

/**
 * Whether two triangles have a point in common that is not a corner or an edge which they share by index. Exact: every decision is the sign of a
 * determinant (Shewchuk 1997, adaptive arithmetic), which single-precision positions can neither over- nor underflow. Touching counts.
 * Both triangles must have an area, and equal positions must have equal indices.
 */
export function trianglesMeet({ positions: p, indices }: Mesh, s: number, t: number): boolean {
  // corners rotated so that shared ones come first; this runs for every pair of neighbours, so nothing is allocated
  let [a0, a1, a2] = [indices[s * 3], indices[s * 3 + 1], indices[s * 3 + 2]];
  let [b0, b1, b2] = [indices[t * 3], indices[t * 3 + 1], indices[t * 3 + 2]];
  const isInA = (v: number) => v === a0 || v === a1 || v === a2;
  const isInB = (v: number) => v === b0 || v === b1 || v === b2;
  const shared = (isInA(b0) ? 1 : 0) + (isInA(b1) ? 1 : 0) + (isInA(b2) ? 1 : 0);
  if (shared === 3) return true;
  if (shared === 2) {
    while (isInB(a2)) [a0, a1, a2] = [a1, a2, a0];
    while (isInA(b2)) [b0, b1, b2] = [b1, b2, b0];
    return side(p, a0, a1, a2, b2) === 0 && foldedOver(p, a0, a1, a2, b2);
  }
  if (shared === 1) {
    while (!isInB(a0)) [a0, a1, a2] = [a1, a2, a0];
    while (b0 !== a0) [b0, b1, b2] = [b1, b2, b0];
    // from the shared corner, what both cover ends on the far edge of one of them
    return segmentMeets(p, a1, a2, b0, b1, b2) || segmentMeets(p, b1, b2, a0, a1, a2);
  }
  if (isBeside(p, a0, a1, a2, b0, b1, b2) || isBeside(p, b0, b1, b2, a0, a1, a2)) return false;
  return (
    segmentMeets(p, a0, a1, b0, b1, b2) ||
    segmentMeets(p, a1, a2, b0, b1, b2) ||
    segmentMeets(p, a2, a0, b0, b1, b2) ||
    segmentMeets(p, b0, b1, a0, a1, a2) ||
    segmentMeets(p, b1, b2, a0, a1, a2) ||
    segmentMeets(p, b2, b0, a0, a1, a2)
  );
}

/** Whether a triangle's corners lie exactly on one line. */
export function hasNoArea({ positions: p, indices }: Mesh, t: number): boolean {
  const [a, b, c] = [indices[t * 3], indices[t * 3 + 1], indices[t * 3 + 2]];
  return side2d(p, 0, a, b, c) === 0 && side2d(p, 1, a, b, c) === 0 && side2d(p, 2, a, b, c) === 0;
}

/** Sign of the volume of (a, b, c, d). */
function side(p: Float32Array, a: number, b: number, c: number, d: number): number {
  return Math.sign(
    orient3d(
      p[a * 3],
      p[a * 3 + 1],
      p[a * 3 + 2],
      p[b * 3],
      p[b * 3 + 1],
      p[b * 3 + 2],
      p[c * 3],
      p[c * 3 + 1],
      p[c * 3 + 2],
      p[d * 3],
      p[d * 3 + 1],
      p[d * 3 + 2],
    ),
  );
}

/** Sign of the area of (a, b, c) seen along an axis. */
function side2d(p: Float32Array, axis: number, a: number, b: number, c: number): number {
  const u = (axis + 1) % 3;
  const v = (axis + 2) % 3;
  return Math.sign(orient2d(p[a * 3 + u], p[a * 3 + v], p[b * 3 + u], p[b * 3 + v], p[c * 3 + u], p[c * 3 + v]));
}

/** All of triangle b lies strictly on one side of a's plane. */
function isBeside(p: Float32Array, a0: number, a1: number, a2: number, b0: number, b1: number, b2: number): boolean {
  const first = side(p, a0, a1, a2, b0);
  return first !== 0 && side(p, a0, a1, a2, b1) === first && side(p, a0, a1, a2, b2) === first;
}

/** Two coplanar triangles over the edge (u, v) lie on the same side of it. */
function foldedOver(p: Float32Array, u: number, v: number, a: number, b: number): boolean {
  return [0, 1, 2].some((axis) => side2d(p, axis, u, v, a) * side2d(p, axis, u, v, b) > 0);
}

function segmentMeets(p: Float32Array, from: number, to: number, a: number, b: number, c: number): boolean {
  const sideFrom = side(p, a, b, c, from);
  const sideTo = side(p, a, b, c, to);
  if (sideFrom * sideTo > 0) return false;
  if (sideFrom === 0 && sideTo === 0) return segmentMeetsFlat(p, from, to, a, b, c);
  // the line passes all edges on the same side
  const x = side(p, from, to, a, b);
  const y = side(p, from, to, b, c);
  if (x * y < 0) return false;
  const z = side(p, from, to, c, a);
  return x * z >= 0 && y * z >= 0;
}

/** As segmentMeets, all five points in one plane. */
function segmentMeetsFlat(p: Float32Array, from: number, to: number, a: number, b: number, c: number): boolean {
  const axis = [0, 1, 2].find((k) => side2d(p, k, a, b, c) !== 0)!;
  const turn = side2d(p, axis, a, b, c);
  const inside = (v: number) =>
    side2d(p, axis, a, b, v) * turn >= 0 && side2d(p, axis, b, c, v) * turn >= 0 && side2d(p, axis, c, a, v) * turn >= 0;
  if (inside(from) || inside(to)) return true;
  const edges = [
    [a, b],
    [b, c],
    [c, a],
  ];
  return edges.some(([v, w]) => {
    const [fromSide, toSide] = [side2d(p, axis, v, w, from), side2d(p, axis, v, w, to)];
    const [vSide, wSide] = [side2d(p, axis, from, to, v), side2d(p, axis, from, to, w)];
    if (fromSide * toSide < 0 && vSide * wSide < 0) return true;
    return (vSide === 0 && isBetween(p, from, to, v)) || (wSide === 0 && isBetween(p, from, to, w));
  });
}

/** For a point on the line through two others. */
function isBetween(p: Float32Array, from: number, to: number, v: number): boolean {
  for (let k = 0; k < 3; k++) {
    const [x, y, z] = [p[from * 3 + k], p[to * 3 + k], p[v * 3 + k]];
    if (z < Math.min(x, y) || z > Math.max(x, y)) return false;
  }
  return true;
}
