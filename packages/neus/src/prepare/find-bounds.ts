import { type Bounds, NoSurfaceError, pixelRay } from '@gestalt3d/core';
import type { Work } from '../work.ts';
import { type HullRule, hullBounds, type Silhouette, visualHull } from './hull.ts';

/** Cells along the edge of the search grid. */
const SEARCH_EDGE = 32;

/**
 * Cube around the object, from cameras and outlines: the point nearest to the rays through the silhouettes' centres, then the visual hull
 * on a shrinking grid. The rule gets laxer until a hull is left: fewer views that must see a cell, then more that may deny it, up to half of them.
 * @throws NoSurfaceError where no place is seen by enough views
 */
export function* findBounds(silhouettes: readonly Silhouette[]): Work<{ bounds: Bounds; rule: HullRule }> {
  // least squares: sum over rays of (I - d d^T) p = sum of (I - d d^T) o; a weak pull to the world's origin settles parallel rays
  const a = new Float64Array(9);
  const b = new Float64Array(3);
  const cones: { ray: readonly number[]; spread: number }[] = [];
  for (const { box, camera } of silhouettes) {
    if (!box) continue;
    const ray = pixelRay(camera, (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2);
    for (let r = 0; r < 3; r++)
      for (let c = 0; c < 3; c++) {
        const value = (r === c ? 1 : 0) - ray[3 + r] * ray[3 + c];
        a[r * 3 + c] += value;
        b[r] += value * ray[c];
      }
    const spread = Math.max((box.x1 - box.x0) / camera.flX, (box.y1 - box.y0) / camera.flY) / 2;
    cones.push({ ray, spread });
  }
  if (cones.length === 0) throw new NoSurfaceError('no view has an opaque pixel');
  for (let r = 0; r < 3; r++) a[r * 3 + r] += 1e-3 * cones.length;
  const centre = solve3(a, b);
  const radii = cones.map(({ ray, spread }) => spread * Math.hypot(...centre.map((value, c) => value - ray[c]))).sort((p, q) => p - q);
  const count = silhouettes.length;
  // one outline alone says nothing about depth: where there are two views, two must see the object
  const leastSeen = Math.min(2, count);
  const mostDenials = Math.floor(count / 2);
  let rule: HullRule = { minSeen: Math.max(leastSeen, Math.ceil(count / 2)), tolerance: count >= 8 ? Math.floor(count / 12) : 0 };
  let edge = 3 * radii[radii.length - 1];
  let min = centre.map((value) => value - edge / 2);
  for (let round = 0; round < 4; ) {
    const hull = yield* visualHull(silhouettes, min, edge, SEARCH_EDGE, rule);
    const { bounds, count: cells } = hullBounds(hull, min, edge, SEARCH_EDGE);
    if (cells === 0) {
      if (rule.minSeen > leastSeen) rule = { ...rule, minSeen: Math.max(leastSeen, Math.floor(rule.minSeen / 2)) };
      else if (rule.tolerance < mostDenials) rule = { ...rule, tolerance: rule.tolerance + 1 };
      else throw new NoSurfaceError(whyNothingMeets(cones, centre));
      continue;
    }
    const size = Math.max(...bounds.max.map((value, c) => value - bounds.min[c]));
    // the search grid is coarse and conservative: shrinking goes at most to what it resolves
    const next = size * (round === 3 ? 1.04 : 1.02);
    min = bounds.min.map((value, c) => (value + bounds.max[c]) / 2 - next / 2);
    edge = next;
    round++;
  }
  return { bounds: { min: min as [number, number, number], max: min.map((value) => value + edge) as [number, number, number] }, rule };
}

/** The likeliest reason: poses of another convention look away from what they show. */
function whyNothingMeets(cones: readonly { ray: readonly number[] }[], centre: readonly number[]): string {
  const behind = cones.filter(({ ray }) => [0, 1, 2].reduce((sum, c) => sum + (centre[c] - ray[c]) * ray[3 + c], 0) < 0);
  if (behind.length > cones.length / 2)
    return `${behind.length} of ${cones.length} cameras look away from where their lines of sight meet; a pose must look along -Z, with +Y up`;
  return 'the silhouettes do not meet in space: the views show different places, or their cameras are wrong';
}

/** Cramer's rule on a symmetric 3 x 3 system. */
function solve3(a: Float64Array, b: Float64Array): number[] {
  const det = (m: number[]) => m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
  const whole = det([...a]);
  return [0, 1, 2].map((column) => det([...a].map((value, i) => (i % 3 === column ? b[Math.floor(i / 3)] : value))) / whole);
}
