import {
  add,
  conv,
  convTranspose,
  gather,
  groupNorm,
  linear,
  linearWith,
  mul,
  reshape,
  type Scope,
  silu,
  slice,
  transpose,
  type Value,
} from '@gestalt3d/onnx';
import { timeEmbedding } from './time-embedding.ts';

/** Sizes of SyncDreamer's volume networks (Liu et al. 2023). */
export interface SyncDreamerVolumeConfig {
  views: number;
  /** Latent pixels along a side. */
  latentSize: number;
  /** Channels that each view contributes to the spatial volume. */
  viewChannels: number;
  timeWidth: number;
  viewWidth: number;
  /** Widths of the levels of both 3-D networks, finest first. */
  channels: readonly [number, number, number, number];
  /** Grid points along a side of the spatial volume. */
  volumeSize: number;
  /** Depth planes of a frustum. */
  frustumDepth: number;
}

export const SYNCDREAMER_VOLUMES: SyncDreamerVolumeConfig = {
  views: 16,
  latentSize: 32,
  viewChannels: 16,
  timeWidth: 256,
  viewWidth: 4,
  channels: [64, 128, 256, 512],
  volumeSize: 32,
  frustumDepth: 48,
};

const GROUPS = 8;
const EPSILON = 1e-5;

/** Embedding of the timestep for the volume networks; its own, not the UNet's. @param t [1] @returns [1, timeWidth] */
export function volumeTimeEmbedding(s: Scope, t: Value, width: number): Value {
  const g = s.graph;
  return linear(s.at(2), silu(g, linear(s.at(0), timeEmbedding(g, t, width), width)), width);
}

/**
 * Encodes each noisy view.
 * @param x [V, 4, h, w] noisy latents
 * @param time [1, timeWidth]
 * @param view [V, viewWidth] viewpoint embedding of each view
 * @returns [V, viewChannels, h, w]
 */
export function viewEncoder(s: Scope, x: Value, time: Value, view: Value, config: SyncDreamerVolumeConfig): Value {
  const g = s.graph;
  const width = config.viewChannels;
  let h = conv(s.at('init_conv'), x, width, { kernel: 3 });
  for (const name of ['out_conv0', 'out_conv1', 'out_conv2']) {
    const block = s.at(name);
    const known = add(g, pointwise(block.at('time_embed'), time, width, 2), pointwise(block.at('view_embed'), view, width, 2));
    let inner = conv(block.at('conv', 2), silu(g, groupNorm(block.at('conv', 0), add(g, h, known), GROUPS, EPSILON)), width, { kernel: 3 });
    inner = conv(block.at('conv', 5), silu(g, groupNorm(block.at('conv', 3), inner, GROUPS, EPSILON)), width, { kernel: 3 });
    // the residual takes h alone, without time and view
    h = add(g, h, inner);
  }
  return conv(s.at('final_out', 2), silu(g, groupNorm(s.at('final_out', 0), h, GROUPS, EPSILON)), width, { kernel: 3 });
}

/**
 * 3-D UNet over the features of all views.
 * @param x [1, views * viewChannels, n, n, n], axes z, y, x
 * @param time [1, timeWidth]
 * @returns [1, channels[0], n, n, n]
 */
export function spatialNetwork(s: Scope, x: Value, time: Value, [d0, d1, d2, d3]: SyncDreamerVolumeConfig['channels']): Value {
  const g = s.graph;
  const down = (name: string, h: Value, out: number, stride = 1): Value => {
    const block = s.at(name);
    return conv(block.at('conv'), activated(block.at('bn'), h, [pointwise(block.at('t_conv'), time, h.shape[1] as number, 3)]), out, {
      kernel: 3,
      stride,
    });
  };
  const up = (name: string, h: Value, out: number): Value => {
    const block = s.at(name);
    return doubled(block.at('conv'), activated(block.at('norm'), h, [pointwise(block.at('t_conv'), time, h.shape[1] as number, 3)]), out);
  };
  const finest = down('conv0', conv(s.at('init_conv'), x, d0, { kernel: 3 }), d0);
  const fine = down('conv2_1', down('conv2_0', down('conv1', finest, d1, 2), d1), d1);
  const coarse = down('conv4_1', down('conv4_0', down('conv3', fine, d2, 2), d2), d2);
  let h = down('conv6_1', down('conv6_0', down('conv5', coarse, d3, 2), d3), d3);
  h = add(g, coarse, up('conv7', h, d2));
  h = add(g, fine, up('conv8', h, d1));
  return add(g, finest, up('conv9', h, d0));
}

/**
 * 3-D UNet over the spatial volume as some views see it.
 * @param x [F, channels[0], depth, h, w]
 * @param time [1, timeWidth]
 * @param view [F, viewWidth]
 * @returns volumes by their width in pixels, [F, C, D, width, width]; wider ones have fewer channels
 */
export function frustumNetwork(
  s: Scope,
  x: Value,
  time: Value,
  view: Value,
  [d0, d1, d2, d3]: SyncDreamerVolumeConfig['channels'],
): Map<number, Value> {
  const g = s.graph;
  const known = (block: Scope, h: Value): Value[] => [
    pointwise(block.at('t_conv'), time, h.shape[1] as number, 3),
    pointwise(block.at('v_conv'), view, h.shape[1] as number, 3),
  ];
  const down = (name: string, h: Value, out: number, stride = 1): Value => {
    const block = s.at(name);
    return conv(block.at('conv'), activated(block.at('bn'), h, known(block, h)), out, { kernel: 3, stride });
  };
  const up = (name: string, h: Value, out: number): Value => {
    const block = s.at(name);
    return doubled(block.at('conv'), activated(block.at('norm'), h, known(block, h)), out);
  };
  let x0 = conv(s.at('conv0'), x, d0, { kernel: 3 });
  let x1 = down('conv2', down('conv1', x0, d1, 2), d1);
  let x2 = down('conv4', down('conv3', x1, d2, 2), d2);
  const x3 = down('conv6', down('conv5', x2, d3, 2), d3);
  x2 = add(g, up('up0', x3, d2), x2);
  x1 = add(g, up('up1', x2, d1), x1);
  x0 = add(g, up('up2', x1, d0), x0);
  return new Map([x0, x1, x2, x3].map((volume) => [volume.shape[4] as number, volume]));
}

/**
 * Weighted sums of neighbours: any interpolation with fixed positions, without the grid sampling operator that many providers lack.
 * @param features [C, M]
 * @param index [V, K, P] int32, 0 to M - 1
 * @param weight [V, K, P]
 * @returns [V, C, P]
 */
export function sampleByTable(s: Scope, features: Value, index: Value, weight: Value): Value {
  return transpose(s.graph, sampleRows(s, transpose(s.graph, features, [1, 0]), index, weight), [0, 2, 1]);
}

/** The same with the channels last, as rows that are gathered whole: features [M, C] to [V, P, C]. */
export function sampleRows(s: Scope, features: Value, index: Value, weight: Value): Value {
  const g = s.graph;
  const [views, neighbours, points] = index.shape as [Value['shape'][0], number, number];
  let sum: Value | undefined;
  for (let k = 0; k < neighbours; k++) {
    const at = reshape(g, slice(g, index, 1, k, k + 1), [views, points]);
    const share = reshape(g, slice(g, weight, 1, k, k + 1), [views, points, 1]);
    const term = mul(g, gather(g, features, at, 0), share);
    sum = sum === undefined ? term : add(g, sum, term);
  }
  return sum!;
}

/** GroupNorm and SiLU of h plus terms that are constant over space. */
function activated(norm: Scope, h: Value, terms: readonly Value[]): Value {
  const g = norm.graph;
  const constant = terms.reduce((sum, term) => add(g, sum, term));
  return silu(g, groupNorm(norm, add(g, h, constant), GROUPS, EPSILON));
}

/** Exactly twice the size. */
function doubled(s: Scope, x: Value, out: number): Value {
  return convTranspose(s, x, out, { kernel: 3, stride: 2, padding: 1, outputPadding: 1 });
}

/** A convolution of kernel 1 on a single point is a linear layer: [B, in] to [B, out, 1, ...]. */
function pointwise(s: Scope, x: Value, out: number, dimensions: number): Value {
  const g = s.graph;
  const inWidth = x.shape[1] as number;
  const ones = Array<number>(dimensions).fill(1);
  const weight = s.weight('weight', [out, inWidth, ...ones], [out, inWidth]);
  return reshape(g, linearWith(g, x, weight, s.weight('bias', [out])), [x.shape[0]!, out, ...ones]);
}
