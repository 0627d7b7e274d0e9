import {
  add,
  averagePool,
  clamp,
  concat,
  div,
  largest,
  linear,
  mean,
  mul,
  reshape,
  type Scope,
  scale,
  slice,
  sqrt,
  type Value,
} from '@gestalt3d/onnx';
import { type CompletionPriorConfig, priorFeatures } from './completion-prior.ts';

/** models/recognise/net.py: the completion prior's encoder, and a linear map from there to the space of the text table. */
export interface ImageTowerConfig {
  prior: CompletionPriorConfig;
}

/** Numbers of an embedding (models/recognise/table.py). */
const DIMS = 104;

/**
 * @param picture [B, 4, size, size]: colours in -1..1 times the mask, and the mask in 0..1
 * @returns [B, 104] unit vectors
 */
export function imageTower(s: Scope, picture: Value, { prior }: ImageTowerConfig): Value {
  const g = s.graph;
  const batch = picture.shape[0]!;
  const mask = slice(g, picture, 1, 3, 4);
  const everywhere = add(g, scale(g, mask, 0), g.floats([1], []));
  // the prior wants visible part, its mask, photo and where that has pixels
  const { levels, middle } = priorFeatures(s, concat(g, [picture, slice(g, picture, 1, 0, 3), everywhere], 1), prior);
  const before = levels.at(-1)!;
  const quarters = averagePool(g, middle, (middle.shape[3] as number) / 2);
  const parts = [quarters, largest(g, middle, [2, 3]), mean(g, before, [2, 3]), largest(g, before, [2, 3])];
  const flat = parts.map((part) => {
    const [, channels, height, width] = part.shape as [unknown, number, number, number];
    return reshape(g, part, [batch, channels * height * width]);
  });
  const h = linear(s.at('head'), concat(g, flat, 1), DIMS);
  // the mean of squares, times their number, is their sum
  const squares = scale(g, mean(g, mul(g, h, h), [1]), DIMS);
  return div(g, h, sqrt(g, clamp(g, squares, 1e-12)));
}
