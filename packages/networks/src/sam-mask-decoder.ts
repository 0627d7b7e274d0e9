import {
  add,
  attention,
  concat,
  conv,
  convTranspose,
  cos,
  gelu,
  layerNorm,
  layerNormChannels,
  linear,
  matmul,
  mul,
  relu,
  reshape,
  type Scope,
  scale,
  shift,
  sin,
  slice,
  sub,
  transpose,
  type Value,
} from '@gestalt3d/onnx';

/** Prompt encoder and mask decoder of Segment Anything (Kirillov et al. 2023, appendix A). */
export interface SamDecoderConfig {
  /** Side of the padded picture, pixels: the frame of the points. */
  imageSize: number;
  /** Side of the image embedding. */
  gridSize: number;
  width: number;
  maskChannels: number;
  depth: number;
  heads: number;
  mlpWidth: number;
  /** Masks beside the first. */
  alternatives: number;
  qualityWidth: number;
}

export const SAM_DECODER: SamDecoderConfig = {
  imageSize: 1024,
  gridSize: 64,
  width: 256,
  maskChannels: 16,
  depth: 2,
  heads: 8,
  mlpWidth: 2048,
  alternatives: 3,
  qualityWidth: 256,
};

export interface SamPrompt {
  /** [1, N, 2] x, y in pixels of the padded picture. */
  points: Value;
  /** [1, N] -1 padding (needed once when there is no box), 0 not the object, 1 the object, 2 and 3 first and second corner of a box. */
  labels: Value;
  /** [1, 1, 4 gridSize, 4 gridSize] logits of an earlier mask; anything when hasMask is 0. */
  mask: Value;
  /** [1] 1 when there is a mask, else 0. */
  hasMask: Value;
}

/**
 * @param s the root of SAM's state: `prompt_encoder` and `mask_decoder` lie below it
 * @param image [1, width, gridSize, gridSize] of the image encoder
 * @returns logits [1, 1 + alternatives, 4 gridSize, 4 gridSize] (the first is the answer to an unambiguous prompt) and the predicted IoU of each
 */
export function samMaskDecoder(s: Scope, image: Value, prompt: SamPrompt, config: SamDecoderConfig): { masks: Value; quality: Value } {
  const g = s.graph;
  const { width, gridSize: n } = config;
  const encoder = s.at('prompt_encoder');
  const d = s.at('mask_decoder');
  const maskCount = config.alternatives + 1;

  const gridPositions = gridEncoding(encoder, config);
  const source = add(g, image, denseEmbedding(encoder, prompt, config));
  let keys = transpose(g, reshape(g, source, [1, width, n * n]), [0, 2, 1]);
  const own = concat(g, [d.weight('iou_token.weight', [1, width]), d.weight('mask_tokens.weight', [maskCount, width])], 0);
  const tokens = concat(g, [reshape(g, own, [1, 1 + maskCount, width]), sparseEmbedding(encoder, prompt, config)], 1);

  // two-way transformer: tokens look at the picture, the picture looks at the tokens
  let queries = tokens;
  const t = d.at('transformer');
  for (let i = 0; i < config.depth; i++) {
    const layer = t.at('layers', i);
    // the first layer has no positions in its self-attention, and no residual around it
    if (i === 0) queries = crossAttention(layer.at('self_attn'), queries, queries, queries, config, 1);
    else {
      const placed = add(g, queries, tokens);
      queries = add(g, queries, crossAttention(layer.at('self_attn'), placed, placed, queries, config, 1));
    }
    queries = layerNorm(layer.at('norm1'), queries, 1e-5);
    const seen = crossAttention(
      layer.at('cross_attn_token_to_image'),
      add(g, queries, tokens),
      add(g, keys, gridPositions),
      keys,
      config,
      2,
    );
    queries = layerNorm(layer.at('norm2'), add(g, queries, seen), 1e-5);
    const inner = linear(layer.at('mlp', 'lin2'), relu(g, linear(layer.at('mlp', 'lin1'), queries, config.mlpWidth)), width);
    queries = layerNorm(layer.at('norm3'), add(g, queries, inner), 1e-5);
    const told = crossAttention(
      layer.at('cross_attn_image_to_token'),
      add(g, keys, gridPositions),
      add(g, queries, tokens),
      queries,
      config,
      2,
    );
    keys = layerNorm(layer.at('norm4'), add(g, keys, told), 1e-5);
  }
  const last = crossAttention(t.at('final_attn_token_to_image'), add(g, queries, tokens), add(g, keys, gridPositions), keys, config, 2);
  queries = layerNorm(t.at('norm_final_attn'), add(g, queries, last), 1e-5);

  // masks: each mask token becomes a filter over the enlarged embedding
  const half = { kernel: 2, stride: 2, padding: 0, outputPadding: 0 };
  const up = d.at('output_upscaling');
  let field = reshape(g, transpose(g, keys, [0, 2, 1]), [1, width, n, n]);
  field = gelu(g, layerNormChannels(up.at(1), convTranspose(up.at(0), field, width / 4, half), 1e-6));
  field = gelu(g, convTranspose(up.at(3), field, width / 8, half));
  const filters = Array.from({ length: maskCount }, (_, i) =>
    perceptron(d.at('output_hypernetworks_mlps', i, 'layers'), slice(g, queries, 1, i + 1, i + 2), [width, width, width / 8]),
  );
  const masks = matmul(g, concat(g, filters, 1), reshape(g, field, [1, width / 8, 16 * n * n]));
  const head = [config.qualityWidth, config.qualityWidth, maskCount];
  const quality = perceptron(d.at('iou_prediction_head', 'layers'), slice(g, queries, 1, 0, 1), head);
  return { masks: reshape(g, masks, [1, maskCount, 4 * n, 4 * n]), quality: reshape(g, quality, [1, maskCount]) };
}

/** [1, N, width]: position of each point plus what its label means. */
function sparseEmbedding(s: Scope, { points, labels }: SamPrompt, { imageSize, width }: SamDecoderConfig): Value {
  const g = s.graph;
  const count = points.shape[1]!;
  const centred = scale(g, shift(g, points, 0.5), 1 / imageSize);
  const column = reshape(g, labels, [1, count, 1]);
  const is = (label: number): Value => g.cast(g.node('Equal', [column, g.floats([label], [])], column.shape, {}, 'bool'), g.precision);
  const isPadding = is(-1);
  const table: [Value, string][] = [[isPadding, 'not_a_point_embed.weight']];
  for (let label = 0; label < 4; label++) table.push([is(label), `point_embeddings.${label}.weight`]);
  const known = sub(g, g.floats([1], [], g.precision), isPadding);
  return table.reduce(
    (sum, [share, name]) => add(g, sum, mul(g, share, s.weight(name, [1, width]))),
    mul(g, fourier(s, centred, width), known),
  );
}

/** [1, width, n, n]: the earlier mask, or the embedding of having none. */
function denseEmbedding(s: Scope, { mask, hasMask }: SamPrompt, { maskChannels, width }: SamDecoderConfig): Value {
  const g = s.graph;
  const down = s.at('mask_downscaling');
  const half = { kernel: 2, stride: 2, padding: 0 };
  let h = gelu(g, layerNormChannels(down.at(1), conv(down.at(0), mask, maskChannels / 4, half), 1e-6));
  h = gelu(g, layerNormChannels(down.at(4), conv(down.at(3), h, maskChannels, half), 1e-6));
  h = conv(down.at(6), h, width, { kernel: 1 });
  const share = reshape(g, hasMask, [1, 1, 1, 1]);
  const none = mul(g, s.weight('no_mask_embed.weight', [1, width], [1, width, 1, 1]), sub(g, g.floats([1], [], g.precision), share));
  return add(g, mul(g, h, share), none);
}

/** [1, n n, width]: where each cell of the image embedding lies. */
function gridEncoding(s: Scope, { gridSize: n, width }: SamDecoderConfig): Value {
  const g = s.graph;
  const centres = Array.from({ length: n * n }, (_, i) => [((i % n) + 0.5) / n, (Math.floor(i / n) + 0.5) / n]).flat();
  return fourier(s, g.floats(centres, [1, n * n, 2]), width);
}

/** Random Fourier features (Tancik et al. 2020) of positions in [0, 1]^2, in fp32: the angles are large. */
function fourier(s: Scope, positions: Value, width: number): Value {
  const g = s.graph;
  const matrix = g.cast(s.weight('pe_layer.positional_encoding_gaussian_matrix', [2, width / 2]), 'float32');
  const angles = scale(g, matmul(g, shift(g, scale(g, positions, 2), -1), matrix), 2 * Math.PI);
  return g.cast(concat(g, [sin(g, angles), cos(g, angles)], 2), g.precision);
}

/** @param narrowing the inner width is width / narrowing */
function crossAttention(s: Scope, q: Value, k: Value, v: Value, { width, heads }: SamDecoderConfig, narrowing: number): Value {
  const inner = width / narrowing;
  const [queries, keys, values] = [linear(s.at('q_proj'), q, inner), linear(s.at('k_proj'), k, inner), linear(s.at('v_proj'), v, inner)];
  return linear(s.at('out_proj'), attention(s.graph, queries, keys, values, heads), width);
}

/** Linear layers with ReLU between them. */
function perceptron(s: Scope, x: Value, widths: readonly number[]): Value {
  return widths.reduce((h, width, i) => {
    const out = linear(s.at(i), h, width);
    return i < widths.length - 1 ? relu(s.graph, out) : out;
  }, x);
}
