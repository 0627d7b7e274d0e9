/** Welded vertex graph: neighbours of vertex v are `list[start[v] .. start[v + 1]]`. */
export interface VertexGraph {
  start: Uint32Array;
  list: Uint32Array;
}

export function vertexGraph(indices: Uint32Array, count: number): VertexGraph {
  const start = new Uint32Array(count + 1);
  for (const v of indices) start[v + 1] += 2;
  for (let v = 0; v < count; v++) start[v + 1] += start[v];
  const fill = start.slice();
  const list = new Uint32Array(start[count]);
  // inner edges appear twice, which weighs all neighbours alike
  for (let i = 0; i < indices.length; i += 3)
    for (let k = 0; k < 3; k++) {
      const v = indices[i + k];
      list[fill[v]++] = indices[i + ((k + 1) % 3)];
      list[fill[v]++] = indices[i + ((k + 2) % 3)];
    }
  return { start, list };
}

/**
 * Seam levelling: a smooth field x [P, 3] over the vertices with
 *   min  sum w_v |x_v - d_v|^2 + smoothness sum_edges |x_i - x_j|^2 + decay sum |x_v|^2,
 * that follows the differences d where they are known (w > 0) in their low frequencies and fades out where they are not. Gauss-Seidel, fixed order.
 */
export function levelField(
  graph: VertexGraph,
  difference: Float32Array,
  weight: Float32Array,
  options: { smoothness: number; decay: number; iterations: number },
): Float32Array {
  const count = weight.length;
  const x = new Float32Array(count * 3);
  for (let v = 0; v < count; v++) if (weight[v] > 0) for (let c = 0; c < 3; c++) x[v * 3 + c] = difference[v * 3 + c];
  for (let iteration = 0; iteration < options.iterations; iteration++)
    for (let i = 0; i < count; i++) {
      // alternate the direction, so that values travel both ways alike
      const v = iteration % 2 === 0 ? i : count - 1 - i;
      const from = graph.start[v];
      const to = graph.start[v + 1];
      if (from === to) continue;
      let r = 0;
      let g = 0;
      let b = 0;
      for (let e = from; e < to; e++) {
        const n = graph.list[e] * 3;
        r += x[n];
        g += x[n + 1];
        b += x[n + 2];
      }
      const smooth = options.smoothness / (to - from);
      const w = weight[v];
      const scale = 1 / (w + options.smoothness + options.decay);
      x[v * 3] = (w * difference[v * 3] + smooth * r) * scale;
      x[v * 3 + 1] = (w * difference[v * 3 + 1] + smooth * g) * scale;
      x[v * 3 + 2] = (w * difference[v * 3 + 2] + smooth * b) * scale;
    }
  return x;
}
