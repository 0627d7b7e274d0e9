import { createRng, ShapeMismatchError } from '@gestalt3d/core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { CheckpointDamagedError, CheckpointUnknownError } from '../checkpoint/errors.ts';
import { toFloat16Bits } from '../checkpoint/float16.ts';
import { productOf, type Shape, sumOf } from './dim.ts';
import { eightBit } from './eight-bit.ts';
import { encodeGraph, externalFileBytes } from './encode-graph.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';
import { add, gelu, quickGelu, silu, softmax } from './ops/arithmetic.ts';
import { attention, linear, matmul } from './ops/attention.ts';
import { conv, convTranspose, resizeBicubicAligned, upsampleNearest2 } from './ops/convolution.ts';
import { groupNorm, layerNorm, layerNormChannels } from './ops/normalisation.ts';
import { concat, expandBatch, gather, padZeros, reshape, slice, split, transpose } from './ops/shape.ts';
import { ProtoWriter } from './proto-writer.ts';
import type { WeightSource } from './weight-source.ts';

function memoryWeights(tensors: Record<string, [number[], ArrayLike<number>]>): WeightSource {
  return {
    name: 'memory',
    shapeOf: (key) => tensors[key]?.[0],
    async *stream(key, dtype) {
      const values = Float32Array.from(tensors[key]![1]);
      const halves = new Uint16Array(values.length);
      toFloat16Bits(values, halves);
      // in two pieces, as from a file
      const bytes = new Uint8Array(dtype === 'float32' ? values.buffer : halves.buffer);
      yield bytes.subarray(0, bytes.length >> 1);
      yield bytes.subarray(bytes.length >> 1);
    },
  };
}

async function run(g: GraphBuilder, feeds: Record<string, [ArrayLike<number>, number[]]>): Promise<Record<string, Float32Array>> {
  const encoded = encodeGraph(g, 'g');
  const externalData = [];
  for (const file of encoded.external) {
    const pieces: Uint8Array[] = [];
    for await (const piece of externalFileBytes(g, file)) pieces.push(piece.slice());
    externalData.push({ path: file.path, data: new Uint8Array(Buffer.concat(pieces)) });
  }
  const session = await InferenceSession.create(encoded.model, { externalData, intraOpNumThreads: 1, logSeverityLevel: 4 });
  const inputs = Object.entries(feeds).map(([name, [data, dims]]) => [name, new Tensor('float32', Float32Array.from(data), dims)] as const);
  const results = await session.run(Object.fromEntries(inputs));
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, value.data as Float32Array]));
}

/** y = f(x) for one input with a symbolic batch. */
async function apply(
  shape: Shape,
  dims: number[],
  data: ArrayLike<number>,
  f: (g: GraphBuilder, x: Value) => Value,
  weights: Record<string, [number[], ArrayLike<number>]> = {},
): Promise<number[]> {
  const g = new GraphBuilder('test', memoryWeights(weights));
  g.output('y', f(g, g.input('x', 'float32', shape)));
  return [...(await run(g, { x: [data, dims] })).y!];
}

const count = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);
const rounded = (values: number[], digits = 5): number[] => values.map((value) => Number(value.toFixed(digits)) + 0);

describe('the wire format', () => {
  it('has the bytes of the protobuf documentation', () => {
    expect([...new ProtoWriter().int(1, 150).finish()]).toEqual([0x08, 0x96, 0x01]);
    expect([...new ProtoWriter().string(2, 'testing').finish()]).toEqual([0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
    expect([...new ProtoWriter().message(3, (m) => m.int(1, 150)).finish()]).toEqual([0x1a, 0x03, 0x08, 0x96, 0x01]);
    expect([...new ProtoWriter().packedInts(4, [3, 270, 86942]).finish()]).toEqual([0x22, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]);
    expect([...new ProtoWriter().int(1, -1).finish()]).toEqual([0x08, ...Array<number>(9).fill(0xff), 0x01]);
    expect([...new ProtoWriter().float(2, 1).finish()]).toEqual([0x15, 0, 0, 0x80, 0x3f]);
  });
});

describe('sizes', () => {
  it('multiplies and adds symbols', () => {
    expect(productOf([2, 3])).toBe(6);
    expect(productOf(['B', 4, '2*B'])).toBe('8*B*B');
    expect(productOf(['N', 'B'])).toBe(productOf(['B', 'N']));
    expect(sumOf([5, 'N', 2])).toBe('7+N');
  });
});

describe('operators', () => {
  it('moves elements', async () => {
    const x = count(12);
    expect(await apply(['B', 2, 3], [2, 2, 3], x, (g, v) => reshape(g, v, ['2*B', 3]))).toEqual(x);
    expect(await apply(['B', 2, 3], [1, 2, 3], count(6), (g, v) => transpose(g, v, [0, 2, 1]))).toEqual([0, 3, 1, 4, 2, 5]);
    expect(await apply(['B', 2], [1, 2], [1, 2], (g, v) => concat(g, [v, v], 1))).toEqual([1, 2, 1, 2]);
    expect(await apply(['B', 4], [1, 4], count(4), (g, v) => slice(g, v, 1, 1, 3))).toEqual([1, 2]);
    expect(await apply(['B', 4], [1, 4], count(4), (g, v) => add(g, ...(split(g, v, 1, 2) as [Value, Value])))).toEqual([2, 4]);
    expect(await apply([2, 2], [2, 2], count(4), (g, v) => gather(g, v, g.ints([1, 0, 1]), 0))).toEqual([2, 3, 0, 1, 2, 3]);
    expect(await apply([1, 1, 2, 2], [1, 1, 2, 2], count(4, 1), (g, v) => padZeros(g, v, [0, 0, 0, 0], [0, 0, 1, 1]))).toEqual([
      1, 2, 0, 3, 4, 0, 0, 0, 0,
    ]);
    expect(await apply(['B', 1], [3, 1], [5, 6, 7], (g, v) => concat(g, [expandBatch(g, g.floats([9], [1, 1]), v), v], 1))).toEqual([
      9, 5, 9, 6, 9, 7,
    ]);
  });

  it('has the activations of their definitions', async () => {
    const x = [-2, -0.5, 0, 1, 3];
    const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));
    expect(rounded(await apply([5], [5], x, silu))).toEqual(rounded(x.map((v) => v * sigmoid(v))));
    expect(rounded(await apply([5], [5], x, quickGelu))).toEqual(rounded(x.map((v) => v * sigmoid(1.702 * v))));
    // x Phi(x) from a table of the normal distribution
    expect(rounded(await apply([5], [5], x, gelu), 4)).toEqual([-0.0455, -0.1543, 0, 0.8413, 2.996]);
    expect(rounded(await apply([1, 2], [1, 2], [0, Math.log(3)], (g, v) => softmax(g, v)))).toEqual([0.25, 0.75]);
  });

  it('convolves in two and three dimensions, strided and transposed', async () => {
    const box = { weight: [[1, 1, 3, 3], Array<number>(9).fill(1)], bias: [[1], [10]] } as Record<string, [number[], number[]]>;
    const picture = count(9, 1);
    expect(await apply(['B', 1, 3, 3], [1, 1, 3, 3], picture, (g, v) => conv(g.scope(), v, 1, { kernel: 3 }), box)).toEqual(
      [12, 21, 16, 27, 45, 33, 24, 39, 28].map((v) => v + 10),
    );
    expect(await apply([1, 1, 3, 3], [1, 1, 3, 3], picture, (g, v) => conv(g.scope(), v, 1, { kernel: 3, stride: 2 }), box)).toEqual([
      22, 26, 34, 38,
    ]);
    const cube = { weight: [[1, 1, 3, 3, 3], Array<number>(27).fill(1)], bias: [[1], [0]] } as Record<string, [number[], number[]]>;
    expect(await apply([1, 1, 2, 2, 2], [1, 1, 2, 2, 2], count(8), (g, v) => conv(g.scope(), v, 1, { kernel: 3 }), cube)).toEqual(
      Array(8).fill(28),
    );
    const double = { kernel: 3, stride: 2, padding: 1, outputPadding: 1 };
    const ones = { weight: [[1, 1, 3, 3], Array<number>(9).fill(1)], bias: [[1], [0]] } as Record<string, [number[], number[]]>;
    expect(await apply([1, 1, 1, 1], [1, 1, 1, 1], [2], (g, v) => convTranspose(g.scope(), v, 1, double), ones)).toEqual([2, 2, 2, 2]);
    expect(await apply([1, 1, 1, 2], [1, 1, 1, 2], [1, 2], (g, v) => upsampleNearest2(g.scope(), v))).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
  });

  it('resizes as pix2gestalt prepares pictures for CLIP: an impulse at (100, 100) of 256', async () => {
    const impulse = new Float32Array(256 * 256);
    impulse[100 * 256 + 100] = 1;
    const small = await apply([1, 1, 256, 256], [1, 1, 256, 256], impulse, (g, v) => resizeBicubicAligned(g.scope(), v, 224));
    const at = (row: number, column: number) => small[row * 224 + column]!;
    expect(rounded([at(86, 86), at(87, 87), at(88, 88), at(89, 89), at(87, 88)], 4)).toEqual([0.0033, 0.3284, 0.1785, 0.0009, 0.2421]);
  });

  it('normalises groups, rows and channels', async () => {
    const affine = { weight: [[2], [1, 10]], bias: [[2], [0, 5]] } as Record<string, [number[], number[]]>;
    // one group of 1, 3 | 5, 7: mean 4, variance 5
    const z = [-3, -1, 1, 3].map((v) => v / Math.sqrt(5));
    const expected = [z[0]!, z[1]!, 10 * z[2]! + 5, 10 * z[3]! + 5];
    expect(rounded(await apply(['B', 2, 1, 2], [1, 2, 1, 2], [1, 3, 5, 7], (g, v) => groupNorm(g.scope(), v, 1, 0), affine), 4)).toEqual(
      rounded(expected, 4),
    );
    expect(rounded(await apply(['B', 2], [1, 2], [1, 3], (g, v) => layerNorm(g.scope(), v, 1e-9), affine), 4)).toEqual([-1, 15]);
    expect(rounded(await apply([1, 2, 1, 1], [1, 2, 1, 1], [1, 3], (g, v) => layerNormChannels(g.scope(), v, 0), affine), 4)).toEqual([
      -1, 15,
    ]);
  });

  it.each([true, false])('attends as the definition says, fused %s, seed 3', async (fused) => {
    const rng = createRng(3);
    const [n, m, heads, d] = [3, 4, 2, 5];
    const [q, k, v] = [n, m, m].map((rows) => rng.fillNormal(new Float32Array(rows * heads * d))) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const g = new GraphBuilder('test', memoryWeights({}), { fused });
    const of = (name: string, rows: number) => g.input(name, 'float32', ['B', rows, heads * d]);
    g.output('y', attention(g, of('q', n), of('k', m), of('v', m), heads));
    const { y } = await run(g, { q: [q, [1, n, 10]], k: [k, [1, m, 10]], v: [v, [1, m, 10]] });
    for (let i = 0; i < n; i++)
      for (let c = 0; c < heads * d; c++) {
        const head = Math.floor(c / d) * d;
        const weights = count(m).map((j) =>
          Math.exp(count(d).reduce((sum, e) => sum + q[i * 10 + head + e]! * k[j * 10 + head + e]!, 0) / Math.sqrt(d)),
        );
        const total = weights.reduce((a, b) => a + b);
        expect(y![i * 10 + c]).toBeCloseTo(
          weights.reduce((sum, w, j) => sum + (w / total) * v[j * 10 + c]!, 0),
          5,
        );
      }
  });
});

describe('mistakes', () => {
  const g = () => new GraphBuilder('test', memoryWeights({ 'a.weight': [[3, 4], Array(12).fill(0)], 'a.bias': [[3], [0, 0, 0]] }));
  it('fail where they are made, with both shapes', () => {
    const b = g();
    const x = b.input('x', 'float32', ['B', 2, 5]);
    expect(() => linear(b.scope('a'), x, 3)).toThrow('a.weight: expected shape [3, 5], got [3, 4]');
    expect(() => matmul(b, x, x)).toThrow('expected shape [B, 2, 5], got [B, 2, 5]');
    expect(() => add(b, x, b.input('y', 'float32', ['B', 2, 4]))).toThrow('expected shape [B, 2, 5], got [B, 2, 4]');
    expect(() => reshape(b, x, ['B', 11])).toThrow('reshape: expected shape [B, 11], got [B, 2, 5]');
    expect(() => reshape(b, x, ['C', 10])).toThrow(ShapeMismatchError);
    expect(() => concat(b, [x, b.input('z', 'float32', ['B', 3, 4])], 1)).toThrow(ShapeMismatchError);
    expect(() => split(b, x, 2, 2)).toThrow('a multiple of 2');
    expect(() => slice(b, x, 1, 0, 3)).toThrow(ShapeMismatchError);
    expect(() => conv(b.scope('a'), x, 3, { kernel: 1 })).toThrow('input of a: expected shape [B, C, (D), H, W], got [B, 2, 5]');
    expect(() => attention(b, x, x, b.input('v', 'float32', ['B', 3, 5]), 1)).toThrow(
      'attention v: expected shape [B, 2, 5], got [B, 3, 5]',
    );
    expect(() => linear(b.scope('missing'), x, 3)).toThrow(CheckpointUnknownError);
    expect(() => linear(b.scope('missing'), x, 3)).toThrow('a tensor missing.weight [3, 5]');
  });

  it('notices a source that gives fewer bytes than its shape', async () => {
    const b = new GraphBuilder(
      'test',
      memoryWeights({
        weight: [
          [2, 2],
          [1, 2, 3],
        ],
      }),
    );
    b.output('y', linear(b.scope(), b.input('x', 'float32', [1, 2]), 2, { bias: false }));
    const [file] = encodeGraph(b, 'g').external;
    const drain = async () => {
      for await (const _ of externalFileBytes(b, file!));
    };
    await expect(drain()).rejects.toThrow(CheckpointDamagedError);
  });
});

describe('files', () => {
  const make = (precision: 'float32' | 'float16' = 'float32') => {
    const b = new GraphBuilder('test', memoryWeights({ 'a.weight': [[3, 4], count(12)], 'a.bias': [[3], [1, 2, 3]] }), { precision });
    const x = b.input('x', 'float32', ['B', 4]);
    b.output('y', silu(b, linear(b.scope('a'), x, 3)));
    b.output('z', linear(b.scope('a'), x, 3));
    return b;
  };

  it('are the same for the same graph, hold each weight once, aligned', () => {
    const [a, b] = [encodeGraph(make(), 'g'), encodeGraph(make(), 'g')];
    expect(a).toEqual(b);
    expect(a.external).toHaveLength(1);
    expect(a.external[0]!.weights.map(({ weight, offset, bytes }) => [weight.name, offset, bytes])).toEqual([
      ['a.weight', 0, 48],
      ['a.bias', 64, 12],
    ]);
    expect(a.spec).toEqual({
      file: 'g.onnx',
      inputs: [{ name: 'x', dtype: 'float32', dims: ['B', 4] }],
      outputs: [
        { name: 'y', dtype: 'float32', dims: ['B', 3] },
        { name: 'z', dtype: 'float32', dims: ['B', 3] },
      ],
      externalData: ['g.0.bin'],
    });
  });

  it('run in both precisions with fp32 at the borders', async () => {
    for (const precision of ['float32', 'float16'] as const) {
      const { z } = await run(make(precision), {
        x: [
          [1, 0, 0, 1],
          [1, 4],
        ],
      });
      expect([...z!]).toEqual([0 + 3 + 1, 4 + 7 + 2, 8 + 11 + 3]);
    }
    expect(encodeGraph(make('float16'), 'g').external[0]!.weights.map(({ bytes }) => bytes)).toEqual([24, 6]);
  });
});

describe('weights in 8 bits', () => {
  const LINEAR: [number[], number[]] = [[256, 256], count(65_536).map((i) => Math.sin(i * i))];
  const CONV: [number[], number[]] = [[64, 128, 3, 3], count(73_728).map((i) => Math.cos(i * i))];
  const make = (eightBit: boolean, weights: Record<string, [number[], ArrayLike<number>]>, f: (g: GraphBuilder) => Value) => {
    const g = new GraphBuilder('test', memoryWeights(weights), { eightBit });
    g.output('y', f(g));
    return g;
  };
  /** The largest difference that rounding every weight by half a step can make: |x| summed, times half a step of weights up to 1. */
  const bound = (x: ArrayLike<number>): number => (Array.from(x).reduce((sum, value) => sum + Math.abs(value), 0) * 0.5) / 127;

  it('give the products of a linear layer up to half a step a weight', async () => {
    const graph = (eightBit: boolean) =>
      make(eightBit, { 'a.weight': LINEAR, 'a.bias': [[256], count(256)] }, (g) =>
        linear(g.scope('a'), g.input('x', 'float32', ['B', 2, 256]), 256),
      );
    const x = count(1024).map((i) => Math.cos(3 * i));
    const feeds = { x: [x, [2, 2, 256]] as [number[], number[]] };
    const [exact, eight] = [(await run(graph(false), feeds)).y!, (await run(graph(true), feeds)).y!];
    const most = Math.max(...eight.map((value, i) => Math.abs(value - exact[i]!)));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(bound(x.slice(0, 256)));
    // a byte a weight, a step a block of 64, and the bias
    expect(encodeGraph(graph(true), 'g').external[0]!.weights.map(({ weight, bytes }) => [weight.name, bytes])).toEqual([
      ['a.weight:levels', 65_536],
      ['a.weight:steps', 4096],
      ['a.bias', 1024],
    ]);
  });

  it('give the sums of a convolution up to half a step a weight', async () => {
    const graph = (eightBit: boolean) =>
      make(eightBit, { 'a.weight': CONV, 'a.bias': [[64], count(64)] }, (g) =>
        conv(g.scope('a'), g.input('x', 'float32', ['B', 128, 4, 4]), 64, { kernel: 3 }),
      );
    const x = count(2048).map((i) => Math.cos(3 * i));
    const feeds = { x: [x, [1, 128, 4, 4]] as [number[], number[]] };
    const [exact, eight] = [(await run(graph(false), feeds)).y!, (await run(graph(true), feeds)).y!];
    const most = Math.max(...eight.map((value, i) => Math.abs(value - exact[i]!)));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(bound(x));
    expect(encodeGraph(graph(true), 'g').external[0]!.bytes).toBeLessThan(0.26 * encodeGraph(graph(false), 'g').external[0]!.bytes);
  });

  it('are exact where weights are whole steps, in blocks of zeros too, and in whatever pieces they stream by', async () => {
    const values = Float32Array.from({ length: 65_536 }, (_, i) => (i < 64 ? 0 : i % 64 === 0 ? 127 : (i % 255) - 127));
    const bytes = new Uint8Array(values.buffer);
    for (const size of [4, 1000, 4096, bytes.length]) {
      const pieces = async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      };
      const levels: number[] = [];
      for await (const piece of eightBit(pieces(), { kind: 'levels', block: 64 })) for (const level of piece) levels.push(level);
      expect(levels).toHaveLength(values.length);
      expect(levels.every((level, i) => level - 128 === values[i]!)).toBe(true);
      const steps: number[] = [];
      for await (const piece of eightBit(pieces(), { kind: 'steps', block: 64 }))
        steps.push(...new Float32Array(piece.buffer, piece.byteOffset, piece.length / 4));
      expect(steps).toEqual(Array(1024).fill(1));
    }
  });

  it('leave small tensors as they are', () => {
    const g = make(true, { 'a.weight': [[3, 64], count(192)], 'a.bias': [[3], [1, 2, 3]] }, (b) =>
      linear(b.scope('a'), b.input('x', 'float32', [1, 64]), 3),
    );
    expect([...g.initializers.values()].map(({ dtype }) => dtype)).toEqual(['float32', 'float32']);
  });
});
