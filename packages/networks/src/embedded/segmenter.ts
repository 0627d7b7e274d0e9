import {
  add,
  averagePool,
  clamp,
  concat,
  conv,
  div,
  groupNorm,
  largest,
  matmul,
  mean,
  mul,
  pixelShuffle,
  reshape,
  type Scope,
  scale,
  shift,
  silu,
  slice,
  sqrt,
  sub,
  transpose,
  upsampleBilinear,
  type Value,
} from '@gestalt3d/onnx';
import { activated, pixelAttention, residual } from './blocks.ts';

/** models/segment/net.py: an encoder that sees the picture alone, a light decoder that answers a prompt. Widths at 64, 32 and 16 pixels. */
export interface SegmenterConfig {
  encoder: readonly [number, number, number];
  decoder: readonly [number, number, number];
  /** Numbers of a pixel's embedding. */
  embedding: number;
}

/** Side in pixels of its pictures. */
export const SEGMENTER_SIZE = 128;
/** Clicks are told apart where they fall into different cells of such a grid. */
const CELLS = 8;
/** The likeness where there is no click: below every cosine. */
const NO_CLICK = -2;
/** Less of a plane than this counts as nothing. */
const EMPTY = 1e-3;

/**
 * @param image [B, 3, 128, 128] in -1..1
 * @param prompt [B, 3, 128, 128]: positive clicks, negative clicks, box; 0..1
 * @returns logits [B, 1, 128, 128]
 */
export function segmenter(s: Scope, image: Value, prompt: Value, config: SegmenterConfig): Value {
  return decoder(s.at('decoder'), encoder(s.at('encoder'), image, config), prompt, config.decoder);
}

/** Features at 64, 32 and 16 pixels, and unit embeddings [B, E, 64, 64] alike within an object. */
interface Maps {
  fine: Value;
  middle: Value;
  coarse: Value;
  embedding: Value;
}

function encoder(s: Scope, image: Value, { encoder: [w64, w32, w16], embedding: width }: SegmenterConfig): Maps {
  const g = s.graph;
  const s64 = block(s.at('e64'), conv(s.at('stem'), image, w64, { kernel: 4, stride: 2, padding: 1 }), w64);
  let s32 = conv(s.at('down32'), s64, w32, { kernel: 3, stride: 2 });
  for (const i of [0, 1]) s32 = block(s.at('e32', i), s32, w32);
  let coarse = conv(s.at('down16'), s32, w16, { kernel: 3, stride: 2 });
  for (const i of [0, 2]) coarse = lookAround(s.at('e16', i + 1), block(s.at('e16', i), coarse, w16));
  const joined = (up: string, small: Value, skip: Value, to: number): Value =>
    concat(g, [upsampleBilinear(g, conv(s.at(up), small, to, { kernel: 1 }), 2), skip], 1);
  const middle = block(s.at('d32'), joined('up32', coarse, s32, w32), w32);
  const fine = block(s.at('d64'), joined('up64', middle, s64, w64), w64);
  const e = add(
    g,
    conv(s.at('embed', 2), activated(s.at('embed', 0), fine, w64 / 8), width, { kernel: 1 }),
    upsampleBilinear(g, conv(s.at('embed32'), middle, width, { kernel: 1 }), 2),
  );
  // the mean of squares, times their number: sums over channels have no operator of their own here
  const length = sqrt(g, shift(g, scale(g, mean(g, mul(g, e, e), [1]), width), 1e-6));
  return { fine, middle, coarse, embedding: div(g, e, length) };
}

function decoder(s: Scope, maps: Maps, prompt: Value, [w64, w32, w16]: SegmenterConfig['decoder']): Value {
  const g = s.graph;
  const planes = averagePool(g, clamp(g, prompt, 0, 1), 2);
  const [positive, negative, box] = [0, 1, 2].map((k) => slice(g, planes, 1, k, k + 1)) as [Value, Value, Value];
  const none = scale(g, box, 0);
  const given = add(g, none, largest(g, box, [2, 3]));
  const outside = mul(g, sub(g, g.floats([1], []), box), given);
  const { embedding } = maps;
  // two likenesses to clicks, two to the box, the three planes, where a box is given
  const hints = concat(
    g,
    [
      likenessToClicks(s, embedding, positive),
      likenessToClicks(s, embedding, negative),
      likenessToRegion(s, embedding, box),
      likenessToRegion(s, embedding, outside),
      clamp(g, scale(g, positive, 2), undefined, 1),
      clamp(g, scale(g, negative, 2), undefined, 1),
      box,
      given,
    ],
    1,
  );
  const seen = (name: 'fine' | 'middle' | 'coarse', width: number): Value => conv(s.at(name), maps[name], width, { kernel: 1 });
  const s64 = silu(g, add(g, seen('fine', w64), conv(s.at('hints'), hints, w64, { kernel: 3 })));
  const s32 = block(s.at('e32'), add(g, conv(s.at('down32'), s64, w32, { kernel: 3, stride: 2 }), seen('middle', w32)), w32);
  let h = add(g, conv(s.at('down16'), s32, w16, { kernel: 3, stride: 2 }), seen('coarse', w16));
  h = block(s.at('e16', 2), lookAround(s.at('e16', 1), block(s.at('e16', 0), h, w16)), w16);
  const onto = (skip: Value, up: string, width: number): Value =>
    add(g, skip, upsampleBilinear(g, conv(s.at(up), h, width, { kernel: 1 }), 2));
  h = block(s.at('d32'), onto(s32, 'up32', w32), w32);
  h = block(s.at('d64'), onto(s64, 'up64', w64), w64);
  const last = concat(g, [silu(g, groupNorm(s.at('norm'), h, w64 / 8, 1e-5)), hints], 1);
  return pixelShuffle(g, conv(s.at('head'), last, 4, { kernel: 3 }), 2);
}

/** [B, 1, 64, 64]: the largest cosine of a pixel's embedding with that of any click of the plane [B, 1, 64, 64]; NO_CLICK without one. */
function likenessToClicks(s: Scope, embedding: Value, plane: Value): Value {
  const g = s.graph;
  const [batch, width, side] = embedding.shape as [Value['shape'][0], number, number];
  const share = averagePool(g, plane, side / CELLS);
  const clicked = div(g, averagePool(g, mul(g, embedding, plane), side / CELLS), shift(g, share, EMPTY));
  const rows = transpose(g, reshape(g, clicked, [batch, width, CELLS ** 2]), [0, 2, 1]);
  const cosine = matmul(g, rows, reshape(g, embedding, [batch, width, side ** 2]));
  const there = reshape(g, clamp(g, scale(g, share, 1 / EMPTY), 0, 1), [batch, CELLS ** 2, 1]);
  const absent = scale(g, sub(g, g.floats([1], []), there), NO_CLICK);
  return reshape(g, largest(g, add(g, mul(g, cosine, there), absent), [1]), plane.shape);
}

/** [B, 1, 64, 64]: product of a pixel's embedding with the mean over the plane [B, 1, 64, 64]. */
function likenessToRegion(s: Scope, embedding: Value, plane: Value): Value {
  const g = s.graph;
  const [batch, width, side] = embedding.shape as [Value['shape'][0], number, number];
  const inside = div(g, mean(g, mul(g, embedding, plane), [2, 3]), shift(g, mean(g, plane, [2, 3]), EMPTY));
  return reshape(g, matmul(g, reshape(g, inside, [batch, 1, width]), reshape(g, embedding, [batch, width, side ** 2])), plane.shape);
}

function block(s: Scope, x: Value, channels: number): Value {
  return residual(s, x, channels, [Math.max(1, Math.floor((x.shape[1] as number) / 8)), channels / 8]);
}

function lookAround(s: Scope, x: Value): Value {
  const channels = x.shape[1] as number;
  return pixelAttention(s, x, { heads: Math.floor(channels / 32), groups: channels / 8, placed: true });
}
