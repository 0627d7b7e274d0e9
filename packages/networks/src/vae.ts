import {
  add,
  conv,
  groupNorm,
  matmul,
  padZeros,
  reshape,
  type Scope,
  scale,
  silu,
  softmax,
  split,
  transpose,
  upsampleNearest2,
  type Value,
} from '@gestalt3d/onnx';

/** Stable Diffusion's KL autoencoder (Rombach et al. 2022). */
export interface VaeConfig {
  channels: number;
  channelMultipliers: readonly number[];
  residualBlocks: number;
  latentChannels: number;
  /** The diffusion works on latents times this. */
  scaleFactor: number;
}

export const SD1_VAE: VaeConfig = {
  channels: 128,
  channelMultipliers: [1, 2, 4, 4],
  residualBlocks: 2,
  latentChannels: 4,
  scaleFactor: 0.18215,
};

const GROUPS = 32;
const EPSILON = 1e-6;

/**
 * @param image [B, 3, H, W] in [-1, 1], sizes multiples of 2^(levels - 1)
 * @returns mean and log-variance of the posterior, not scaled, [B, latentChannels, H / 8, W / 8] for four levels
 */
export function vaeEncoder(s: Scope, image: Value, config: VaeConfig): { mean: Value; logVariance: Value } {
  const g = s.graph;
  const e = s.at('encoder');
  let h = conv(e.at('conv_in'), image, config.channels, { kernel: 3 });
  for (const [level, multiplier] of config.channelMultipliers.entries()) {
    const down = e.at('down', level);
    for (let i = 0; i < config.residualBlocks; i++) h = residualBlock(down.at('block', i), h, multiplier * config.channels);
    if (level === config.channelMultipliers.length - 1) break;
    // right and bottom only, as TensorFlow's "same"
    h = padZeros(g, h, [0, 0, 0, 0], [0, 0, 1, 1]);
    h = conv(down.at('downsample', 'conv'), h, multiplier * config.channels, { kernel: 3, stride: 2, padding: 0 });
  }
  h = middle(e.at('mid'), h);
  h = conv(e.at('conv_out'), silu(g, groupNorm(e.at('norm_out'), h, GROUPS, EPSILON)), 2 * config.latentChannels, { kernel: 3 });
  const [mean, logVariance] = split(g, conv(s.at('quant_conv'), h, 2 * config.latentChannels, { kernel: 1 }), 1, 2) as [Value, Value];
  return { mean, logVariance };
}

/**
 * @param z [B, latentChannels, h, w], scaled, as the diffusion leaves it
 * @returns [B, 3, 8 h, 8 w] for four levels, about [-1, 1], not clipped
 */
export function vaeDecoder(s: Scope, z: Value, config: VaeConfig): Value {
  const g = s.graph;
  const d = s.at('decoder');
  const top = config.channelMultipliers.at(-1)! * config.channels;
  let h = conv(s.at('post_quant_conv'), scale(g, z, 1 / config.scaleFactor), config.latentChannels, { kernel: 1 });
  h = middle(d.at('mid'), conv(d.at('conv_in'), h, top, { kernel: 3 }));
  for (let level = config.channelMultipliers.length - 1; level >= 0; level--) {
    const up = d.at('up', level);
    const width = config.channelMultipliers[level]! * config.channels;
    for (let i = 0; i <= config.residualBlocks; i++) h = residualBlock(up.at('block', i), h, width);
    if (level > 0) h = conv(up.at('upsample', 'conv'), upsampleNearest2(s, h), width, { kernel: 3 });
  }
  return conv(d.at('conv_out'), silu(g, groupNorm(d.at('norm_out'), h, GROUPS, EPSILON)), 3, { kernel: 3 });
}

function middle(s: Scope, x: Value): Value {
  const channels = x.shape[1] as number;
  return residualBlock(s.at('block_2'), attentionBlock(s.at('attn_1'), residualBlock(s.at('block_1'), x, channels)), channels);
}

function residualBlock(s: Scope, x: Value, outChannels: number): Value {
  const g = s.graph;
  let h = conv(s.at('conv1'), silu(g, groupNorm(s.at('norm1'), x, GROUPS, EPSILON)), outChannels, { kernel: 3 });
  h = conv(s.at('conv2'), silu(g, groupNorm(s.at('norm2'), h, GROUPS, EPSILON)), outChannels, { kernel: 3 });
  return add(g, x.shape[1] === outChannels ? x : conv(s.at('nin_shortcut'), x, outChannels, { kernel: 1 }), h);
}

/** One head over all pixels. */
function attentionBlock(s: Scope, x: Value): Value {
  const g = s.graph;
  const [batch, channels, height, width] = x.shape as [Value['shape'][0], number, number, number];
  const normal = groupNorm(s.at('norm'), x, GROUPS, EPSILON);
  const flat = (name: string): Value => reshape(g, conv(s.at(name), normal, channels, { kernel: 1 }), [batch, channels, height * width]);
  const logits = matmul(g, transpose(g, scale(g, flat('q'), channels ** -0.5), [0, 2, 1]), flat('k'));
  // [B, C, keys] times [B, keys, queries]
  const mixed = matmul(g, flat('v'), transpose(g, softmax(g, logits), [0, 2, 1]));
  return add(g, x, conv(s.at('proj_out'), reshape(g, mixed, x.shape), channels, { kernel: 1 }));
}
