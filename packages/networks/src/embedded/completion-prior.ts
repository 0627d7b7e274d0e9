import {
  add,
  clamp,
  concat,
  conv,
  pixelShuffle,
  pixelUnshuffle,
  type Scope,
  scale,
  shift,
  slice,
  upsampleNearest2,
  type Value,
} from '@gestalt3d/onnx';
import { activated, pixelAttention, pixelGrid, residual } from './blocks.ts';
import { completionHints } from './completion-hints.ts';

/** models/complete/prior.py: one pass from the visible part to the expected whole object. */
export interface CompletionPriorConfig {
  /** Three, at size / unshuffle pixels and one half and one quarter of that; or four, one level deeper. */
  widths: readonly number[];
  size: number;
  unshuffle: number;
}

/** The levels before the decoder, finest first, and what they saw. */
export interface PriorFeatures {
  levels: Value[];
  /** The coarsest level after attention. */
  middle: Value;
  spread: Value;
}

/** @param cond [B, 8, size, size] */
export function priorFeatures(s: Scope, cond: Value, { widths, size, unshuffle }: CompletionPriorConfig): PriorFeatures {
  const g = s.graph;
  const deep = widths.length === 4;
  const { all, spread } = completionHints(s, cond);
  const input = pixelUnshuffle(g, concat(g, [cond, all, pixelGrid(s, size, cond)], 1), unshuffle);
  let x = residual(s.at('e0', 0), conv(s.at('stem'), input, widths[0]!, { kernel: 3 }), widths[0]!);
  const levels = [x];
  for (const [i, width] of widths.slice(1, -1).entries()) {
    const level = i + 1;
    const block = s.at(`e${level}`);
    x = residual(block.at(0), conv(s.at(`d${level}`), x, width, { kernel: 3, stride: 2 }), width);
    if (attends(level, deep)) x = pixelAttention(block.at(1), x);
    x = residual(block.at(2), x, width);
    levels.push(x);
  }
  const widest = widths.at(-1)!;
  x = conv(s.at(`d${widths.length - 1}`), x, widest, { kernel: 3, stride: 2 });
  for (const i of [0, 1, 2, 3, 4]) x = i % 2 === 0 ? residual(s.at('mid', i), x, widest) : pixelAttention(s.at('mid', i), x);
  return { levels, middle: x, spread };
}

/**
 * @param cond [B, 8, size, size]
 * @returns [B, 4, size, size]: straight colours in about -1..1, the logit of alpha
 */
export function completionPrior(s: Scope, cond: Value, config: CompletionPriorConfig): Value {
  const g = s.graph;
  const { widths, unshuffle } = config;
  const deep = widths.length === 4;
  const { levels, middle, spread } = priorFeatures(s, cond, config);
  let y = middle;
  for (let level = levels.length - 1; level >= 0; level--) {
    const width = widths[level]!;
    const block = s.at(`f${level}`);
    const larger = upsampleNearest2(s, conv(s.at(`u${level}`), y, width, { kernel: 1 }));
    y = residual(block.at(0), concat(g, [larger, levels[level]!], 1), width);
    if (level === 0) y = residual(block.at(1), y, width);
    else y = residual(block.at(2), attends(level, deep) ? pixelAttention(block.at(1), y) : y, width);
  }
  const out = pixelShuffle(g, conv(s.at('head'), activated(s.at('norm'), y, 8), 4 * unshuffle ** 2, { kernel: 3 }), unshuffle);
  // straight colours as an offset from the spread ones; shape as a logit on top of the mask
  const mask = clamp(g, shift(g, slice(g, cond, 1, 3, 4), -0.5), 0);
  return concat(g, [add(g, spread, slice(g, out, 1, 0, 3)), add(g, slice(g, out, 1, 3, 4), scale(g, mask, 8))], 1);
}

/** The two coarsest levels attend; the coarsest is the middle. */
const attends = (level: number, deep: boolean): boolean => level === (deep ? 2 : 1);
