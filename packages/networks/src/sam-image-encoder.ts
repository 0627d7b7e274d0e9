import {
  add,
  conv,
  gather,
  gelu,
  layerNorm,
  layerNormChannels,
  linear,
  matmul,
  padZeros,
  reshape,
  type Scope,
  scale,
  slice,
  softmax,
  split,
  transpose,
  type Value,
} from '@gestalt3d/onnx';

/** The vision transformer of Segment Anything (Kirillov et al. 2023; blocks after Li et al. 2022, "ViTDet"). */
export interface SamImageConfig {
  /** Side of the padded picture, pixels. */
  imageSize: number;
  patch: number;
  width: number;
  depth: number;
  heads: number;
  /** Blocks that attend over the whole picture; the others over windows. */
  globalBlocks: readonly number[];
  window: number;
  outChannels: number;
}

const COMMON = { imageSize: 1024, patch: 16, window: 14, outChannels: 256 };
export const SAM_VIT_B: SamImageConfig = { ...COMMON, width: 768, depth: 12, heads: 12, globalBlocks: [2, 5, 8, 11] };
export const SAM_VIT_L: SamImageConfig = { ...COMMON, width: 1024, depth: 24, heads: 16, globalBlocks: [5, 11, 17, 23] };
export const SAM_VIT_H: SamImageConfig = { ...COMMON, width: 1280, depth: 32, heads: 16, globalBlocks: [7, 15, 23, 31] };

const EPSILON = 1e-6;

/**
 * @param image [1, 3, imageSize, imageSize]: mean and deviation taken out, padded with zeros to the right and below
 * @returns [1, outChannels, n, n] with n = imageSize / patch
 */
export function samImageEncoder(s: Scope, image: Value, config: SamImageConfig): Value {
  const g = s.graph;
  const n = config.imageSize / config.patch;
  let h = conv(s.at('patch_embed', 'proj'), image, config.width, { kernel: config.patch, stride: config.patch, padding: 0 });
  h = add(g, transpose(g, h, [0, 2, 3, 1]), s.weight('pos_embed', [1, n, n, config.width]));
  for (let i = 0; i < config.depth; i++) {
    const block = s.at('blocks', i);
    const normal = layerNorm(block.at('norm1'), h, EPSILON);
    const mixed = config.globalBlocks.includes(i)
      ? attend(block.at('attn'), normal, config.heads)
      : inWindows(block.at('attn'), normal, config.heads, config.window);
    h = add(g, h, mixed);
    const inner = gelu(g, linear(block.at('mlp', 'lin1'), layerNorm(block.at('norm2'), h, EPSILON), 4 * config.width));
    h = add(g, h, linear(block.at('mlp', 'lin2'), inner, config.width));
  }
  const neck = s.at('neck');
  h = conv(neck.at(0), transpose(g, h, [0, 3, 1, 2]), config.outChannels, { kernel: 1, bias: false });
  h = layerNormChannels(neck.at(1), h, EPSILON);
  h = conv(neck.at(2), h, config.outChannels, { kernel: 3, bias: false });
  return layerNormChannels(neck.at(3), h, EPSILON);
}

/** Cuts [1, H, W, C] into windows, padded with zeros where they do not fit, attends in each, and puts them together. */
function inWindows(s: Scope, x: Value, heads: number, window: number): Value {
  const g = s.graph;
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const rows = Math.ceil(height / window);
  const columns = Math.ceil(width / window);
  const padded = rows * window > height || columns * window > width;
  let h = padded ? padZeros(g, x, [0, 0, 0, 0], [0, rows * window - height, columns * window - width, 0]) : x;
  h = transpose(g, reshape(g, h, [rows, window, columns, window, channels]), [0, 2, 1, 3, 4]);
  h = attend(s, reshape(g, h, [rows * columns, window, window, channels]), heads);
  h = transpose(g, reshape(g, h, [rows, columns, window, window, channels]), [0, 2, 1, 3, 4]);
  h = reshape(g, h, [1, rows * window, columns * window, channels]);
  return padded ? slice(g, slice(g, h, 1, 0, height), 2, 0, width) : h;
}

/** Attention with decomposed relative positions (Li et al. 2022, "MViTv2", eq. 5) of [B, H, W, C]. */
function attend(s: Scope, x: Value, heads: number): Value {
  const g = s.graph;
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const headWidth = channels / heads;
  const tokens = height * width;
  const packed = reshape(g, linear(s.at('qkv'), x, 3 * channels), [batch, tokens, 3, heads, headWidth]);
  const parts = split(g, transpose(g, packed, [2, 0, 3, 1, 4]), 0, 3);
  const [q, k, v] = parts.map((part) => reshape(g, part, [batch * heads, tokens, headWidth])) as [Value, Value, Value];

  const grid = reshape(g, q, [batch * heads, height, width, headWidth]);
  const alongRows = matmul(g, grid, positions(s, 'rel_pos_h', height, headWidth));
  const alongColumns = transpose(g, matmul(g, transpose(g, grid, [0, 2, 1, 3]), positions(s, 'rel_pos_w', width, headWidth)), [0, 2, 1, 3]);
  let logits = reshape(g, matmul(g, scale(g, q, headWidth ** -0.5), transpose(g, k, [0, 2, 1])), [
    batch * heads,
    height,
    width,
    height,
    width,
  ]);
  logits = add(g, logits, reshape(g, alongRows, [batch * heads, height, width, height, 1]));
  logits = add(g, logits, reshape(g, alongColumns, [batch * heads, height, width, 1, width]));
  const weights = softmax(g, reshape(g, logits, [batch * heads, tokens, tokens]));

  const mixed = reshape(g, matmul(g, weights, v), [batch, heads, height, width, headWidth]);
  return linear(s.at('proj'), reshape(g, transpose(g, mixed, [0, 2, 3, 1, 4]), x.shape), channels);
}

/** Embedding of the distance between query and key along one axis: [size, headWidth, size]. */
function positions(s: Scope, name: string, size: number, headWidth: number): Value {
  const g = s.graph;
  const distances = Array.from({ length: size * size }, (_, i) => Math.floor(i / size) - (i % size) + size - 1);
  const rows = gather(g, s.weight(name, [2 * size - 1, headWidth]), g.ints(distances, [size, size]), 0);
  return transpose(g, rows, [0, 2, 1]);
}
