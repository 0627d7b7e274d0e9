import {
  add,
  attention,
  concat,
  conv,
  gelu,
  groupNorm,
  layerNorm,
  linear,
  mul,
  reshape,
  type Scope,
  silu,
  split,
  transpose,
  upsampleNearest2,
  type Value,
} from '@gestalt3d/onnx';
import { depthTransformer } from './depth-transformer.ts';
import { timeEmbedding } from './time-embedding.ts';

/** The UNet of Stable Diffusion 1.x (Rombach et al. 2022) and of what was fine-tuned from it. */
export interface UNetConfig {
  /** Noisy latent and whatever is concatenated to it. */
  inChannels: number;
  outChannels: number;
  /** Width of the first level; a multiple of 32. */
  modelChannels: number;
  /** Width of each level over the first. */
  channelMultipliers: readonly number[];
  /** Residual blocks a level. */
  residualBlocks: number;
  /** Down-sampling factors at which there are transformers. */
  attentionFactors: readonly number[];
  heads: number;
  contextWidth: number;
  /** SyncDreamer: channels of the frustum volumes, widest volume first; its decoder looks into them along depth. */
  volumeChannels?: readonly [number, number, number, number];
}

const SD1 = {
  outChannels: 4,
  modelChannels: 320,
  channelMultipliers: [1, 2, 4, 4],
  residualBlocks: 2,
  attentionFactors: [1, 2, 4],
  heads: 8,
  contextWidth: 768,
};

/** Input: noisy latent, VAE mean of the photograph, VAE mean of the visible mask; 4 channels each. */
export const PIX2GESTALT_UNET: UNetConfig = { ...SD1, inChannels: 12 };
/** Input: noisy latent of the view, unscaled latent of the input image; 4 channels each. */
export const SYNCDREAMER_UNET: UNetConfig & { volumeChannels: readonly [number, number, number, number] } = {
  ...SD1,
  inChannels: 8,
  volumeChannels: [64, 128, 256, 512],
};

/** Output block of the trunk to the depth transformer behind it. */
const FIRST_CONDITIONED_BLOCK = 3;
const CONDITIONED_BLOCKS = 9;

/**
 * @param x [B, inChannels, H, W], H and W multiples of 2^(levels - 1)
 * @param t [B] timesteps
 * @param context [B, M, contextWidth]; with M = 1 the cross-attention is folded: softmax over one key is 1, so each is a vector that depends on
 *   the context alone, and its query and key weights are not needed
 * @param volumes SyncDreamer: width in latent pixels to [B, C, D, width, width], or for the first half of the batch only
 * @returns [B, outChannels, H, W]
 */
export function unet(s: Scope, x: Value, t: Value, context: Value, config: UNetConfig, volumes?: ReadonlyMap<number, Value>): Value {
  const g = s.graph;
  const { modelChannels: width, channelMultipliers, residualBlocks, attentionFactors } = config;
  const levels = channelMultipliers.length;
  const time = s.at('time_embed');
  const embedding = linear(time.at(2), silu(g, linear(time.at(0), timeEmbedding(g, t, width), 4 * width)), 4 * width);
  const step = silu(g, embedding);
  const transformer = (scope: Scope, h: Value): Value => spatialTransformer(scope, h, context, config.heads);

  // down
  let h = conv(s.at('input_blocks', 0, 0), x, width, { kernel: 3 });
  const skips = [h];
  let factor = 1;
  let block = 1;
  for (const [level, multiplier] of channelMultipliers.entries()) {
    for (let i = 0; i < residualBlocks; i++, block++) {
      h = residualBlock(s.at('input_blocks', block, 0), h, step, multiplier * width);
      if (attentionFactors.includes(factor)) h = transformer(s.at('input_blocks', block, 1), h);
      skips.push(h);
    }
    if (level === levels - 1) break;
    h = conv(s.at('input_blocks', block++, 0, 'op'), h, multiplier * width, { kernel: 3, stride: 2 });
    skips.push(h);
    factor *= 2;
  }

  // middle
  const deepest = channelMultipliers[levels - 1]! * width;
  h = residualBlock(s.at('middle_block', 0), h, step, deepest);
  h = transformer(s.at('middle_block', 1), h);
  h = residualBlock(s.at('middle_block', 2), h, step, deepest);
  if (volumes !== undefined) h = depthTransformer(s.at('middle_conditions'), h, volumes);

  // up
  block = 0;
  for (let level = levels - 1; level >= 0; level--) {
    for (let i = 0; i <= residualBlocks; i++, block++) {
      let part = 0;
      h = concat(g, [h, skips.pop()!], 1);
      h = residualBlock(s.at('output_blocks', block, part++), h, step, channelMultipliers[level]! * width);
      if (attentionFactors.includes(factor)) h = transformer(s.at('output_blocks', block, part++), h);
      if (level > 0 && i === residualBlocks) {
        h = conv(s.at('output_blocks', block, part, 'conv'), upsampleNearest2(s, h), channelMultipliers[level]! * width, { kernel: 3 });
        factor /= 2;
      }
      const condition = block - FIRST_CONDITIONED_BLOCK;
      if (volumes !== undefined && condition >= 0 && condition < CONDITIONED_BLOCKS)
        h = depthTransformer(s.at('output_conditions', condition), h, volumes);
    }
  }
  return conv(s.at('out', 2), silu(g, groupNorm(s.at('out', 0), h, 32, 1e-5)), config.outChannels, { kernel: 3 });
}

/** @param step SiLU of the timestep's embedding, [B, 4 modelChannels] */
function residualBlock(s: Scope, x: Value, step: Value, outChannels: number): Value {
  const g = s.graph;
  let h = conv(s.at('in_layers', 2), silu(g, groupNorm(s.at('in_layers', 0), x, 32, 1e-5)), outChannels, { kernel: 3 });
  h = add(g, h, reshape(g, linear(s.at('emb_layers', 1), step, outChannels), [h.shape[0]!, outChannels, 1, 1]));
  h = conv(s.at('out_layers', 3), silu(g, groupNorm(s.at('out_layers', 0), h, 32, 1e-5)), outChannels, { kernel: 3 });
  return add(g, x.shape[1] === outChannels ? x : conv(s.at('skip_connection'), x, outChannels, { kernel: 1 }), h);
}

function spatialTransformer(s: Scope, x: Value, context: Value, heads: number): Value {
  const g = s.graph;
  const [batch, channels, height, width] = x.shape as [Value['shape'][0], number, number, number];
  let h = conv(s.at('proj_in'), groupNorm(s.at('norm'), x, 32, 1e-6), channels, { kernel: 1 });
  h = transpose(g, reshape(g, h, [batch, channels, height * width]), [0, 2, 1]);
  h = transformerBlock(s.at('transformer_blocks', 0), h, context, heads);
  h = reshape(g, transpose(g, h, [0, 2, 1]), [batch, channels, height, width]);
  return add(g, conv(s.at('proj_out'), h, channels, { kernel: 1 }), x);
}

/** @param x [B, N, C] */
function transformerBlock(s: Scope, x: Value, context: Value, heads: number): Value {
  const g = s.graph;
  const channels = x.shape[2] as number;
  const project = (scope: Scope, from: Value): Value => linear(scope, from, channels, { bias: false });
  const toSelf = layerNorm(s.at('norm1'), x, 1e-5);
  const self = s.at('attn1');
  const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((name) => project(self.at(name), toSelf)) as [Value, Value, Value];
  let h = add(g, x, linear(self.at('to_out', 0), attention(g, q, k, v, heads), channels));

  const cross = s.at('attn2');
  const values = project(cross.at('to_v'), context);
  const mixed =
    context.shape[1] === 1
      ? values
      : attention(g, project(cross.at('to_q'), layerNorm(s.at('norm2'), h, 1e-5)), project(cross.at('to_k'), context), values, heads);
  h = add(g, h, linear(cross.at('to_out', 0), mixed, channels));

  // GEGLU (Shazeer 2020): the first half is the value, the second the gate
  const inner = linear(s.at('ff', 'net', 0, 'proj'), layerNorm(s.at('norm3'), h, 1e-5), 8 * channels);
  const [value, gate] = split(g, inner, 2, 2) as [Value, Value];
  return add(g, h, linear(s.at('ff', 'net', 2), mul(g, value, gelu(g, gate)), channels));
}
