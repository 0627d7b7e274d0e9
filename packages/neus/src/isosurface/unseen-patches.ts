import type { Work } from '../work.ts';
import type { VertexGraph } from './vertex-graph.ts';

/** A connected part of the surface that no view sees well. */
export interface UnseenPatch {
  vertices: number[];
  /** Median over its border of the angle by which the surface turns there, in degrees. */
  turn: number;
}

/** Directions of the surface on either side of the border between seen and unseen, taken at a distance from it; 0 away from the border. */
export interface PatchSides {
  /** [P, 3], not normalised */
  seen: Float32Array;
  unseen: Float32Array;
}

/** A vertex that no eye faces by more than this cosine is unseen. */
const UNSEEN_COSINE = 0.1;
/** Rounds of majority votes, which take out specks. */
const VOTES = 4;
/** Smaller patches stay as they are: share of all vertices. */
const LEAST_SHARE = 0.002;
/** The turn is taken between surfaces this far from the border on either side, in shares of the object's size. */
const TURN_FROM = 0.016;
const TURN_TO = 0.03;
/** At least so many edges away. */
const TURN_RINGS = 2;

/**
 * The unseen patches of a surface, and how it lies on either side of their borders.
 * @param best [P] of `facing`
 * @param normals [P, 3]
 * @param size of the object, in the positions' unit
 */
export function* unseenPatches(
  positions: Float32Array,
  normals: Float32Array,
  graph: VertexGraph,
  best: Float32Array,
  size: number,
): Work<{ patches: UnseenPatch[]; sides: PatchSides }> {
  const count = best.length;
  let unseen = Uint8Array.from(best, (cosine) => (cosine < UNSEEN_COSINE ? 1 : 0));
  for (let round = 0; round < VOTES; round++) {
    unseen = majority(unseen, graph);
    yield;
  }
  const { start, neighbour } = graph;
  const border: number[] = [];
  for (let p = 0; p < count; p++) {
    if (unseen[p]) continue;
    for (let k = start[p]; k < start[p + 1]; k++)
      if (unseen[neighbour[k]]) {
        border.push(p);
        break;
      }
  }
  const edge = meanEdge(positions, graph);
  const from = Math.max(TURN_RINGS, Math.round((TURN_FROM * size) / edge));
  const to = Math.max(from + 2, Math.round((TURN_TO * size) / edge));
  const rings = ringsFrom(border, graph, to);
  yield;
  const seenSide = sideNormals(normals, graph, rings, from, to, (p) => unseen[p] === 0);
  yield;
  const unseenSide = sideNormals(normals, graph, rings, from, to, (p) => unseen[p] === 1);
  yield;

  const patchOf = new Int32Array(count).fill(-1);
  const patches: { vertices: number[]; turns: number[] }[] = [];
  for (let p = 0; p < count; p++) {
    if (!unseen[p] || patchOf[p] >= 0) continue;
    const vertices = [p];
    patchOf[p] = patches.length;
    for (let at = 0; at < vertices.length; at++)
      for (let k = start[vertices[at]]; k < start[vertices[at] + 1]; k++) {
        const q = neighbour[k];
        if (!unseen[q] || patchOf[q] >= 0) continue;
        patchOf[q] = patches.length;
        vertices.push(q);
      }
    patches.push({ vertices, turns: [] });
  }
  for (const p of border) {
    const angle = angleBetween(seenSide, unseenSide, p * 3);
    if (angle === undefined) continue;
    const touched = new Set<number>();
    for (let k = start[p]; k < start[p + 1]; k++) if (patchOf[neighbour[k]] >= 0) touched.add(patchOf[neighbour[k]]);
    for (const patch of touched) patches[patch].turns.push(angle);
  }
  const large = patches
    .filter(({ vertices, turns }) => vertices.length >= LEAST_SHARE * count && turns.length > 0)
    .map(({ vertices, turns }) => ({ vertices, turn: turns.sort((a, b) => a - b)[turns.length >> 1] }));
  return { patches: large, sides: { seen: seenSide, unseen: unseenSide } };
}

function majority(flags: Uint8Array, { start, neighbour }: VertexGraph): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(flags, (own, p) => {
    let set = 0;
    for (let k = start[p]; k < start[p + 1]; k++) set += flags[neighbour[k]];
    const excess = 2 * set - (start[p + 1] - start[p]);
    return excess > 1 ? 1 : excess < -1 ? 0 : own;
  });
}

function meanEdge(positions: Float32Array, { start, neighbour }: VertexGraph): number {
  let sum = 0;
  for (let p = 0; p + 1 < start.length; p++)
    for (let k = start[p]; k < start[p + 1]; k++) {
      const q = neighbour[k];
      sum += Math.hypot(
        positions[p * 3] - positions[q * 3],
        positions[p * 3 + 1] - positions[q * 3 + 1],
        positions[p * 3 + 2] - positions[q * 3 + 2],
      );
    }
  return sum / neighbour.length;
}

/** Edges from the nearest of some vertices, at most `most`; 255 beyond. */
function ringsFrom(sources: readonly number[], { start, neighbour }: VertexGraph, most: number): Uint8Array {
  const rings = new Uint8Array(start.length - 1).fill(255);
  let front = [...sources];
  for (const p of front) rings[p] = 0;
  for (let ring = 1; ring <= Math.min(most, 254); ring++) {
    const next: number[] = [];
    for (const p of front)
      for (let k = start[p]; k < start[p + 1]; k++)
        if (rings[neighbour[k]] === 255) {
          rings[neighbour[k]] = ring;
          next.push(neighbour[k]);
        }
    front = next;
  }
  return rings;
}

/** Normals of one side's rings `from` to `to`, spread back to the border by averaging. [P, 3], not normalised */
function sideNormals(
  normals: Float32Array,
  { start, neighbour }: VertexGraph,
  rings: Uint8Array,
  from: number,
  to: number,
  inside: (p: number) => boolean,
): Float32Array {
  const near: number[] = [];
  let values = new Float32Array(normals.length);
  for (let p = 0; p < rings.length; p++) {
    if (rings[p] > to) continue;
    near.push(p);
    if (rings[p] >= from && inside(p)) values.set(normals.subarray(p * 3, p * 3 + 3), p * 3);
  }
  for (let round = 0; round < to + 4; round++) {
    const next = new Float32Array(normals.length);
    for (const p of near) {
      const share = 1 / (start[p + 1] - start[p] + 1);
      for (let c = 0; c < 3; c++) {
        let sum = values[p * 3 + c];
        for (let k = start[p]; k < start[p + 1]; k++) sum += values[neighbour[k] * 3 + c];
        next[p * 3 + c] = sum * share;
      }
    }
    values = next;
  }
  return values;
}

/** In degrees; undefined where one of them vanishes. */
function angleBetween(a: Float32Array, b: Float32Array, at: number): number | undefined {
  const length = Math.hypot(a[at], a[at + 1], a[at + 2]) * Math.hypot(b[at], b[at + 1], b[at + 2]);
  if (!(length > 0)) return undefined;
  const cosine = (a[at] * b[at] + a[at + 1] * b[at + 1] + a[at + 2] * b[at + 2]) / length;
  return (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
}
