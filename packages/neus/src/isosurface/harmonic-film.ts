import type { Work } from '../work.ts';
import type { VertexGraph } from './vertex-graph.ts';

/** Ends when the residual's norm, as the preconditioner sees it, has fallen to this share. */
const TOLERANCE = 1e-4;
const MOST_ITERATIONS = 400;
const ITERATIONS_A_PIECE = 4;
/** Edges of the boxes that the preconditioner lumps vertices together in, in mean edges. */
const BOXES = [4, 8, 16, 32, 64];

/**
 * Positions of free vertices such that each is the weighted mean of its neighbours while the others stay: the film of least Dirichlet energy over what is fixed,
 * plane where its border is. Conjugate gradients for x, y and z at once, preconditioned by the diagonals of the matrix on ever coarser boxes of vertices
 * (Bramble, Pasciak and Xu, Parallel Multilevel Preconditioners, 1990).
 * @param positions [P, 3]
 * @param free vertices that move, each once; every connected part of them touches a fixed one
 * @param sliding others that move too, each across its unit vector in `slopes` only; the film pulls them, what is fixed does not
 * @param slopes [sliding.length, 3]
 * @returns [free.length + sliding.length, 3]
 */
export function* harmonicFilm(
  positions: Float32Array,
  graph: VertexGraph,
  free: readonly number[],
  { sliding, slopes }: { sliding: readonly number[]; slopes: Float32Array } = { sliding: [], slopes: new Float32Array(0) },
): Work<Float32Array> {
  const { start, neighbour, weight } = graph;
  const moving = [...free, ...sliding];
  const n = moving.length;
  const slot = new Int32Array(positions.length / 3).fill(-1);
  moving.forEach((p, i) => {
    slot[p] = i;
  });
  // the matrix, rows of free vertices and columns of free ones, and what the fixed ones contribute
  const row = new Uint32Array(n + 1);
  const column: number[] = [];
  const value: number[] = [];
  const diagonal = new Float64Array(n);
  const fixed = new Float64Array(n * 3);
  let edges = 0;
  let length = 0;
  for (let i = 0; i < n; i++) {
    const p = moving[i];
    for (let k = start[p]; k < start[p + 1]; k++) {
      const q = neighbour[k];
      if (i >= free.length && slot[q] < 0) continue;
      diagonal[i] += weight[k];
      edges++;
      length += Math.hypot(
        positions[p * 3] - positions[q * 3],
        positions[p * 3 + 1] - positions[q * 3 + 1],
        positions[p * 3 + 2] - positions[q * 3 + 2],
      );
      if (slot[q] >= 0) {
        column.push(slot[q]);
        value.push(weight[k]);
      } else for (let c = 0; c < 3; c++) fixed[i * 3 + c] += weight[k] * positions[q * 3 + c];
    }
    row[i + 1] = column.length;
  }
  const columns = Uint32Array.from(column);
  const values = Float64Array.from(value);
  yield;
  const precondition = boxPreconditioner(positions, moving, row, columns, values, diagonal, length / edges);
  yield;

  const x = new Float64Array(n * 3);
  const r = new Float64Array(n * 3);
  const d = new Float64Array(n * 3);
  const z = new Float64Array(n * 3);
  const q = new Float64Array(n * 3);
  moving.forEach((p, i) => {
    for (let c = 0; c < 3; c++) x[i * 3 + c] = positions[p * 3 + c];
  });
  const multiply = (v: Float64Array, out: Float64Array) => {
    for (let i = 0; i < n; i++) {
      let a = diagonal[i] * v[i * 3];
      let b = diagonal[i] * v[i * 3 + 1];
      let c = diagonal[i] * v[i * 3 + 2];
      for (let k = row[i]; k < row[i + 1]; k++) {
        const j = columns[k] * 3;
        a -= values[k] * v[j];
        b -= values[k] * v[j + 1];
        c -= values[k] * v[j + 2];
      }
      out[i * 3] = a;
      out[i * 3 + 1] = b;
      out[i * 3 + 2] = c;
    }
  };
  /** Takes out what would lift sliding vertices off their slopes. */
  const constrain = (v: Float64Array) => {
    for (let i = 0; i < sliding.length; i++) {
      const at = (free.length + i) * 3;
      const off = v[at] * slopes[i * 3] + v[at + 1] * slopes[i * 3 + 1] + v[at + 2] * slopes[i * 3 + 2];
      for (let c = 0; c < 3; c++) v[at + c] -= off * slopes[i * 3 + c];
    }
  };
  multiply(x, q);
  for (let i = 0; i < r.length; i++) r[i] = fixed[i] - q[i];
  constrain(r);
  precondition(r, z);
  constrain(z);
  d.set(z);
  let rz = dot(r, z);
  const goal = rz * TOLERANCE * TOLERANCE;
  for (let iteration = 0; iteration < MOST_ITERATIONS && rz > goal; iteration++) {
    if (iteration % ITERATIONS_A_PIECE === 0) yield;
    multiply(d, q);
    constrain(q);
    const step = rz / dot(d, q);
    for (let i = 0; i < r.length; i++) {
      x[i] += step * d[i];
      r[i] -= step * q[i];
    }
    precondition(r, z);
    constrain(z);
    const next = dot(r, z);
    const keep = next / rz;
    for (let i = 0; i < r.length; i++) d[i] = z[i] + keep * d[i];
    rz = next;
  }
  return Float32Array.from(x);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** z = sum over the grids of boxes of S D^-1 S^T r, where S lumps the vertices of a box and D is the diagonal of S^T A S; the finest boxes are the vertices. */
function boxPreconditioner(
  positions: Float32Array,
  free: readonly number[],
  row: Uint32Array,
  columns: Uint32Array,
  values: Float64Array,
  diagonal: Float64Array,
  edge: number,
): (r: Float64Array, z: Float64Array) => void {
  const n = free.length;
  const grids = BOXES.map((edges) => {
    const numbers = new Map<string, number>();
    const boxOf = Uint32Array.from(free, (p) => {
      const key = [0, 1, 2].map((c) => Math.floor(positions[p * 3 + c] / (edges * edge))).join();
      const number = numbers.get(key) ?? numbers.size;
      numbers.set(key, number);
      return number;
    });
    const boxDiagonal = new Float64Array(numbers.size);
    for (let i = 0; i < n; i++) {
      boxDiagonal[boxOf[i]] += diagonal[i];
      for (let k = row[i]; k < row[i + 1]; k++) if (boxOf[columns[k]] === boxOf[i]) boxDiagonal[boxOf[i]] -= values[k];
    }
    return { boxOf, diagonal: boxDiagonal, sums: new Float64Array(numbers.size * 3) };
  });
  return (r, z) => {
    for (let i = 0; i < n; i++) {
      z[i * 3] = r[i * 3] / diagonal[i];
      z[i * 3 + 1] = r[i * 3 + 1] / diagonal[i];
      z[i * 3 + 2] = r[i * 3 + 2] / diagonal[i];
    }
    for (const { boxOf, diagonal: boxDiagonal, sums } of grids) {
      sums.fill(0);
      for (let i = 0; i < n; i++) for (let c = 0; c < 3; c++) sums[boxOf[i] * 3 + c] += r[i * 3 + c];
      // a box whose vertices have no edge out of it would have none: the film would float
      for (let b = 0; b < boxDiagonal.length; b++)
        for (let c = 0; c < 3; c++) sums[b * 3 + c] = boxDiagonal[b] > 1e-12 ? sums[b * 3 + c] / boxDiagonal[b] : 0;
      for (let i = 0; i < n; i++) for (let c = 0; c < 3; c++) z[i * 3 + c] += sums[boxOf[i] * 3 + c];
    }
  };
}
