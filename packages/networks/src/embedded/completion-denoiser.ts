import {
  add,
  clamp,
  concat,
  conv,
  cos,
  div,
  groupNorm,
  linear,
  mul,
  pixelShuffle,
  pixelUnshuffle,
  reshape,
  type Scope,
  scale,
  shift,
  silu,
  slice,
  split,
  sqrt,
  sub,
  tanh,
  upsampleNearest2,
  type Value,
} from '@gestalt3d/onnx';
import { timeEmbedding } from '../time-embedding.ts';
import { activated, pixelAttention } from './blocks.ts';
import { completionHints } from './completion-hints.ts';

/** models/complete/model.py: a small U-Net over RGBA pixels, conditioned by concatenation. */
export interface CompletionDenoiserConfig {
  stem: number;
  widths: readonly number[];
  /** Residual blocks a level. */
  blocks: number;
  /** Width of the timestep's embedding. */
  temb: number;
  size: number;
  /** Pixels a side that are folded into channels before the first convolution. */
  patch: number;
  /** Trained beside a prior, whose answer is a further input. */
  prior: boolean;
}

const TIME_WIDTH = 128;
const TIMESTEPS = 1000;
/** Of the cosine schedule (Nichol and Dhariwal 2021). */
const OFFSET = 0.008;
const LOGIT_RANGE = 4;
const EPSILON = 1e-5;

/**
 * @param x [B, 4, size, size] noisy RGBA
 * @param cond [B, 8, size, size]
 * @param t [B] 0..999
 * @param prior [B, 4, size, size] the prior's answer
 * @returns v [B, 4, size, size]
 */
export function completionDenoiser(s: Scope, x: Value, cond: Value, t: Value, config: CompletionDenoiserConfig, prior?: Value): Value {
  const g = s.graph;
  const { stem, widths, blocks, temb, patch } = config;
  const time = s.at('time');
  const embedding = linear(time.at('fc2'), silu(g, linear(time.at('fc1'), timeEmbedding(g, t, TIME_WIDTH), temb)), temb);
  const step = silu(g, embedding);
  const known = [x, cond, completionHints(s, cond).all, ...(prior ? [squashed(s, prior)] : [])];
  const first = conv(s.at('stem'), pixelUnshuffle(g, concat(g, known, 1), patch), stem, { kernel: 3 });
  const skips: Value[] = [];
  let h = first;
  for (const [i, width] of widths.entries()) {
    h = level(s.at('enc', i), conv(s.at('down', i), h, width, { kernel: 3, stride: 2 }), step, width, blocks, i >= 1);
    skips.push(h);
  }
  const deepest = widths.at(-1)!;
  h = residual(s.at('mid', 'res', 0), h, step, deepest);
  h = residual(s.at('mid', 'res', 1), levelAttention(s.at('mid', 'att', 0), h), step, deepest);
  for (let i = widths.length - 1; i >= 0; i--) {
    const place = widths.length - 1 - i;
    h = level(s.at('dec', place), concat(g, [h, skips.pop()!], 1), step, widths[i]!, blocks, i >= 1);
    h = upsampleNearest2(s, conv(s.at('up', place), h, i > 0 ? widths[i - 1]! : stem, { kernel: 1 }));
  }
  h = residual(s.at('last'), concat(g, [h, first], 1), step, stem);
  return pixelShuffle(g, conv(s.at('head'), activated(s.at('norm'), h, 8), 4 * patch ** 2, { kernel: 3 }), patch);
}

/**
 * The denoiser as it ships: its clean picture is the photo where the object is visible. v is split into clean picture and noise, the visible colours
 * with alpha 1 take their place in the former, and the v that leads there is returned. The null condition has no visible part.
 */
export function anchoredDenoiser(s: Scope, x: Value, cond: Value, t: Value, config: CompletionDenoiserConfig, prior?: Value): Value {
  const g = s.graph;
  const v = completionDenoiser(s, x, cond, t, config, prior);
  const angle = scale(g, shift(g, scale(g, shift(g, t, 1), 1 / TIMESTEPS), OFFSET), Math.PI / 2 / (1 + OFFSET));
  const cosine = scale(g, cos(g, angle), 1 / Math.cos((OFFSET / (1 + OFFSET)) * (Math.PI / 2)));
  const signal = reshape(g, clamp(g, cosine, 0, 0.9999), [t.shape[0]!, 1, 1, 1]);
  const one = g.floats([1], []);
  const noise = sqrt(g, sub(g, one, mul(g, signal, signal)));
  const guess = clamp(g, sub(g, mul(g, signal, x), mul(g, noise, v)), -1, 1);
  const mask = slice(g, cond, 1, 3, 4);
  const sure = clamp(g, scale(g, shift(g, mask, -0.8), 10), 0, 1);
  const opaque = shift(g, scale(g, mask, 0), 1);
  const seen = concat(g, [div(g, slice(g, cond, 1, 0, 3), clamp(g, mask, 0.5)), opaque], 1);
  const clean = add(g, mul(g, guess, sub(g, one, sure)), mul(g, seen, sure));
  return div(g, sub(g, mul(g, signal, x), clean), noise);
}

/** The prior's answer within -1..1. */
function squashed(s: Scope, prior: Value): Value {
  const g = s.graph;
  return concat(g, [clamp(g, slice(g, prior, 1, 0, 3), -1, 1), tanh(g, scale(g, slice(g, prior, 1, 3, 4), 1 / LOGIT_RANGE))], 1);
}

function level(s: Scope, x: Value, step: Value, width: number, blocks: number, attends: boolean): Value {
  let h = x;
  for (let i = 0; i < blocks; i++) {
    h = residual(s.at('res', i), h, step, width);
    if (attends) h = levelAttention(s.at('att', i), h);
  }
  return h;
}

const groupsOf = (channels: number): number => Math.min(32, Math.floor(channels / 4));

function levelAttention(s: Scope, x: Value): Value {
  const channels = x.shape[1] as number;
  return pixelAttention(s, x, { heads: Math.floor(channels / 32), groups: groupsOf(channels) });
}

/** GroupNorm, SiLU, 3x3 convolution, twice; the timestep scales and shifts the second normalisation. */
function residual(s: Scope, x: Value, step: Value, channels: number): Value {
  const g = s.graph;
  const inChannels = x.shape[1] as number;
  const inner = conv(s.at('c1'), activated(s.at('n1'), x, groupsOf(inChannels)), channels, { kernel: 3 });
  const [factor, offset] = split(g, reshape(g, linear(s.at('emb'), step, 2 * channels), [x.shape[0]!, 2 * channels, 1, 1]), 1, 2) as [
    Value,
    Value,
  ];
  const normal = groupNorm(s.at('n2'), inner, groupsOf(channels), EPSILON);
  const outer = conv(s.at('c2'), silu(g, add(g, mul(g, normal, shift(g, factor, 1)), offset)), channels, { kernel: 3 });
  return add(g, inChannels === channels ? x : conv(s.at('skip'), x, channels, { kernel: 1 }), outer);
}
