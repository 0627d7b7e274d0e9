import {
  add,
  attention,
  concat,
  conv,
  div,
  expandBatch,
  gather,
  layerNorm,
  linear,
  linearWith,
  matmul,
  quickGelu,
  reshape,
  resizeBicubicAligned,
  type Scope,
  scale,
  shift,
  slice,
  split,
  sub,
  transpose,
  type Value,
} from '@gestalt3d/onnx';

/** A transformer of CLIP (Radford et al. 2021). */
export interface ClipTowerConfig {
  width: number;
  layers: number;
  heads: number;
  /** Width of the space that pictures and texts share. */
  embeddingWidth: number;
}

export interface ClipImageConfig extends ClipTowerConfig {
  /** Side of the picture, pixels. */
  resolution: number;
  patch: number;
}

export interface ClipTextConfig extends ClipTowerConfig {
  contextLength: number;
  vocabulary: number;
}

export const CLIP_VIT_L14_IMAGE: ClipImageConfig = { width: 1024, layers: 24, heads: 16, embeddingWidth: 768, resolution: 224, patch: 14 };
export const CLIP_VIT_L14_TEXT: ClipTextConfig = {
  width: 768,
  layers: 12,
  heads: 12,
  embeddingWidth: 768,
  contextLength: 77,
  vocabulary: 49408,
};

/** Of the pictures CLIP was trained on, [0, 1] sRGB. */
export const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const;
export const CLIP_DEVIATION = [0.26862954, 0.26130258, 0.27577711] as const;

const EPSILON = 1e-5;

/**
 * Vision transformer.
 * @param pixels [B, 3, resolution, resolution], normalised by CLIP_MEAN and CLIP_DEVIATION
 * @returns [B, embeddingWidth], of any length
 */
export function clipImageTower(s: Scope, pixels: Value, config: ClipImageConfig): Value {
  const g = s.graph;
  const { width, patch } = config;
  const tokens = (config.resolution / patch) ** 2;
  let h = conv(s.at('conv1'), pixels, width, { kernel: patch, stride: patch, padding: 0, bias: false });
  h = transpose(g, reshape(g, h, [h.shape[0]!, width, tokens]), [0, 2, 1]);
  h = concat(g, [expandBatch(g, s.weight('class_embedding', [width], [1, 1, width]), h), h], 1);
  h = layerNorm(s.at('ln_pre'), add(g, h, s.weight('positional_embedding', [tokens + 1, width])), EPSILON);
  for (let i = 0; i < config.layers; i++) h = residualAttention(s.at('transformer', 'resblocks', i), h, config.heads);
  h = layerNorm(s.at('ln_post'), reshape(g, slice(g, h, 1, 0, 1), [h.shape[0]!, width]), EPSILON);
  return matmul(g, h, s.weight('proj', [width, config.embeddingWidth]));
}

/**
 * What pix2gestalt and SyncDreamer do to a picture before the tower: no crop, bicubic with aligned corners and without antialiasing.
 * @param image [B, 3, H, W] in [-1, 1]
 */
export function clipPixels(s: Scope, image: Value, config: ClipImageConfig): Value {
  const g = s.graph;
  const unit = scale(g, shift(g, resizeBicubicAligned(s, image, config.resolution), 1), 0.5);
  const perChannel = (values: readonly number[]): Value => g.floats(values, [1, 3, 1, 1], g.precision);
  return div(g, sub(g, unit, perChannel(CLIP_MEAN)), perChannel(CLIP_DEVIATION));
}

/**
 * Text transformer, causal.
 * @param tokens [B, contextLength] int64: start, text, end, zeros
 * @returns [B, embeddingWidth], of any length
 */
export function clipTextTower(s: Scope, tokens: Value, config: ClipTextConfig): Value {
  const g = s.graph;
  const { width, contextLength: length } = config;
  let h = gather(g, s.weight('token_embedding.weight', [config.vocabulary, width]), tokens, 0);
  h = add(g, h, s.weight('positional_embedding', [length, width]));
  // logits stay far below this, and exp(-10000) is 0 in fp16 too
  const later = Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? -10000 : 0));
  const mask = g.floats(later, [1, 1, length, length], g.precision);
  for (let i = 0; i < config.layers; i++) h = residualAttention(s.at('transformer', 'resblocks', i), h, config.heads, mask);
  h = layerNorm(s.at('ln_final'), h, EPSILON);
  // the end token has the highest number
  const end = g.node('ArgMax', [tokens], [tokens.shape[0]!, 1], { axis: { int: 1 }, keepdims: { int: 1 } }, 'int64');
  const positions = g.ints(
    Array.from({ length }, (_, i) => i),
    [1, length],
  );
  const isEnd = g.cast(g.node('Equal', [end, positions], [tokens.shape[0]!, length], {}, 'bool'), g.precision);
  const atEnd = reshape(g, matmul(g, reshape(g, isEnd, [tokens.shape[0]!, 1, length]), h), [tokens.shape[0]!, width]);
  return matmul(g, atEnd, s.weight('text_projection', [width, config.embeddingWidth]));
}

function residualAttention(s: Scope, x: Value, heads: number, mask?: Value): Value {
  const g = s.graph;
  const width = x.shape[2] as number;
  const attn = s.at('attn');
  const packed = linearWith(
    g,
    layerNorm(s.at('ln_1'), x, EPSILON),
    attn.weight('in_proj_weight', [3 * width, width]),
    attn.weight('in_proj_bias', [3 * width]),
  );
  const [q, k, v] = split(g, packed, 2, 3) as [Value, Value, Value];
  const h = add(g, x, linear(attn.at('out_proj'), attention(g, q, k, v, heads, mask), width));
  const inner = quickGelu(g, linear(s.at('mlp', 'c_fc'), layerNorm(s.at('ln_2'), h, EPSILON), 4 * width));
  return add(g, h, linear(s.at('mlp', 'c_proj'), inner, width));
}
