import { concat, cos, type GraphBuilder, mul, reshape, sin, type Value } from '@gestalt3d/onnx';

/**
 * Sinusoidal embedding of timesteps (Vaswani et al. 2017, as OpenAI's diffusion code has it): cosines first, frequencies slowest^(-i / half).
 * @param t [B] float32, any real number
 * @returns [B, width], in the graph's precision
 */
export function timeEmbedding(g: GraphBuilder, t: Value, width: number, slowest = 10000): Value {
  const half = width / 2;
  const frequencies = Array.from({ length: half }, (_, i) => Math.exp((-Math.log(slowest) * i) / half));
  const angles = mul(g, reshape(g, t, [t.shape[0]!, 1]), g.floats(frequencies, [1, half]));
  return g.cast(concat(g, [cos(g, angles), sin(g, angles)], 1), g.precision);
}
