import { ShapeMismatchError } from '@gestalt3d/core';
import { productOf, sizeOf } from '../dim.ts';
import type { Scope, Value } from '../graph-builder.ts';
import { add, div, mean, mul, shift, sqrt, sub } from './arithmetic.ts';
import { reshape } from './shape.ts';

/**
 * Group normalisation (Wu and He 2018) of [B, C, ...], in fp32 whatever the graph's precision: sums over a group overflow fp16.
 * Written as instance normalisation of the groups, which every provider has.
 */
export function groupNorm(s: Scope, x: Value, groups: number, epsilon: number): Value {
  const g = s.graph;
  const channels = sizeOf(`input of ${s.prefix}`, x.shape, 1);
  if (channels % groups !== 0) throw new ShapeMismatchError(`input of ${s.prefix}`, [x.shape[0]!, `a multiple of ${groups}`], x.shape);
  const perChannel = [channels, ...x.shape.slice(2).map(() => 1)];
  const grouped = reshape(g, g.cast(x, 'float32'), [x.shape[0]!, groups, productOf([channels / groups, ...x.shape.slice(2)])]);
  const ones = g.floats(Array<number>(groups).fill(1));
  const zeros = g.floats(Array<number>(groups).fill(0));
  const normal = g.node('InstanceNormalization', [grouped, ones, zeros], grouped.shape, { epsilon: { float: epsilon } });
  const restored = g.cast(reshape(g, normal, x.shape), x.dtype);
  return add(g, mul(g, restored, s.weight('weight', [channels], perChannel)), s.weight('bias', [channels], perChannel));
}

/** Over the last axis, in fp32 inside. */
export function layerNorm(s: Scope, x: Value, epsilon: number): Value {
  const width = sizeOf(`input of ${s.prefix}`, x.shape, -1);
  return s.graph.node('LayerNormalization', [x, s.weight('weight', [width]), s.weight('bias', [width])], x.shape, {
    axis: { int: -1 },
    epsilon: { float: epsilon },
    stash_type: { int: 1 },
  });
}

/** Over the channels of [B, C, H, W], as SAM's LayerNorm2d. */
export function layerNormChannels(s: Scope, x: Value, epsilon: number): Value {
  const g = s.graph;
  const channels = sizeOf(`input of ${s.prefix}`, x.shape, 1);
  const wide = g.cast(x, 'float32');
  const centred = sub(g, wide, mean(g, wide, [1]));
  const normal = div(g, centred, sqrt(g, shift(g, mean(g, mul(g, centred, centred), [1]), epsilon)));
  const perChannel = [channels, 1, 1];
  return add(g, mul(g, g.cast(normal, x.dtype), s.weight('weight', [channels], perChannel)), s.weight('bias', [channels], perChannel));
}
