/** Neighbours of each vertex of a closed triangle mesh: those of p are neighbour[start[p]] .. neighbour[start[p + 1] - 1]. */
export interface VertexGraph {
  /** [P + 1] */
  start: Uint32Array;
  neighbour: Uint32Array;
  /** Half the sum of the cotangents of the two angles opposite to the edge, kept positive. Same order as `neighbour`. */
  weight: Float64Array;
}

/** Cotangents outside make no well-conditioned Laplacian: thin triangles of an extracted surface have any. */
const COTANGENT = [0.05, 5];

/**
 * Edges of a closed, consistently wound mesh with cotangent weights (Pinkall and Polthier, Computing Discrete Minimal Surfaces, 1993).
 * @param positions [P, 3]
 * @param indices [T, 3]
 */
export function vertexGraph(positions: Float32Array, indices: Uint32Array): VertexGraph {
  const count = positions.length / 3;
  const start = new Uint32Array(count + 1);
  for (let i = 0; i < indices.length; i++) start[indices[i] + 1]++;
  for (let p = 0; p < count; p++) start[p + 1] += start[p];
  const at = start.slice();
  const neighbour = new Uint32Array(indices.length);
  const weight = new Float64Array(indices.length);
  // wound alike, each edge is passed once in each direction: by the one triangle it appears as an edge of its first vertex, by the other as one of its second
  for (let t = 0; t < indices.length; t += 3)
    for (let k = 0; k < 3; k++) {
      const a = indices[t + k];
      neighbour[at[a]] = indices[t + ((k + 1) % 3)];
      weight[at[a]++] = halfCotangent(positions, a, indices[t + ((k + 1) % 3)], indices[t + ((k + 2) % 3)]);
    }
  // the other triangle's half stands at the opposite edge
  const halves = weight.slice();
  for (let a = 0; a < count; a++)
    for (let k = start[a]; k < start[a + 1]; k++) {
      const b = neighbour[k];
      for (let j = start[b]; j < start[b + 1]; j++)
        if (neighbour[j] === a) {
          weight[k] += halves[j];
          break;
        }
    }
  return { start, neighbour, weight };
}

/** Of the angle at c between a and b. */
function halfCotangent(p: Float32Array, a: number, b: number, c: number): number {
  const u = [p[a * 3] - p[c * 3], p[a * 3 + 1] - p[c * 3 + 1], p[a * 3 + 2] - p[c * 3 + 2]];
  const v = [p[b * 3] - p[c * 3], p[b * 3 + 1] - p[c * 3 + 1], p[b * 3 + 2] - p[c * 3 + 2]];
  const dot = u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
  const cross = Math.hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]);
  return Math.min(COTANGENT[1], Math.max(COTANGENT[0], dot / Math.max(cross, 1e-20))) / 2;
}
