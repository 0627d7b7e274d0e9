/** What brings a picture's colours to those of the others: per channel, colour * gain + offset (sRGB values of 0..255). */
export interface Exposure {
  gain: [number, number, number];
  offset: [number, number, number];
}

export const NO_EXPOSURE: Readonly<Exposure> = { gain: [1, 1, 1], offset: [0, 0, 0] };

/** Cells along each side of the box in which pictures are compared by their means. */
const CELLS = 4;
/** A gain moved by 0.1, or an offset by as much of mid-grey, costs as much as the pictures' means differing by this many values over the whole overlap. */
const SLACK = 0.35;
const LIMIT = { gain: [0.6, 1.67], offset: 40 } as const;

/**
 * Gains and offsets of pictures that show the same surface, by least squares over their overlaps:
 *   min  sum_cells sum_i<j n_ij |(g_i m_i + o_i) - (g_j m_j + o_j)|^2 + stiffness sum_i (|g_i - 1|^2 + |o_i|^2)
 * as Brown and Lowe 2007 (eq. 29), with an offset, and with means m over cells of space in place of one mean a pair: cells tell gain from offset, and
 * means, unlike pixels, hardly mistake misplaced detail for a lower contrast. Pictures that agree keep gain 1 and offset 0 exactly.
 */
export class ExposureMatcher {
  readonly #sources: number;
  readonly #fixed: readonly boolean[];
  readonly #min: readonly number[];
  readonly #size: number;
  /** Per cell, for each ordered pair: sum of weights and, of the first, weighted sums of r, g, b. */
  readonly #cells = new Map<number, Float64Array>();

  /**
   * @param fixed for each picture whether its colours are the ones to be met
   * @param min lower corner of the space that is looked at, and its size
   */
  constructor(fixed: readonly boolean[], min: readonly number[], size: number) {
    this.#sources = fixed.length;
    this.#fixed = fixed;
    this.#min = min;
    this.#size = size;
  }

  /** One surface point: `seen` [k] are pictures, `rgb` [k, 3] their colours there, `weight` [k] how well they see it, 0..1. */
  add(place: readonly number[], count: number, seen: Int32Array, rgb: Float32Array, weight: Float32Array): void {
    if (count < 2) return;
    const n = this.#sources;
    const [x, y, z] = place.map((value, k) => Math.min(CELLS - 1, Math.max(0, Math.floor(((value - this.#min[k]) / this.#size) * CELLS))));
    const id = (z * CELLS + y) * CELLS + x;
    let cell = this.#cells.get(id);
    if (!cell) this.#cells.set(id, (cell = new Float64Array(n * n * 4)));
    for (let a = 0; a < count; a++)
      for (let b = 0; b < count; b++) {
        if (a === b) continue;
        const at = (seen[a] * n + seen[b]) * 4;
        const both = weight[a] * weight[b];
        cell[at] += both;
        for (let k = 0; k < 3; k++) cell[at + 1 + k] += both * rgb[a * 3 + k];
      }
  }

  /** In the order of the pictures. */
  solve(): Exposure[] {
    const n = this.#sources;
    const result = this.#fixed.map((): Exposure => ({ gain: [1, 1, 1], offset: [0, 0, 0] }));
    let total = 0;
    for (const cell of this.#cells.values()) for (let at = 0; at < cell.length; at += 4) total += cell[at];
    const free = this.#fixed.map((fixed, i) => (fixed ? -1 : i)).filter((i) => i >= 0);
    if (total === 0 || free.length === 0) return result;
    const slot = new Int32Array(n).fill(-1);
    for (const [k, i] of free.entries()) slot[i] = k * 2;
    const size = free.length * 2;
    // colours in units of mid-grey, so that gains and offsets weigh alike; pairs are met twice
    const stiffness = ((total / 2 / free.length) * (SLACK / 128) ** 2) / 0.1 ** 2;
    for (let k = 0; k < 3; k++) {
      // unknowns are what is added to gain 1 and offset 0: right side is what the pictures differ by now
      const matrix = new Float64Array(size * size);
      const right = new Float64Array(size);
      for (let i = 0; i < size; i++) matrix[i * size + i] = stiffness;
      for (const cell of this.#cells.values())
        for (let i = 0; i < n; i++)
          for (let j = i + 1; j < n; j++) {
            const weight = cell[(i * n + j) * 4];
            if (weight <= 0) continue;
            const mi = cell[(i * n + j) * 4 + 1 + k] / weight / 128;
            const mj = cell[(j * n + i) * 4 + 1 + k] / weight / 128;
            const row: [number, number][] = [];
            if (slot[i] >= 0) row.push([slot[i], mi], [slot[i] + 1, 1]);
            if (slot[j] >= 0) row.push([slot[j], -mj], [slot[j] + 1, -1]);
            for (const [a, va] of row) {
              right[a] -= weight * va * (mi - mj);
              for (const [b, vb] of row) matrix[a * size + b] += weight * va * vb;
            }
          }
      // with nothing to be met, what all have in common stays: else noise would be taken for a reason to lose contrast
      if (free.length === n) for (let a = 0; a < size; a++) for (let b = a % 2; b < size; b += 2) matrix[a * size + b] += total;
      const x = solveSymmetric(matrix, right);
      for (const i of free) {
        result[i].gain[k] = Math.min(LIMIT.gain[1], Math.max(LIMIT.gain[0], 1 + x[slot[i]]));
        result[i].offset[k] = Math.min(LIMIT.offset, Math.max(-LIMIT.offset, x[slot[i] + 1] * 128));
      }
    }
    return result;
  }
}

/** Cholesky, for a positive definite matrix [N, N]; changes its arguments. */
function solveSymmetric(a: Float64Array, b: Float64Array): Float64Array {
  const n = b.length;
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < j; k++) a[j * n + j] -= a[j * n + k] ** 2;
    a[j * n + j] = Math.sqrt(a[j * n + j]);
    for (let i = j + 1; i < n; i++) {
      for (let k = 0; k < j; k++) a[i * n + j] -= a[i * n + k] * a[j * n + k];
      a[i * n + j] /= a[j * n + j];
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return b;
}
