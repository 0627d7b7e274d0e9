import { meanDistance } from './metrics/chamfer.ts';
import { NearestPoint } from './metrics/nearest.ts';
import { IDENTITY, type Similarity } from './metrics/occupancy.ts';
import type { Points } from './metrics/points.ts';

/** Turns about the vertical that the search starts from. */
const STARTS = 8;
/** Points of each set that the search and the last rounds use. */
const COARSE = { points: 300, rounds: 12 };
const FINE = { points: 1500, rounds: 12 };
const SCALED_ROUNDS = 20;

/**
 * The rotation and translation that bring `source` onto `target` best (least Chamfer distance among what was tried): iterated closest points in both
 * directions (Besl and McKay 1992) from eight turns about the vertical, as it stands and with centroids joined. Deterministic.
 */
export function alignRigid(source: Points, target: Points): Similarity {
  const search = new Search(source, target, COARSE.points);
  const centroids = { source: centroid(source), target: centroid(target) };
  let best = IDENTITY;
  let least = search.chamfer(IDENTITY);
  const starts = [IDENTITY, ...Array.from({ length: STARTS }, (_, i) => turned((2 * Math.PI * i) / STARTS, centroids))];
  for (const start of starts) {
    const found = search.refine(start, COARSE.rounds, false);
    const distance = search.chamfer(found);
    if (distance < least) {
      least = distance;
      best = found;
    }
  }
  return new Search(source, target, FINE.points).refine(best, FINE.rounds, false);
}

/** The same with uniform scale, from a rigid alignment. */
export function alignScaled(source: Points, target: Points, rigid: Similarity): Similarity {
  return new Search(source, target, FINE.points).refine(rigid, SCALED_ROUNDS, true);
}

/** Points after a similarity. */
export function transformPoints(points: ArrayLike<number>, { scale, rotation: m, translation: t }: Similarity): Float64Array {
  const out = new Float64Array(points.length);
  for (let i = 0; i < points.length; i += 3)
    for (let r = 0; r < 3; r++)
      out[i + r] = scale * (m[r * 3] * points[i] + m[r * 3 + 1] * points[i + 1] + m[r * 3 + 2] * points[i + 2]) + t[r];
  return out;
}

/** Degrees that a rotation turns by. */
export function rotationAngleDeg({ rotation: m }: Similarity): number {
  return (Math.acos(Math.min(1, Math.max(-1, (m[0] + m[4] + m[8] - 1) / 2))) * 180) / Math.PI;
}

class Search {
  readonly #source: Points;
  readonly #target: Points;
  readonly #sourceTree: NearestPoint;
  readonly #targetTree: NearestPoint;

  constructor(source: Points, target: Points, count: number) {
    this.#source = everyNth(source, count);
    this.#target = everyNth(target, count);
    this.#sourceTree = new NearestPoint(this.#source);
    this.#targetTree = new NearestPoint(this.#target);
  }

  chamfer(similarity: Similarity): number {
    const moved = transformPoints(this.#source, similarity);
    return (meanDistance(moved, this.#targetTree) + meanDistance(this.#target, new NearestPoint(moved))) / 2;
  }

  refine(start: Similarity, rounds: number, scaled: boolean): Similarity {
    let found = start;
    for (let round = 0; round < rounds; round++) {
      const moved = transformPoints(this.#source, found);
      const from: number[] = [];
      const to: number[] = [];
      for (let i = 0; i < moved.length; i += 3) {
        const at = this.#targetTree.find(moved[i], moved[i + 1], moved[i + 2]) * 3;
        for (let r = 0; r < 3; r++) {
          from.push(this.#source[i + r]);
          to.push(this.#target[at + r]);
        }
      }
      const back = transformPoints(this.#target, inverse(found));
      for (let i = 0; i < back.length; i += 3) {
        const at = this.#sourceTree.find(back[i], back[i + 1], back[i + 2]) * 3;
        for (let r = 0; r < 3; r++) {
          from.push(this.#source[at + r]);
          to.push(this.#target[i + r]);
        }
      }
      found = fitSimilarity(from, to, scaled);
    }
    return found;
  }
}

/**
 * Least squares between paired points by unit quaternions. Source: Horn 1987; the scale is his symmetric one, the ratio of the spreads.
 * @param from, to [N, 3]
 */
export function fitSimilarity(from: ArrayLike<number>, to: ArrayLike<number>, scaled: boolean): Similarity {
  const a = centroid(from);
  const b = centroid(to);
  const s = new Float64Array(9);
  let spreadFrom = 0;
  let spreadTo = 0;
  for (let i = 0; i < from.length; i += 3)
    for (let r = 0; r < 3; r++) {
      for (let c = 0; c < 3; c++) s[r * 3 + c] += (from[i + r] - a[r]) * (to[i + c] - b[c]);
      spreadFrom += (from[i + r] - a[r]) ** 2;
      spreadTo += (to[i + r] - b[r]) ** 2;
    }
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = s;
  const [w, x, y, z] = largestEigenvector([
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ]);
  const rotation = [
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  ];
  const scale = scaled && spreadFrom > 0 && spreadTo > 0 ? Math.sqrt(spreadTo / spreadFrom) : 1;
  return { scale, rotation, translation: offset(rotation, scale, a, b) };
}

/** Unit eigenvector of the largest eigenvalue of a symmetric matrix, by Jacobi rotations. */
function largestEigenvector(matrix: number[][]): number[] {
  const n = matrix.length;
  const m = matrix.map((row) => [...row]);
  const vectors = m.map((row, r) => row.map((_, c): number => (r === c ? 1 : 0)));
  for (let sweep = 0; sweep < 30; sweep++)
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(m[p][q]) < 1e-300) continue;
        const angle = 0.5 * Math.atan2(2 * m[p][q], m[q][q] - m[p][p]);
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let k = 0; k < n; k++) [m[k][p], m[k][q]] = [c * m[k][p] - s * m[k][q], s * m[k][p] + c * m[k][q]];
        for (let k = 0; k < n; k++) [m[p][k], m[q][k]] = [c * m[p][k] - s * m[q][k], s * m[p][k] + c * m[q][k]];
        for (let k = 0; k < n; k++)
          [vectors[k][p], vectors[k][q]] = [c * vectors[k][p] - s * vectors[k][q], s * vectors[k][p] + c * vectors[k][q]];
      }
  const values = m.map((row, r) => row[r]);
  const at = values.indexOf(Math.max(...values));
  return vectors.map((row) => row[at]);
}

function turned(angle: number, centroids: { source: number[]; target: number[] }): Similarity {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const rotation = [c, 0, s, 0, 1, 0, -s, 0, c];
  return { scale: 1, rotation, translation: offset(rotation, 1, centroids.source, centroids.target) };
}

function inverse({ scale, rotation: m, translation: t }: Similarity): Similarity {
  const rotation = [m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]];
  return { scale: 1 / scale, rotation, translation: offset(rotation, 1 / scale, t, [0, 0, 0]) };
}

/** The translation that brings point `from` to `to` after scale and rotation. */
function offset(m: readonly number[], scale: number, from: readonly number[], to: readonly number[]): [number, number, number] {
  const at = (r: number) => to[r] - scale * (m[r * 3] * from[0] + m[r * 3 + 1] * from[1] + m[r * 3 + 2] * from[2]);
  return [at(0), at(1), at(2)];
}

function centroid(points: ArrayLike<number>): number[] {
  const sum = [0, 0, 0];
  for (let i = 0; i < points.length; i++) sum[i % 3] += points[i];
  return sum.map((value) => value / (points.length / 3));
}

/** About `count` points, evenly through the list. */
function everyNth(points: Points, count: number): Points {
  const total = points.length / 3;
  if (total <= count) return points;
  return Float64Array.from({ length: count * 3 }, (_, i) => points[Math.floor((Math.floor(i / 3) * total) / count) * 3 + (i % 3)]);
}
