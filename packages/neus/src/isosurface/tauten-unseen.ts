import type { Work } from '../work.ts';
import { boundingBall } from './eye-camera.ts';
import { facing } from './facing.ts';
import { filmBorder } from './film-border.ts';
import { harmonicFilm } from './harmonic-film.ts';
import { unseenPatches } from './unseen-patches.ts';
import { type VertexGraph, vertexGraph } from './vertex-graph.ts';
import { vertexNormals } from './vertex-normals.ts';

/** Turns at a patch's border, in degrees: below the first the surface goes on as it came, above the second it has an edge there. */
const SMOOTH_TURN = 26;
const SHARP_TURN = 34;
/** A film starts where the surface is faced by less than this cosine: nearer to an edge its outer side is rounded already. */
const FILM_COSINE = 0.3;
/** Edges from the unseen patch to where the film starts at most: what lies further is a slope and not the rounding of an edge. */
const FILM_RINGS = 3;
/** A triangle smaller than this share of what it was has collapsed; a patch with more than this share of such ones is left as it is. */
const COLLAPSED = 0.02;
const MOST_COLLAPSED = 0.02;

/**
 * Stretches the parts of a surface that no view sees like a film over what is seen around them. There the fitted field is what the outlines leave room for, a
 * cone below everything that stands: flat undersides, ceilings and backs are far likelier. A part into which the seen surface runs without an edge (a ball's
 * underside) keeps its shape, for there the outlines continue it well.
 * @param positions [P, 3] of a closed, consistently wound mesh whose vertices are all used; changed in place
 * @param indices [T, 3]
 * @param eyes [E, 3] where views were taken from, in the frame of the positions
 * @returns vertices that were moved
 */
export function* tautenUnseen(positions: Float32Array, indices: Uint32Array, eyes: Float32Array): Work<number[]> {
  const graph = vertexGraph(positions, indices);
  yield;
  const normals = vertexNormals(positions, indices);
  const best = yield* facing(positions, indices, normals, graph, eyes);
  const { radius } = boundingBall(positions);
  const { patches, sides } = yield* unseenPatches(positions, normals, graph, best, 2 * radius);
  const moved: number[] = [];
  for (const { vertices, turn } of patches) {
    const share = Math.min(1, Math.max(0, (turn - SMOOTH_TURN) / (SHARP_TURN - SMOOTH_TURN)));
    if (share === 0) continue;
    const free = grow(vertices, graph, best);
    const border = filmBorder(positions, graph, free, best, FILM_COSINE, sides);
    // a patch without a border hangs on nothing
    if (border.held.length === 0) continue;
    const film = yield* harmonicFilm(border.positions, graph, free, border);
    const target = border.positions;
    const changed = [...free, ...border.sliding, ...border.held];
    for (const [i, p] of changed.entries())
      for (let c = 0; c < 3; c++) {
        const to = i * 3 < film.length ? film[i * 3 + c] : target[p * 3 + c];
        target[p * 3 + c] = positions[p * 3 + c] + share * (to - positions[p * 3 + c]);
      }
    if (rises(positions, target, normals, free) || collapsedShare(positions, target, indices, free) > MOST_COLLAPSED) continue;
    positions.set(target);
    for (const p of changed) moved.push(p);
    yield;
  }
  return moved;
}

/** The patch and what lies next to it and is hardly seen either. */
function grow(vertices: readonly number[], { start, neighbour }: VertexGraph, best: Float32Array): number[] {
  const inside = new Uint8Array(best.length);
  const grown = [...vertices];
  for (const p of vertices) inside[p] = 1;
  for (let ring = 0, at = 0; ring < FILM_RINGS; ring++)
    for (const end = grown.length; at < end; at++)
      for (let k = start[grown[at]]; k < start[grown[at] + 1]; k++) {
        const q = neighbour[k];
        if (inside[q] || best[q] >= FILM_COSINE) continue;
        inside[q] = 1;
        grown.push(q);
      }
  return grown;
}

/** Whether the film lies outside of the surface in the mean: it would span a hollow, of which the outlines know better. */
function rises(before: Float32Array, after: Float32Array, normals: Float32Array, free: readonly number[]): boolean {
  let sum = 0;
  for (const p of free) for (let c = p * 3; c < p * 3 + 3; c++) sum += (after[c] - before[c]) * normals[c];
  return sum > 0;
}

/** Share of the patch's triangles that have next to no area left: a film over a waist pinches it off. */
function collapsedShare(before: Float32Array, after: Float32Array, indices: Uint32Array, free: readonly number[]): number {
  const inside = new Uint8Array(before.length / 3);
  for (const p of free) inside[p] = 1;
  let all = 0;
  let collapsed = 0;
  for (let t = 0; t < indices.length; t += 3) {
    if (!inside[indices[t]] || !inside[indices[t + 1]] || !inside[indices[t + 2]]) continue;
    const area = doubleArea(before, indices, t);
    all += area;
    if (doubleArea(after, indices, t) < COLLAPSED * area) collapsed += area;
  }
  return all > 0 ? collapsed / all : 0;
}

function doubleArea(p: Float32Array, indices: Uint32Array, t: number): number {
  const [a, b, c] = [indices[t] * 3, indices[t + 1] * 3, indices[t + 2] * 3];
  const u = [p[b] - p[a], p[b + 1] - p[a + 1], p[b + 2] - p[a + 2]];
  const v = [p[c] - p[a], p[c + 1] - p[a + 1], p[c + 2] - p[a + 2]];
  return Math.hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]);
}
