import type { Points } from './points.ts';

/** Points below this in a leaf are looked at one by one. */
const LEAF = 12;

/** Answers which of a set of points is nearest: a k-d tree, halved at the median along the axis of largest extent. */
export class NearestPoint {
  readonly #points: Points;
  readonly #order: Uint32Array;
  /** Axis a node is cut at, heap order; 3 at leaves. */
  readonly #axis: Uint8Array;
  readonly #cut: Float64Array;
  /** Of the last answer. */
  distance = Infinity;

  constructor(points: Points) {
    this.#points = points;
    const count = points.length / 3;
    this.#order = Uint32Array.from({ length: count }, (_, i) => i);
    let nodes = 1;
    while (nodes * LEAF < count * 2) nodes *= 2;
    this.#axis = new Uint8Array(nodes * 4).fill(3);
    this.#cut = new Float64Array(nodes * 4);
    this.#build(1, 0, count);
  }

  /** Index of the nearest point, -1 of none; `distance` is then its distance. */
  find(x: number, y: number, z: number): number {
    this.#q[0] = x;
    this.#q[1] = y;
    this.#q[2] = z;
    // queries mostly follow one another closely: the last answer bounds this one
    const p = this.#best * 3;
    const points = this.#points;
    this.#least = p < 0 ? Infinity : (points[p] - x) ** 2 + (points[p + 1] - y) ** 2 + (points[p + 2] - z) ** 2;
    this.#search(1, 0, this.#order.length);
    this.distance = Math.sqrt(this.#least);
    return this.#best;
  }

  #best = -1;
  #least = Infinity;
  readonly #q = new Float64Array(3);

  #build(node: number, from: number, to: number): void {
    if (to - from <= LEAF || node * 2 + 1 >= this.#axis.length) return;
    const points = this.#points;
    const low = [Infinity, Infinity, Infinity];
    const high = [-Infinity, -Infinity, -Infinity];
    for (let k = from; k < to; k++)
      for (let r = 0; r < 3; r++) {
        const value = points[this.#order[k] * 3 + r];
        if (value < low[r]) low[r] = value;
        if (value > high[r]) high[r] = value;
      }
    const extent = [0, 1, 2].map((r) => high[r] - low[r]);
    const axis = extent.indexOf(Math.max(...extent));
    const middle = (from + to) >> 1;
    this.#select(from, to - 1, middle, axis);
    this.#axis[node] = axis;
    this.#cut[node] = points[this.#order[middle] * 3 + axis];
    this.#build(node * 2, from, middle);
    this.#build(node * 2 + 1, middle, to);
  }

  /** Reorders from..to so that what stands at `middle` is what would stand there were it sorted along the axis. Source: Hoare 1961, Find. */
  #select(from: number, to: number, middle: number, axis: number): void {
    const order = this.#order;
    const points = this.#points;
    let [low, high] = [from, to];
    while (low < high) {
      const pivot = points[order[middle] * 3 + axis];
      let i = low;
      let j = high;
      while (i <= j) {
        while (points[order[i] * 3 + axis] < pivot) i++;
        while (points[order[j] * 3 + axis] > pivot) j--;
        if (i > j) break;
        [order[i], order[j]] = [order[j], order[i]];
        i++;
        j--;
      }
      if (j < middle) low = i;
      if (middle < i) high = j;
    }
  }

  #search(node: number, from: number, to: number): void {
    const axis = this.#axis[node];
    const q = this.#q;
    if (axis === 3) {
      const points = this.#points;
      for (let k = from; k < to; k++) {
        const p = this.#order[k] * 3;
        const d = (points[p] - q[0]) ** 2 + (points[p + 1] - q[1]) ** 2 + (points[p + 2] - q[2]) ** 2;
        if (d < this.#least) {
          this.#least = d;
          this.#best = this.#order[k];
        }
      }
      return;
    }
    const middle = (from + to) >> 1;
    const offset = q[axis] - this.#cut[node];
    if (offset < 0) {
      this.#search(node * 2, from, middle);
      if (offset * offset < this.#least) this.#search(node * 2 + 1, middle, to);
    } else {
      this.#search(node * 2 + 1, middle, to);
      if (offset * offset <= this.#least) this.#search(node * 2, from, middle);
    }
  }
}
