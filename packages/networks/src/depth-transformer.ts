import { ShapeMismatchError } from '@gestalt3d/core';
import {
  add,
  concat,
  conv,
  groupNorm,
  linearWith,
  mul,
  reduceSum,
  relu,
  reshape,
  type Scope,
  type Shape,
  scale,
  silu,
  softmax,
  type Value,
} from '@gestalt3d/onnx';

const HEADS = 4;
const GROUPS = 8;

/**
 * SyncDreamer's depth attention: every pixel of the features looks along the depth of the frustum volume of the same width.
 * @param x [B, C, H, W]; where B is twice the volume's batch, the second half has no volume (the null branch of guidance)
 * @param volumes width to [B, V, D, H, W]
 * @returns [B, C, H, W]; attention itself has no residual, the whole has one
 * @throws ShapeMismatchError when there is no volume of that width
 */
export function depthTransformer(s: Scope, x: Value, volumes: ReadonlyMap<number, Value>): Value {
  const g = s.graph;
  const volume = volumes.get(x.shape[3] as number);
  if (volume === undefined)
    throw new ShapeMismatchError(`volume for ${s.prefix}`, ['B', 'C', 'D', ...x.shape.slice(2)], [...volumes.keys()]);
  if (volume.shape[0] === x.shape[0]) return add(g, x, along(s, x, volume));
  const half: Shape = [volume.shape[0]!, ...x.shape.slice(1)];
  const [seeing, blind] = g.nodeWithResults('Split', [x], [half, half], { axis: { int: 0 }, num_outputs: { int: 2 } }) as [Value, Value];
  return concat(g, [add(g, seeing, along(s, seeing, volume)), add(g, blind, ofNothing(s, blind, volume.shape[1] as number))], 0);
}

function along(s: Scope, x: Value, volume: Value): Value {
  const g = s.graph;
  const [batch, , height, width] = x.shape as [Value['shape'][0], number, number, number];
  const [, volumeChannels, depth] = volume.shape as [unknown, number, number];
  const inner = 2 * volumeChannels;
  const headWidth = inner / HEADS;
  const point = { kernel: 1, bias: false };

  const features = silu(g, groupNorm(s.at('proj_in', 1), conv(s.at('proj_in', 0), x, inner, { kernel: 1 }), GROUPS, 1e-5));
  const context = relu(g, groupNorm(s.at('proj_context', 1), conv(s.at('proj_context', 0), volume, volumeChannels, point), GROUPS, 1e-5));

  const attend = s.at('depth_attn');
  const q = reshape(g, conv(attend.at('to_q'), features, inner, point), [batch, HEADS, headWidth, 1, height * width]);
  const alongDepth = [batch, HEADS, headWidth, depth, height * width];
  const k = reshape(g, conv(attend.at('to_k'), context, inner, point), alongDepth);
  const v = reshape(g, conv(attend.at('to_v'), context, inner, point), alongDepth);
  const logits = reduceSum(g, mul(g, scale(g, q, headWidth ** -0.5), k), 2);
  const weights = reshape(g, softmax(g, logits, 2), [batch, HEADS, 1, depth, height * width]);
  return project(s, reshape(g, reduceSum(g, mul(g, v, weights), 3), [batch, inner, height, width]), x);
}

/**
 * What a volume of zeros gives: group normalisation leaves its bias, all keys are equal, attention is an even mean of equal values. So the result does
 * not depend on the features: it is made of weights alone, [1, C, H, W], and the runtime computes it once, when it loads the graph.
 */
function ofNothing(s: Scope, x: Value, volumeChannels: number): Value {
  const g = s.graph;
  const [, , height, width] = x.shape as [unknown, number, number, number];
  const inner = 2 * volumeChannels;
  const context = relu(g, s.at('proj_context', 1).weight('bias', [volumeChannels], [1, volumeChannels]));
  const value = linearWith(
    g,
    context,
    s.at('depth_attn', 'to_v').weight('weight', [inner, volumeChannels, 1, 1, 1], [inner, volumeChannels]),
  );
  const everywhere = g.node('Expand', [reshape(g, value, [1, inner, 1, 1]), g.ints([1, inner, height, width])], [1, inner, height, width]);
  return project(s, everywhere, x);
}

/** @param mixed [B, inner, H, W] @returns as many channels as x */
function project(s: Scope, mixed: Value, x: Value): Value {
  const g = s.graph;
  const inner = mixed.shape[1] as number;
  let h = conv(s.at('depth_attn', 'to_out'), mixed, inner, { kernel: 1, bias: false });
  h = conv(s.at('proj_out', 2), relu(g, groupNorm(s.at('proj_out', 0), h, GROUPS, 1e-5)), inner, { kernel: 3, bias: false });
  return conv(s.at('proj_out', 5), relu(g, groupNorm(s.at('proj_out', 3), h, GROUPS, 1e-5)), x.shape[1] as number, {
    kernel: 3,
    bias: false,
  });
}
