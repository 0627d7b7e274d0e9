import type { Mesh } from '@gestalt3d/core';

/** What the edges say about a mesh. Vertices at bit-equal positions count as one, so seams of an atlas are not holes. */
export interface Topology {
  vertices: number;
  triangles: number;
  components: number;
  /** Edges of exactly one triangle: the rims of holes. */
  boundaryEdges: number;
  /** Edges of more than two triangles. */
  nonManifoldEdges: number;
  /** Edges of two triangles that run through them in the same direction. */
  inconsistentEdges: number;
  /** No edge of the three kinds above. */
  closed: boolean;
  /** V - E + F; 2 for a sphere, 0 for a torus. */
  euler: number;
  /** Signed, by the divergence theorem; means something only when closed. */
  volume: number;
  area: number;
}

export function meshTopology(mesh: Mesh): Topology {
  const { vertexOf, count } = weldMap(mesh.positions);
  const indices = mesh.indices.map((v) => vertexOf[v]);
  const used = new Uint8Array(count);
  for (const v of indices) used[v] = 1;
  let vertices = 0;
  for (const u of used) vertices += u;
  let edges = 0;
  let boundaryEdges = 0;
  let nonManifoldEdges = 0;
  let inconsistentEdges = 0;
  const sorted = sortedEdges(indices);
  for (let i = 0; i < sorted.length; ) {
    const key = Math.floor(sorted[i] / 2);
    let forward = 0;
    let backward = 0;
    for (; i < sorted.length && Math.floor(sorted[i] / 2) === key; i++) {
      if (sorted[i] % 2 === 0) forward++;
      else backward++;
    }
    edges++;
    const uses = forward + backward;
    if (uses === 1) boundaryEdges++;
    else if (uses > 2) nonManifoldEdges++;
    else if (forward !== 1) inconsistentEdges++;
  }
  const { component } = components(indices, count);
  const distinct = new Set<number>();
  for (const c of component) distinct.add(c);
  const triangles = indices.length / 3;
  let volume = 0;
  let area = 0;
  for (let t = 0; t < triangles; t++) {
    volume += signedVolume(mesh, t);
    area += triangleArea(mesh, t);
  }
  return {
    vertices,
    triangles,
    components: distinct.size,
    boundaryEdges,
    nonManifoldEdges,
    inconsistentEdges,
    closed: triangles > 0 && boundaryEdges + nonManifoldEdges + inconsistentEdges === 0,
    euler: vertices - edges + triangles,
    volume,
    area,
  };
}

/** For every vertex the number of its place: bit-equal positions share one. Numbers follow the order of first appearance. */
export function weldMap(positions: Float32Array): { vertexOf: Uint32Array; count: number; first: Uint32Array } {
  const total = positions.length / 3;
  // + 0 turns -0 into 0, which would otherwise be another bit pattern
  const bits = new Uint32Array(Float32Array.from(positions, (value) => value + 0).buffer);
  let size = 1;
  while (size < total * 2) size *= 2;
  const table = new Int32Array(size).fill(-1);
  const vertexOf = new Uint32Array(total);
  const first: number[] = [];
  for (let v = 0; v < total; v++) {
    const x = bits[v * 3];
    const y = bits[v * 3 + 1];
    const z = bits[v * 3 + 2];
    let slot = (Math.imul(x, 73856093) ^ Math.imul(y, 19349663) ^ Math.imul(z, 83492791)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & (size - 1);
    for (; ; slot = (slot + 1) & (size - 1)) {
      const other = table[slot];
      if (other < 0) {
        table[slot] = v;
        vertexOf[v] = first.length;
        first.push(v);
        break;
      }
      if (bits[other * 3] === x && bits[other * 3 + 1] === y && bits[other * 3 + 2] === z) {
        vertexOf[v] = vertexOf[other];
        break;
      }
    }
  }
  return { vertexOf, count: first.length, first: Uint32Array.from(first) };
}

/** Triangle on the other side of each edge [T, 3] (edge k runs from corner k to k + 1): -1 where there is none or more than one. */
export function triangleNeighbours(indices: Uint32Array): Int32Array {
  const neighbours = new Int32Array(indices.length).fill(-1);
  forEachEdge(indices, (uses) => {
    if (uses.length !== 2) return;
    neighbours[uses[0]] = Math.floor(uses[1] / 3);
    neighbours[uses[1]] = Math.floor(uses[0] / 3);
  });
  return neighbours;
}

/**
 * Each undirected edge with the half-edges that run along it, ascending: half-edge h runs from corner h to the next corner of its triangle.
 * `uses` is only valid during the call. Exact below 2^25 vertices and 2^27 corners.
 */
export function forEachEdge(indices: Uint32Array, visit: (uses: Uint32Array) => void): void {
  const next = (h: number) => indices[h % 3 === 2 ? h - 2 : h + 1];
  let top = 0;
  for (const v of indices) if (v >= top) top = v + 1;
  // bucket half-edges by their lower vertex, then sort by the higher one: a hub of a million triangles stays n log n
  const start = new Uint32Array(top + 1);
  for (let h = 0; h < indices.length; h++) start[Math.min(indices[h], next(h)) + 1]++;
  for (let v = 0; v < top; v++) start[v + 1] += start[v];
  const fill = start.slice();
  const keys = new Float64Array(indices.length);
  for (let h = 0; h < indices.length; h++) keys[fill[Math.min(indices[h], next(h))]++] = Math.max(indices[h], next(h)) * 134217728 + h;
  let uses = new Uint32Array(8);
  for (let v = 0; v < top; v++) {
    const bucket = keys.subarray(start[v], start[v + 1]).sort();
    for (let i = 0; i < bucket.length; ) {
      const high = Math.floor(bucket[i] / 134217728);
      let count = 0;
      for (; i < bucket.length && Math.floor(bucket[i] / 134217728) === high; i++) {
        if (count === uses.length) {
          const grown = new Uint32Array(count * 2);
          grown.set(uses);
          uses = grown;
        }
        uses[count++] = bucket[i] % 134217728;
      }
      visit(uses.subarray(0, count));
    }
  }
}

/** Connected components over shared vertices: for each triangle a representative vertex. */
export function components(indices: Uint32Array, vertexCount: number): { component: Uint32Array } {
  const parent = new Uint32Array(vertexCount);
  for (let v = 0; v < vertexCount; v++) parent[v] = v;
  const find = (v: number): number => {
    let at = v;
    while (parent[at] !== at) at = parent[at] = parent[parent[at]];
    return at;
  };
  for (let i = 0; i < indices.length; i += 3) {
    // the lower root wins, so that the result does not depend on the order of triangles
    for (const other of [indices[i + 1], indices[i + 2]]) {
      const a = find(indices[i]);
      const b = find(other);
      if (a < b) parent[b] = a;
      else parent[a] = b;
    }
  }
  const component = new Uint32Array(indices.length / 3);
  for (let t = 0; t < component.length; t++) component[t] = find(indices[t * 3]);
  return { component };
}

/** Signed volume of the tetrahedron between the origin and triangle `t`. */
export function signedVolume({ positions: p, indices }: Mesh, t: number): number {
  const a = indices[t * 3] * 3;
  const b = indices[t * 3 + 1] * 3;
  const c = indices[t * 3 + 2] * 3;
  return (
    (p[a] * (p[b + 1] * p[c + 2] - p[b + 2] * p[c + 1]) +
      p[a + 1] * (p[b + 2] * p[c] - p[b] * p[c + 2]) +
      p[a + 2] * (p[b] * p[c + 1] - p[b + 1] * p[c])) /
    6
  );
}

export function triangleArea({ positions: p, indices }: Mesh, t: number): number {
  const a = indices[t * 3] * 3;
  const b = indices[t * 3 + 1] * 3;
  const c = indices[t * 3 + 2] * 3;
  const ux = p[b] - p[a];
  const uy = p[b + 1] - p[a + 1];
  const uz = p[b + 2] - p[a + 2];
  const vx = p[c] - p[a];
  const vy = p[c + 1] - p[a + 1];
  const vz = p[c + 2] - p[a + 2];
  return Math.hypot(uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx) / 2;
}

/** Undirected edges as (low * 2^25 + high) * 2 + direction, sorted; exact below 2^25 vertices. */
function sortedEdges(indices: Uint32Array): Float64Array {
  const keys = new Float64Array(indices.length);
  for (let h = 0; h < indices.length; h++) {
    const a = indices[h];
    const b = indices[h % 3 === 2 ? h - 2 : h + 1];
    keys[h] = a < b ? (a * 33554432 + b) * 2 : (b * 33554432 + a) * 2 + 1;
  }
  return keys.sort();
}
