import type { Work } from '../work.ts';

/** Lines transformed between two looks at the signal. */
const LINES_A_PIECE = 256;
/** More than any squared distance in a grid. */
const FAR = 1e9;

/**
 * Squared distances along one line: out[i] = min over j of values[j] + (i - j)^2, as the lower envelope of parabolas
 * (Felzenszwalb and Huttenlocher, Distance Transforms of Sampled Functions, 2012).
 * @param roots, @param bounds scratch of length n and n + 1
 */
function transformLine(values: Float64Array, out: Float64Array, roots: Int32Array, bounds: Float64Array): void {
  const n = values.length;
  let last = 0;
  roots[0] = 0;
  bounds[0] = -FAR;
  bounds[1] = FAR;
  for (let q = 1; q < n; q++) {
    const meets = (root: number) => (values[q] + q * q - values[root] - root * root) / (2 * (q - root));
    let from = meets(roots[last]);
    while (last > 0 && from <= bounds[last]) from = meets(roots[--last]);
    roots[++last] = q;
    bounds[last] = from;
    bounds[last + 1] = FAR;
  }
  for (let i = 0, k = 0; i < n; i++) {
    while (bounds[k + 1] < i) k++;
    out[i] = values[roots[k]] + (i - roots[k]) ** 2;
  }
}

/** Squared distance in cells from each cell's centre to the nearest centre of a cell that is set, or of one that is not. */
function* squaredDistance(cells: Uint8Array, edge: number, toSet: boolean): Work<Float64Array> {
  const out = Float64Array.from(cells, (cell) => ((cell !== 0) === toSet ? 0 : FAR));
  const line = new Float64Array(edge);
  const result = new Float64Array(edge);
  const roots = new Int32Array(edge);
  const bounds = new Float64Array(edge + 1);
  let lines = 0;
  for (const stride of [1, edge, edge * edge])
    for (let start = 0; start < out.length; start++) {
      if (Math.floor(start / stride) % edge !== 0) continue;
      for (let i = 0; i < edge; i++) line[i] = out[start + i * stride];
      transformLine(line, result, roots, bounds);
      for (let i = 0; i < edge; i++) out[start + i * stride] = result[i];
      if (++lines % LINES_A_PIECE === 0) yield;
    }
  return out;
}

/**
 * Signed distance at the centres of a grid's cells, in cells, negative in those that are set: zero half way between a set and a free cell.
 * @param cells [edge, edge, edge]
 */
export function* signedDistance(cells: Uint8Array, edge: number): Work<Float32Array> {
  const toSet = yield* squaredDistance(cells, edge, true);
  const toFree = yield* squaredDistance(cells, edge, false);
  return Float32Array.from(cells, (cell, i) => (cell ? 0.5 - Math.sqrt(toFree[i]) : Math.sqrt(toSet[i]) - 0.5));
}
