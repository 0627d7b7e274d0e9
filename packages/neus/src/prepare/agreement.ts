import { pixelRay } from '@gestalt3d/core';
import { cubeInterval } from '../rays.ts';
import type { Work } from '../work.ts';
import { type Silhouette, verdict } from './hull.ts';

/** Cells along the edge of the grid that the views are compared on. */
const EDGE = 48;
/** The grid reaches this far beyond the bounds, which a wrong view may have made too small. */
const GROWTH = 1.3;
/** Rays looked at in a view. */
const RAYS = 256;

/** Up to this share views agree: thin parts get lost between the cells. */
export const AGREEING = 0.004;

/** How well silhouettes agree: shares of their pixels that no part of space explains which all others leave. */
export interface Agreement {
  /** Mean over the views. */
  unexplained: number;
  /** For each view, the mean over the others once it is left out; empty where all agree anyway. */
  without: number[];
}

/**
 * Compares silhouettes with the visual hull of all of them, and of all but one. A view with a wrong camera denies what the others
 * see, so that their pixels show nothing; without it they are explained again.
 * @param min corner of the object's cube, world
 * @param minSeen views that must see the object in a cell
 */
export function* measureAgreement(
  views: readonly Silhouette[],
  min: readonly number[],
  edgeWorld: number,
  minSeen: number,
): Work<Agreement> {
  const size = edgeWorld * GROWTH;
  const corner = min.map((value) => value - (size - edgeWorld) / 2);
  const cell = size / EDGE;
  const cells = EDGE ** 3;
  // per cell: how many views see the object in it, how many deny it, and which
  const seen = new Uint16Array(cells);
  const denials = new Uint16Array(cells);
  const denied: Uint8Array[] = [];
  const radius = (Math.sqrt(3) / 2) * cell;
  for (const view of views) {
    const mine = new Uint8Array(cells);
    for (let k = 0, at = 0; k < EDGE; k++) {
      for (let j = 0; j < EDGE; j++)
        for (let i = 0; i < EDGE; i++, at++) {
          const answer = verdict(view, corner[0] + (i + 0.5) * cell, corner[1] + (j + 0.5) * cell, corner[2] + (k + 0.5) * cell, radius);
          if (answer === 1) seen[at]++;
          else if (answer === 0) {
            denials[at]++;
            mine[at] = 1;
          }
        }
      yield;
    }
    denied.push(mine);
  }
  const rays: Int32Array[][] = [];
  for (const view of views) {
    rays.push(cellsOfRays(view, corner, cell));
    yield;
  }
  const nothing = new Uint8Array(cells);
  const unexplainedBy = (v: number, skipped: Uint8Array): number => {
    let count = 0;
    for (const ray of rays[v]) if (!ray.some((at) => denials[at] === skipped[at] && seen[at] >= minSeen)) count++;
    return count / Math.max(1, rays[v].length);
  };
  let unexplained = 0;
  for (let v = 0; v < views.length; v++) unexplained += unexplainedBy(v, nothing) / views.length;
  if (unexplained <= AGREEING) return { unexplained, without: [] };
  const without: number[] = [];
  for (let w = 0; w < views.length; w++) {
    let sum = 0;
    for (let v = 0; v < views.length; v++) {
      if (v !== w) sum += unexplainedBy(v, denied[w]);
      yield;
    }
    without.push(sum / (views.length - 1));
  }
  return { unexplained, without };
}

/** The cells that rays through some of a silhouette's pixels cross. */
function cellsOfRays(view: Silhouette, corner: readonly number[], cell: number): Int32Array[] {
  const { box, camera, sums } = view;
  if (!box) return [];
  const stride = camera.width + 1;
  const opaque: [number, number][] = [];
  for (let y = box.y0; y < box.y1; y++)
    for (let x = box.x0; x < box.x1; x++) {
      const at = y * stride + x;
      if (sums[at + stride + 1] - sums[at + stride] - sums[at + 1] + sums[at] > 0) opaque.push([x, y]);
    }
  const out: Int32Array[] = [];
  const step = Math.max(1, opaque.length / RAYS);
  for (let i = 0; i < opaque.length; i += step) {
    const [x, y] = opaque[Math.floor(i)];
    out.push(cellsOfRay(pixelRay(camera, x + 0.5, y + 0.5), corner, cell));
  }
  return out;
}

function cellsOfRay(ray: readonly number[], corner: readonly number[], cell: number): Int32Array {
  const origin = corner.map((value, c) => (ray[c] - value) / cell / EDGE);
  const direction = ray.slice(3);
  const [near, far] = cubeInterval(origin, direction);
  const found: number[] = [];
  for (let t = near + 0.25 / EDGE; t < far; t += 0.5 / EDGE) {
    const [i, j, k] = origin.map((value, c) => Math.min(EDGE - 1, Math.max(0, Math.floor((value + t * direction[c]) * EDGE))));
    const at = i + EDGE * (j + EDGE * k);
    if (found.at(-1) !== at) found.push(at);
  }
  return Int32Array.from(found);
}
