import { ShapeMismatchError } from '@gestalt3d/core';
import { broadcastShapes, productOf, sizeOf } from '../dim.ts';
import { isWorthEightBit, LINEAR_BLOCK } from '../eight-bit.ts';
import type { GraphBuilder, Scope, Value } from '../graph-builder.ts';
import { add, scale, softmax } from './arithmetic.ts';
import { reshape, transpose } from './shape.ts';

/** x W^T + b over the last axis; weight [out, in]. */
export function linear(s: Scope, x: Value, outWidth: number, { bias = true }: { bias?: boolean } = {}): Value {
  const inWidth = sizeOf(`input of ${s.prefix}`, x.shape, -1);
  const g = s.graph;
  if (g.eightBit && isWorthEightBit(outWidth * inWidth) && inWidth % LINEAR_BLOCK === 0) {
    const blocks = inWidth / LINEAR_BLOCK;
    const { levels, steps } = g.eightBitWeight(s.at('weight').prefix, [outWidth, inWidth], LINEAR_BLOCK, {
      levels: [outWidth, blocks, LINEAR_BLOCK],
      steps: [outWidth, blocks],
    });
    const inputs = [x, levels, steps, ...(bias ? [undefined, undefined, s.weight('bias', [outWidth])] : [])];
    return g.node('com.microsoft:MatMulNBits', inputs, [...x.shape.slice(0, -1), outWidth], {
      K: { int: inWidth },
      N: { int: outWidth },
      bits: { int: 8 },
      block_size: { int: LINEAR_BLOCK },
      // activations stay fp32
      accuracy_level: { int: 1 },
    });
  }
  return linearWith(g, x, s.weight('weight', [outWidth, inWidth]), bias ? s.weight('bias', [outWidth]) : undefined);
}

/** As `linear`, for weights under other names: weight [out, in], bias [out]. */
export function linearWith(g: GraphBuilder, x: Value, weight: Value, bias?: Value): Value {
  const [outWidth, inWidth] = weight.shape as readonly [number, number];
  if (x.shape.at(-1) !== inWidth) throw new ShapeMismatchError('linear', [...x.shape.slice(0, -1), inWidth], x.shape);
  // as a product of two matrices: the weight is used as the checkpoint stores it
  const rows = reshape(g, x, [productOf(x.shape.slice(0, -1)), inWidth]);
  const result = g.node('Gemm', [rows, weight, ...(bias ? [bias] : [])], [rows.shape[0]!, outWidth], { transB: { int: 1 } });
  return reshape(g, result, [...x.shape.slice(0, -1), outWidth]);
}

/** a [..., n, k] times b [..., k, m], leading axes broadcast. @throws ShapeMismatchError naming both */
export function matmul(g: GraphBuilder, a: Value, b: Value): Value {
  if (a.shape.at(-1) !== b.shape.at(-2)) throw new ShapeMismatchError('matmul', a.shape, b.shape);
  const leading = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  return g.node('MatMul', [a, b], [...leading, a.shape.at(-2)!, b.shape.at(-1)!]);
}

/** [B, N, heads * d] to [B, heads, N, d]; heads are contiguous slices of the last axis. */
export function splitHeads(g: GraphBuilder, x: Value, heads: number): Value {
  const width = sizeOf('splitHeads', x.shape, -1);
  if (width % heads !== 0) throw new ShapeMismatchError('splitHeads', [`a multiple of ${heads}`], x.shape);
  return transpose(g, reshape(g, x, [x.shape[0]!, x.shape[1]!, heads, width / heads]), [0, 2, 1, 3]);
}

/** [B, heads, N, d] to [B, N, heads * d]. */
export function joinHeads(g: GraphBuilder, x: Value): Value {
  const moved = transpose(g, x, [0, 2, 1, 3]);
  return reshape(g, moved, [moved.shape[0]!, moved.shape[1]!, productOf(moved.shape.slice(2))]);
}

/**
 * softmax(q k^T / sqrt(d) + mask) v, each head for itself (Vaswani et al. 2017).
 * @param q [B, N, heads * d]
 * @param k, v [B, M, heads * d]
 * @param mask added to the logits; broadcasts to [B, heads, N, M]
 * @returns [B, N, heads * d]
 *
 * Without a mask it is ONNX Runtime's MultiHeadAttention, where the builder allows it: it never holds all logits. Measured on a shared 2-core CPU, one
 * thread, plain against fused: [2, 1024, 8 x 40] 128 and 89 ms, [2, 256, 8 x 80] 13 and 10 ms, [2, 257, 16 x 64] 33 and 10 ms.
 */
export function attention(g: GraphBuilder, q: Value, k: Value, v: Value, heads: number, mask?: Value): Value {
  for (const [name, value] of Object.entries({ k, v }))
    if (value.shape.length !== 3 || value.shape[0] !== q.shape[0] || value.shape[1] !== k.shape[1] || value.shape[2] !== q.shape[2])
      throw new ShapeMismatchError(`attention ${name}`, [q.shape[0]!, k.shape[1]!, q.shape[2]!], value.shape);
  if (g.fused && mask === undefined) return g.node('com.microsoft:MultiHeadAttention', [q, k, v], q.shape, { num_heads: { int: heads } });
  const queries = splitHeads(g, q, heads);
  const keys = transpose(g, splitHeads(g, k, heads), [0, 1, 3, 2]);
  const headWidth = sizeOf('attention', queries.shape, -1);
  const logits = matmul(g, scale(g, queries, headWidth ** -0.5), keys);
  const weights = softmax(g, mask === undefined ? logits : add(g, logits, mask));
  return joinHeads(g, matmul(g, weights, splitHeads(g, v, heads)));
}
