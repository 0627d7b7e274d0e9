import {
  add,
  averagePool,
  clamp,
  concat,
  div,
  largest,
  maximum,
  mean,
  mul,
  relu,
  type Scope,
  scale,
  shift,
  sigmoid,
  slice,
  smallest,
  sub,
  upsampleBilinear,
  type Value,
} from '@gestalt3d/onnx';
import { pixelCentres } from './blocks.ts';

const DIRECTIONS = 16;

/** What can be said about the whole object without learning (models/complete/hints.py). */
export interface CompletionHints {
  /** [B, 8, S, S]: a guess of the completion (4), the convex hull of the visible part (1), its colours spread outwards (3). */
  all: Value;
  /** [B, 3, S, S], the last of them. */
  spread: Value;
}

/** @param cond [B, 8, S, S]: visible colours, their mask, the crop's colours, where the photo is; S a multiple of 16 */
export function completionHints(s: Scope, cond: Value): CompletionHints {
  const g = s.graph;
  const size = cond.shape[2] as number;
  const [seen, mask] = [slice(g, cond, 1, 0, 3), slice(g, cond, 1, 3, 4)];

  // the hull: the intersection of the half planes that hold every visible pixel
  const axis = pixelCentres(size);
  const angles = Array.from({ length: DIRECTIONS }, (_, i) => (i / DIRECTIONS) * 2 * Math.PI);
  const direction = (of: (angle: number) => number): Value => g.floats(angles.map(of), [1, DIRECTIONS, 1, 1]);
  const along = add(
    g,
    mul(g, direction(Math.cos), g.floats(axis, [1, 1, 1, size])),
    mul(g, direction(Math.sin), g.floats(axis, [1, 1, size, 1])),
  );
  const hidden = scale(g, relu(g, shift(g, scale(g, mask, -1), 0.6)), 20);
  const support = largest(g, sub(g, along, hidden), [2, 3]);
  const hull = smallest(g, sigmoid(g, shift(g, scale(g, sub(g, support, along), size), 1)), [1]);

  // colours from coarse to fine: cells of a quarter, an eighth, a sixteenth of the frame
  let spread = div(g, mean(g, seen, [2, 3]), shift(g, mean(g, mask, [2, 3]), 1e-4));
  let near = mask;
  for (const parts of [4, 8, 16]) {
    const cell = size / parts;
    const share = averagePool(g, mask, cell);
    const here = div(g, averagePool(g, seen, cell), shift(g, share, 1e-4));
    const weight = clamp(g, scale(g, share, 3), undefined, 1);
    const before = parts === 4 ? spread : upsampleBilinear(g, spread, 2);
    spread = add(g, mul(g, before, sub(g, g.floats([1], []), weight)), mul(g, here, weight));
    if (parts === 8) near = upsampleBilinear(g, share, cell);
  }
  spread = upsampleBilinear(g, spread, size / 16);
  const whole = maximum(g, mask, add(g, scale(g, hull, 0.65), mul(g, scale(g, near, 0.35), hull)));
  const colours = add(g, seen, mul(g, mul(g, sub(g, g.floats([1], []), mask), whole), spread));
  return { all: concat(g, [colours, shift(g, scale(g, whole, 2), -1), hull, spread], 1), spread };
}
