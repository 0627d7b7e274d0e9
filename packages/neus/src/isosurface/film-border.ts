import type { PatchSides } from './unseen-patches.ts';
import type { VertexGraph } from './vertex-graph.ts';

/** Where the unseen surface leaves the seen one upwards, by more than the angle of this sine, it rests on it. */
const RESTS = 0.1;
/** Rounds in which a border vertex takes the mean with its neighbours on the border. */
const SMOOTHING = 6;

/** What holds a film. */
export interface FilmBorder {
  /** [P, 3] as the film finds them: vertices that hold it are moved onto its outline. */
  positions: Float32Array;
  /** Vertices that hold it in their place. */
  held: number[];
  /** Vertices that may slide along the seen surface, */
  sliding: number[];
  /** whose normals are these, [sliding.length, 3]. */
  slopes: Float32Array;
}

/**
 * The outline of a film: where the surface falls off from what is seen (a lower edge) the film hangs on the line along which eyes face it by the cosine
 * `cosine`, between the vertices. Where it rests on what is seen (the hull's wedge against the wall below a ceiling) nothing says that it ends there: it may
 * slide along.
 * @param positions [P, 3]
 * @param free the film's vertices
 * @param best [P] of `facing`
 */
export function filmBorder(
  positions: Float32Array,
  { start, neighbour }: VertexGraph,
  free: readonly number[],
  best: Float32Array,
  cosine: number,
  { seen, unseen }: PatchSides,
): FilmBorder {
  const inside = new Uint8Array(best.length);
  for (const p of free) inside[p] = 1;
  const border = new Set<number>();
  for (const p of free) for (let k = start[p]; k < start[p + 1]; k++) if (!inside[neighbour[k]]) border.add(neighbour[k]);

  // by the surface's course a few edges away, and by that of the border's next vertices: single edges lie in any direction
  let rising = new Map<number, number>();
  for (const b of border) rising.set(b, riseAt(positions, start, neighbour, inside, b, seen, unseen));
  for (let round = 0; round < SMOOTHING; round++) {
    const next = new Map<number, number>();
    for (const [b, own] of rising) {
      let sum = own;
      let count = 1;
      for (let k = start[b]; k < start[b + 1]; k++) {
        const value = rising.get(neighbour[k]);
        if (value === undefined) continue;
        sum += value;
        count++;
      }
      next.set(b, sum / count);
    }
    rising = next;
  }

  const out: FilmBorder = { positions: positions.slice(), held: [], sliding: [], slopes: new Float32Array(0) };
  const slopes: number[] = [];
  for (const [b, rise] of rising) {
    const slope = unit(seen, b * 3);
    if (slope && rise > RESTS) {
      out.sliding.push(b);
      slopes.push(...slope);
      continue;
    }
    out.held.push(b);
    let count = 0;
    for (let k = start[b]; k < start[b + 1]; k++) if (inside[neighbour[k]]) count++;
    for (let k = start[b]; k < start[b + 1]; k++) {
      const q = neighbour[k];
      if (!inside[q] || best[b] <= cosine || best[b] <= best[q]) continue;
      const part = Math.min(1, (best[b] - cosine) / (best[b] - best[q])) / count;
      for (let c = 0; c < 3; c++) out.positions[b * 3 + c] += part * (positions[q * 3 + c] - positions[b * 3 + c]);
    }
  }
  out.slopes = Float32Array.from(slopes);
  return out;
}

/** Sine of the angle by which the unseen surface rises from the seen one at a vertex of the border; negative where it falls off, 0 where nothing is known. */
function riseAt(
  positions: Float32Array,
  start: Uint32Array,
  neighbour: Uint32Array,
  inside: Uint8Array,
  b: number,
  seen: Float32Array,
  unseen: Float32Array,
): number {
  const slope = unit(seen, b * 3);
  const beyond = unit(unseen, b * 3);
  if (!slope || !beyond) return 0;
  const away = [0, 0, 0];
  for (let k = start[b]; k < start[b + 1]; k++)
    if (inside[neighbour[k]]) for (let c = 0; c < 3; c++) away[c] += positions[neighbour[k] * 3 + c] - positions[b * 3 + c];
  const off = dot(away, slope);
  const along = away.map((value, c) => value - off * slope[c]);
  return -dot(along, beyond) / Math.max(Math.hypot(...along), 1e-12);
}

function unit(vectors: Float32Array, at: number): number[] | undefined {
  const v = [vectors[at], vectors[at + 1], vectors[at + 2]];
  const length = Math.hypot(...v);
  return length > 0 ? v.map((value) => value / length) : undefined;
}

const dot = (a: readonly number[], b: readonly number[]) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
