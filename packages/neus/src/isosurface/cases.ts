/**
 * Corner c of a cell lies at (c & 1, c >> 1 & 1, c >> 2 & 1). Edge e: axis e >> 2, and its two other coordinates (e & 1, e >> 1 & 1)
 * along the two other axes in ascending order.
 */
export function edgeCorners(e: number): [number, number] {
  const axis = e >> 2;
  const [u, v] = [0, 1, 2].filter((a) => a !== axis);
  const from = ((e & 1) << u) | (((e >> 1) & 1) << v);
  return [from, from | (1 << axis)];
}

/** Faces that an edge lies on: bit 2 axis + side. */
function facesOfEdge(e: number): number {
  const [a, b] = edgeCorners(e);
  let mask = 0;
  for (let axis = 0; axis < 3; axis++) {
    const side = (a >> axis) & 1;
    if (side === ((b >> axis) & 1)) mask |= 1 << (axis * 2 + side);
  }
  return mask;
}

/** Triangulates a loop of edges without a diagonal inside a face of the cell: such a diagonal could meet its twin from the neighbour cell. */
function triangulate(loop: number[]): number[] | undefined {
  if (loop.length === 3) return loop;
  const faces = loop.map(facesOfEdge);
  const count = loop.length;
  const allowed = (i: number, j: number) => {
    const gap = Math.abs(i - j);
    return gap === 1 || gap === count - 1 || (faces[i] & faces[j]) === 0;
  };
  const fill = (i: number, j: number): number[] | undefined => {
    if (j - i < 2) return [];
    for (let k = i + 1; k < j; k++) {
      if (!allowed(i, k) || !allowed(k, j)) continue;
      const left = fill(i, k);
      const right = left && fill(k, j);
      if (left && right) return [loop[i], loop[k], loop[j], ...left, ...right];
    }
    return undefined;
  };
  return fill(0, count - 1);
}

/**
 * Triangles of the 256 cases as cell edges, three a triangle, counter-clockwise seen from outside (the positive side). Case: bit c set if corner c is
 * inside. Made from one rule, not copied: on a face with two inside corners across, inside corners are kept apart. The rule sees the face only, so both
 * cells of a face agree and the surface is closed and manifold.
 */
export function marchingCubesCases(): number[][] {
  return Array.from({ length: 256 }, (_, bits) => {
    const inside = (corner: number) => ((bits >> corner) & 1) === 1;
    // directed segments between crossed edges, one or two a face: with the inside on the left seen from outside the cell
    const next = new Map<number, number>();
    for (let axis = 0; axis < 3; axis++)
      for (let side = 0; side < 2; side++) {
        const u = (axis + 1) % 3;
        const v = (axis + 2) % 3;
        // corners of the face in counter-clockwise order seen from outside the cell
        const ring = [0, 1 << u, (1 << u) | (1 << v), 1 << v].map((corner) => corner | (side << axis));
        if (side === 0) ring.reverse();
        const edges = ring.map((corner, i) => edgeBetween(corner, ring[(i + 1) % 4]));
        for (let i = 0; i < 4; i++) {
          // a run of inside corners starts at ring[i]: the segment enters where the run ends and leaves where it starts
          if (!inside(ring[i]) || inside(ring[(i + 3) % 4])) continue;
          let j = i;
          while (inside(ring[(j + 1) % 4])) j = (j + 1) % 4;
          next.set(edges[(i + 3) % 4], edges[j]);
        }
      }
    const triangles: number[] = [];
    while (next.size > 0) {
      const first = next.keys().next().value!;
      const loop: number[] = [];
      for (let edge = first; next.has(edge); ) {
        loop.push(edge);
        const following = next.get(edge)!;
        next.delete(edge);
        edge = following;
      }
      let filled: number[] | undefined;
      // some rotations of a loop triangulate better than others
      for (let turn = 0; turn < loop.length && !filled; turn++) filled = triangulate([...loop.slice(turn), ...loop.slice(0, turn)]);
      if (!filled) throw new Error(`case ${bits} has no triangulation`);
      triangles.push(...filled);
    }
    return triangles;
  });
}

function edgeBetween(a: number, b: number): number {
  const axis = Math.log2(a ^ b);
  const [u, v] = [0, 1, 2].filter((other) => other !== axis);
  return axis * 4 + ((a >> u) & 1) + (((a >> v) & 1) << 1);
}

/** Bytes of a case in `caseTable`. */
export const CASE_BYTES = 16;

/** The cases flattened: of each a byte with three times its triangles, then their edges. [256, CASE_BYTES] */
export function caseTable(): Uint8Array {
  if (!flattened) {
    flattened = new Uint8Array(256 * CASE_BYTES);
    for (const [bits, edges] of marchingCubesCases().entries()) flattened.set([edges.length, ...edges], bits * CASE_BYTES);
  }
  return flattened;
}
let flattened: Uint8Array | undefined;
