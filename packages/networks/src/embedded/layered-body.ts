import {
  add,
  concat,
  conv,
  minimum,
  mul,
  pixelShuffle,
  pixelUnshuffle,
  reshape,
  type Scope,
  scale,
  shift,
  sigmoid,
  slice,
  softplus,
  sub,
  tanh,
  upsampleNearest2,
  type Value,
} from '@gestalt3d/onnx';
import { activated, pixelAttention, pixelGrid, residual } from './blocks.ts';

/** models/views/model.py: one RGBA view in, what lies behind its pixels out. */
export interface LayeredBodyConfig {
  widths: readonly number[];
  /** Residual blocks of each level. */
  depths: readonly number[];
  size: number;
}

export interface VolumeBodyConfig extends LayeredBodyConfig {
  /** Voxels behind a pixel. */
  voxels: number;
}

/** Of a volume's voxels: world units from the plane through the object's centre, positive away from the camera. */
const [NEAREST, FARTHEST] = [-0.96, 0.84];

/**
 * @param image [B, 4, size, size] straight RGBA in 0..1
 * @param elevation [B] of the camera, radians
 * @returns [B, 5, size, size]: front and back offset along the viewing axis from the plane through the object's centre (world units, positive away from
 *   the camera, back >= front), back colour in 0..1
 */
export function layeredBody(s: Scope, image: Value, elevation: Value, config: LayeredBodyConfig): Value {
  return layers(s, features(s, image, elevation, config));
}

/** @returns [B, 5 + voxels, size, size]: the layers, then for each voxel, nearest first, the logit of being solid */
export function volumeBody(s: Scope, image: Value, elevation: Value, config: VolumeBodyConfig): Value {
  const g = s.graph;
  const { voxels } = config;
  const seen = features(s, image, elevation, config);
  const body = layers(s, seen);
  const depths = g.floats(
    Array.from({ length: voxels }, (_, k) => NEAREST + (k + 0.5) * ((FARTHEST - NEAREST) / voxels)),
    [1, voxels, 1, 1],
  );
  const between = minimum(g, sub(g, depths, slice(g, body, 1, 0, 1)), sub(g, slice(g, body, 1, 1, 2), depths));
  const solid = pixelShuffle(g, conv(s.at('solid'), seen, 4 * voxels, { kernel: 3 }), 2);
  return concat(g, [body, add(g, scale(g, tanh(g, scale(g, between, 10)), 3), solid)], 1);
}

/** What the heads read, [B, widths[0], size / 2, size / 2]. */
function features(s: Scope, image: Value, elevation: Value, { widths, depths, size }: LayeredBodyConfig): Value {
  const g = s.graph;
  const alpha = slice(g, image, 1, 3, 4);
  const nothing = scale(g, alpha, 0);
  const ground = scale(g, sub(g, g.floats([1], []), alpha), 0.5);
  const colours = add(g, mul(g, slice(g, image, 1, 0, 3), alpha), ground);
  const plane = add(g, reshape(g, elevation, [elevation.shape[0]!, 1, 1, 1]), nothing);
  const centred = (value: Value): Value => shift(g, scale(g, value, 2), -1);
  const input = concat(g, [centred(colours), centred(alpha), plane, pixelGrid(s, size, image)], 1);
  let x = conv(s.at('stem'), pixelUnshuffle(g, input, 2), widths[0]!, { kernel: 3 });
  const skips: Value[] = [];
  for (const [i, width] of widths.entries()) {
    const coarsest = i === widths.length - 1;
    let part = 0;
    if (i > 0) x = conv(s.at('down', i, part++), x, width, { kernel: 3, stride: 2 });
    for (let k = 0; k < depths[i]!; k++) {
      if (coarsest && k === depths[i]! - 1) x = pixelAttention(s.at('down', i, part++), x);
      x = residual(s.at('down', i, part++), x, width);
    }
    skips.push(x);
  }
  skips.pop();
  for (let place = 0, i = widths.length - 2; i >= 0; place++, i--) {
    const width = widths[i]!;
    x = concat(g, [upsampleNearest2(s, conv(s.at('up', place, 0), x, width, { kernel: 1 })), skips.pop()!], 1);
    for (let k = 0; k < depths[i]!; k++) x = residual(s.at('up', place, 1, k), x, width);
  }
  return activated(s.at('norm'), x, 8);
}

function layers(s: Scope, seen: Value): Value {
  const g = s.graph;
  const out = pixelShuffle(g, conv(s.at('head'), seen, 20, { kernel: 3 }), 2);
  const front = slice(g, out, 1, 0, 1);
  const back = add(g, front, softplus(g, slice(g, out, 1, 1, 2)));
  return concat(g, [front, back, sigmoid(g, slice(g, out, 1, 2, 5))], 1);
}
