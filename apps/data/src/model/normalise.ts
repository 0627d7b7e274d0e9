import { type Bounds, meshBounds } from '@gestalt3d/core';
import type { Batch } from './batch.ts';

/** Share of the surface at either end of an axis that does not count as the object's extent. */
const TAIL = 0.002;
/** The whole box may be this much longer than the box of the rest before triangles are called stray. */
const STRAY_RATIO = 1.6;
/** Room around the box of the rest in which triangles stay, in its longest sides. */
const PADDING = 0.25;

export interface Normalised {
  /** Longest side of the box 1, its centre at the origin. Empty where nothing with an area is left. */
  batches: Batch[];
  /** Triangles dropped because they lie far outside the rest. */
  stray: number;
}

/**
 * Drops stray triangles and those that are not finite, then centres and scales. The input stays as it is.
 * Stray vertices are what makes furniture libraries unusable as they are: one forgotten triangle shrinks its object to a dot.
 */
export function normalise(input: readonly Batch[]): Normalised {
  const finite = input.map((batch) => keepTriangles(batch, (t) => batch.position.subarray(t * 9, t * 9 + 9).every(Number.isFinite)));
  const core = coreBounds(finite);
  if (!core) return { batches: [], stray: 0 };
  const span = longest(core) || 1;
  let batches = finite;
  let stray = 0;
  if (longest(totalBounds(finite)) > STRAY_RATIO * span) {
    const inside = (value: number, axis: number) => value >= core.min[axis]! - PADDING * span && value <= core.max[axis]! + PADDING * span;
    batches = finite.map((batch) =>
      keepTriangles(batch, (t) => {
        for (let i = 0; i < 9; i++) if (!inside(batch.position[t * 9 + i]!, i % 3)) return false;
        return true;
      }),
    );
    stray = triangleCount(finite) - triangleCount(batches);
  }
  batches = batches.filter((batch) => batch.position.length > 0);
  const bounds = totalBounds(batches);
  const size = longest(bounds);
  if (!(size > 0) || !Number.isFinite(size)) return { batches: [], stray };
  for (const batch of batches)
    batch.position = batch.position.map((value, i) => (value - (bounds.min[i % 3]! + bounds.max[i % 3]!) / 2) / size);
  return { batches, stray };
}

export function triangleCount(batches: readonly Batch[]): number {
  return batches.reduce((sum, batch) => sum + batch.position.length / 9, 0);
}

/**
 * Box of all but the outermost 2 x TAIL of the surface; undefined where there is no surface. A third of a triangle's area counts at each
 * of its corners: centres would call both ends of a long beam stray.
 */
function coreBounds(batches: readonly Batch[]): Bounds | undefined {
  const count = triangleCount(batches) * 3;
  const weights = new Float64Array(count);
  const coordinates = [new Float64Array(count), new Float64Array(count), new Float64Array(count)];
  let n = 0;
  let total = 0;
  for (const { position: p } of batches)
    for (let i = 0; i < p.length; i += 9) {
      const [ex, ey, ez] = [p[i + 3]! - p[i]!, p[i + 4]! - p[i + 1]!, p[i + 5]! - p[i + 2]!];
      const [fx, fy, fz] = [p[i + 6]! - p[i]!, p[i + 7]! - p[i + 1]!, p[i + 8]! - p[i + 2]!];
      const area = Math.hypot(ey * fz - ez * fy, ez * fx - ex * fz, ex * fy - ey * fx);
      for (let corner = 0; corner < 3; corner++, n++) {
        weights[n] = area;
        total += area;
        for (let axis = 0; axis < 3; axis++) coordinates[axis]![n] = p[i + corner * 3 + axis]!;
      }
    }
  if (!(total > 0)) return undefined;
  const bounds: Bounds = { min: [0, 0, 0], max: [0, 0, 0] };
  for (let axis = 0; axis < 3; axis++) {
    const values = coordinates[axis]!;
    const order = Uint32Array.from(weights.keys()).sort((a, b) => values[a]! - values[b]!);
    let sum = 0;
    let low: number | undefined;
    let high = values[order.at(-1)!]!;
    for (const v of order) {
      sum += weights[v]!;
      if (low === undefined && sum >= total * TAIL) low = values[v]!;
      if (sum >= total * (1 - TAIL)) {
        high = values[v]!;
        break;
      }
    }
    bounds.min[axis] = low ?? high;
    bounds.max[axis] = high;
  }
  return bounds;
}

function totalBounds(batches: readonly Batch[]): Bounds {
  const bounds: Bounds = { min: [Infinity, Infinity, Infinity], max: [-Infinity, -Infinity, -Infinity] };
  for (const { position } of batches) {
    const own = meshBounds(position);
    for (let axis = 0; axis < 3; axis++) {
      bounds.min[axis] = Math.min(bounds.min[axis]!, own.min[axis]!);
      bounds.max[axis] = Math.max(bounds.max[axis]!, own.max[axis]!);
    }
  }
  return bounds;
}

function longest({ min, max }: Bounds): number {
  return Math.max(max[0] - min[0], max[1] - min[1], max[2] - min[2]);
}

function keepTriangles(batch: Batch, keep: (triangle: number) => boolean): Batch {
  const kept: number[] = [];
  for (let t = 0; t < batch.position.length / 9; t++) if (keep(t)) kept.push(t);
  const gather = (source: Float32Array, width: number) => {
    const out = new Float32Array(kept.length * width);
    for (const [i, t] of kept.entries()) out.set(source.subarray(t * width, (t + 1) * width), i * width);
    return out;
  };
  return { ...batch, position: gather(batch.position, 9), normal: gather(batch.normal, 9), uv: gather(batch.uv, 6) };
}
