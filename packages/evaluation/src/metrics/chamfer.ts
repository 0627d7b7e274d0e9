import { NearestPoint } from './nearest.ts';
import type { Points } from './points.ts';

/**
 * Chamfer distance (mean(A -> B) + mean(B -> A)) / 2 of unsquared Euclidean nearest-neighbour distances, in the points' unit.
 * Source: SyncDreamer, eval_mesh.py (reference, 12.2). Infinite when only one set is empty.
 * @param nearestOfB of b, where it is at hand
 */
export function chamferDistance(a: Points, b: Points, nearestOfB?: NearestPoint): number {
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 0 : Infinity;
  return (meanDistance(a, nearestOfB ?? new NearestPoint(b)) + meanDistance(b, new NearestPoint(a))) / 2;
}

export function meanDistance(from: Points, to: NearestPoint): number {
  let sum = 0;
  for (let i = 0; i < from.length; i += 3) {
    to.find(from[i], from[i + 1], from[i + 2]);
    sum += to.distance;
  }
  return sum / (from.length / 3);
}
