import {
  add,
  attention,
  concat,
  conv,
  expandBatch,
  groupNorm,
  reshape,
  type Scope,
  silu,
  split,
  transpose,
  type Value,
} from '@gestalt3d/onnx';

// models/common/blocks.py, layer by layer. Names of parameters are those of the checkpoints.

const EPSILON = 1e-5;

/** GroupNorm and SiLU, which stand before most convolutions. */
export const activated = (s: Scope, x: Value, groups: number): Value => silu(s.graph, groupNorm(s, x, groups, EPSILON));

/** GroupNorm, SiLU, 3x3 convolution, twice, around a skip. @param groups of both normalisations */
export function residual(s: Scope, x: Value, channels: number, groups: readonly [number, number] = [8, 8]): Value {
  const inner = conv(s.at('c1'), activated(s.at('n1'), x, groups[0]), channels, { kernel: 3 });
  const outer = conv(s.at('c2'), activated(s.at('n2'), inner, groups[1]), channels, { kernel: 3 });
  return add(s.graph, x.shape[1] === channels ? x : conv(s.at('skip'), x, channels, { kernel: 1 }), outer);
}

/** Self-attention over the pixels of x [B, C, H, W]. `placed`: with a learned position for each pixel. */
export function pixelAttention(
  s: Scope,
  x: Value,
  { heads = 4, groups = 8, placed = false }: { heads?: number; groups?: number; placed?: boolean } = {},
): Value {
  const g = s.graph;
  const [batch, channels, height, width] = x.shape as [Value['shape'][0], number, number, number];
  const normal = groupNorm(s.at('norm'), x, groups, EPSILON);
  const y = placed ? add(g, normal, s.weight('place', [1, channels, height, width])) : normal;
  const rows = reshape(g, conv(s.at('qkv'), y, 3 * channels, { kernel: 1 }), [batch, 3 * channels, height * width]);
  const [q, k, v] = split(g, transpose(g, rows, [0, 2, 1]), 2, 3) as [Value, Value, Value];
  const mixed = reshape(g, transpose(g, attention(g, q, k, v, heads), [0, 2, 1]), x.shape);
  return add(g, x, conv(s.at('out'), mixed, channels, { kernel: 1 }));
}

/** Pixel centres of a frame of [-1, 1], `size` of them. */
export const pixelCentres = (size: number): number[] => Array.from({ length: size }, (_, i) => ((i + 0.5) / size) * 2 - 1);

/** x and y of the pixels' centres, y down: [B, 2, size, size]. @param like has the batch */
export function pixelGrid(s: Scope, size: number, like: Value): Value {
  const g = s.graph;
  const axis = pixelCentres(size);
  const still = Array<number>(size).fill(0);
  const x = add(g, g.floats(axis, [1, 1, 1, size]), g.floats(still, [1, 1, size, 1]));
  const y = add(g, g.floats(axis, [1, 1, size, 1]), g.floats(still, [1, 1, 1, size]));
  return expandBatch(g, concat(g, [x, y], 1), like);
}
