import { readFileSync } from 'node:fs';
import { ddimSteps, guide, linearSqrtSchedule, sample } from '@gestalt3d/diffusion';
import {
  clipImageGraph,
  clipPixels,
  clipTextGraph,
  frustumTable,
  frustumVolumeGraph,
  guidedUnetGraph,
  type LatentCamera,
  PIX2GESTALT_UNET,
  SAM_DECODER,
  SAM_VIT_B,
  SD1_VAE,
  SYNCDREAMER_UNET,
  SYNCDREAMER_VOLUMES,
  samDecoderGraph,
  samImageGraph,
  spatialVolumeGraph,
  type UNetConfig,
  unetGraph,
  unprojectionTable,
  vaeDecoderGraph,
  vaeEncoderGraph,
} from '@gestalt3d/networks';
import { type FloatDtype, GraphBuilder } from '@gestalt3d/onnx';
import { describe, expect, it } from 'vitest';
import { type Feed, openGraph, runGraph } from './run-graph.ts';
import { parseInventory, seededInput, seededWeights } from './seeded.ts';

/** Outputs of the original PyTorch modules with the same seeded weights; see fixtures/make.py. */
interface Fixture {
  inventory: string;
  steps?: number;
  outputs: Record<string, { shape: number[]; base64: string }>;
}

function fixture(name: string): { weights: () => ReturnType<typeof seededWeights>; expected(output: string): Float32Array; steps: number } {
  const content = JSON.parse(readFileSync(new URL(`fixtures/${name}.fixture`, import.meta.url), 'utf8')) as Fixture;
  return {
    weights: () => seededWeights(parseInventory(content.inventory)),
    expected(output) {
      const bytes = Buffer.from(content.outputs[output]!.base64, 'base64');
      return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    },
    steps: content.steps ?? 0,
  };
}

/** Norm of the difference over the norm. */
function relativeError(got: Float32Array, expected: Float32Array): number {
  expect(got.length).toBe(expected.length);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < got.length; i++) {
    difference += (got[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

const BOUND: Record<FloatDtype, number> = { float32: 1e-4, float16: 1e-2 };

function expectNear(precision: FloatDtype, what: string, got: Float32Array, expected: Float32Array): void {
  const error = relativeError(got, expected);
  if (process.env.PARITY_TABLE) console.log(`${what.padEnd(24)} ${precision}  ${error.toExponential(1)}`);
  expect(error, what).toBeLessThan(BOUND[precision]);
}

const input = (name: string, ...shape: number[]): Feed => [seededInput(name, shape), shape];
const SMALL: Partial<UNetConfig> = { modelChannels: 32, channelMultipliers: [1, 1, 2, 2], contextWidth: 48 };

describe.each<FloatDtype>(['float32', 'float16'])('in %s, against the original modules', (precision) => {
  it.each(precision === 'float32' ? [1, 3] : [1])('pix2gestalt UNet, %i context tokens', async (contextTokens) => {
    const { weights, expected } = fixture('unet');
    const graph = unetGraph({ weights: weights(), precision }, { ...PIX2GESTALT_UNET, ...SMALL }, { latentSize: 16, contextTokens });
    const { eps } = await runGraph(graph, {
      x: input('x', 2, 12, 16, 16),
      t: [Float32Array.of(991, 1), [2]],
      context: input(`context${contextTokens}`, 2, contextTokens, 48),
    });
    expectNear(precision, `unet, ${contextTokens} tokens`, eps!, expected(`tokens${contextTokens}`));
  });

  it('SyncDreamer UNet with depth attention, both branches of guidance', async () => {
    const { weights, expected } = fixture('depth-unet');
    const config = { ...SYNCDREAMER_UNET, ...SMALL, volumeChannels: [8, 16, 32, 64] } as const;
    const graph = guidedUnetGraph({ weights: weights(), precision }, config, { latentSize: 16, frustumDepth: 16 });
    const x = seededInput('x8', [2, 8, 16, 16]);
    const channels = (from: number) =>
      Float32Array.of(...[0, 1].flatMap((b) => [...x.subarray((8 * b + from) * 256, (8 * b + from + 4) * 256)]));
    const { eps, epsNull } = await runGraph(graph, {
      z: [channels(0), [2, 4, 16, 16]],
      concat: [channels(4), [2, 4, 16, 16]],
      t: [Float32Array.of(981, 21), [2]],
      context: input('context1', 2, 1, 48),
      volume16: input('volume16', 2, 8, 16, 16, 16),
      volume8: input('volume8', 2, 16, 8, 8, 8),
      volume4: input('volume4', 2, 32, 4, 4, 4),
      volume2: input('volume2', 2, 64, 2, 2, 2),
    });
    expectNear(precision, 'depth unet', eps!, expected('eps'));
    expectNear(precision, 'depth unet, null branch', epsNull!, expected('epsNull'));
  });

  it('VAE encoder and decoder', async () => {
    const { weights, expected } = fixture('vae');
    const config = { ...SD1_VAE, channels: 32, channelMultipliers: [1, 1, 2, 2] };
    const { mean, logVariance } = await runGraph(vaeEncoderGraph({ weights: weights(), precision }, config, 32), {
      image: input('image', 1, 3, 32, 32),
    });
    expectNear(precision, 'vae mean', mean!, expected('mean'));
    expectNear(precision, 'vae log-variance', logVariance!, expected('logVariance'));
    const { image } = await runGraph(vaeDecoderGraph({ weights: weights(), precision }, config, 4), { z: input('z', 1, 4, 4, 4) });
    expectNear(precision, 'vae decoder', image!, expected('image'));
  });

  it('CLIP image and text towers, and the preparation of pictures', async () => {
    const { weights, expected } = fixture('clip');
    const tower = { width: 128, layers: 2, heads: 2, embeddingWidth: 48 };
    const image = clipImageGraph({ weights: weights(), precision }, { ...tower, resolution: 32, patch: 8 });
    const { embedding } = await runGraph(image, { pixels: input('pixels', 2, 3, 32, 32) });
    expectNear(precision, 'clip image', embedding!, expected('image'));
    const tokens = new BigInt64Array(32);
    for (const [i, token] of [98, 5, 17, 42, 3, 99].entries()) tokens[i] = BigInt(token);
    for (const [i, token] of [98, 77, 99].entries()) tokens[16 + i] = BigInt(token);
    const text = clipTextGraph({ weights: weights(), precision }, { ...tower, contextLength: 16, vocabulary: 100 });
    expectNear(precision, 'clip text', (await runGraph(text, { tokens: [tokens, [2, 16]] })).embedding!, expected('text'));
    const g = new GraphBuilder('pixels', weights(), { precision });
    const picture = g.input('image', 'float32', [1, 3, 32, 32]);
    g.output('pixels', clipPixels(g.scope(), picture, { ...tower, resolution: 24, patch: 8 }));
    expectNear(precision, 'clip pixels', (await runGraph(g, { image: input('image', 1, 3, 32, 32) })).pixels!, expected('pixels'));
  });

  it('SyncDreamer view encoder, spatial and frustum networks, with the sampling between them', async () => {
    const { weights, expected } = fixture('volumes');
    const config = {
      ...SYNCDREAMER_VOLUMES,
      views: 3,
      latentSize: 16,
      channels: [8, 16, 32, 64] as const,
      volumeSize: 16,
      frustumDepth: 16,
    };
    const cameras = [0, 4, 11].map(rigCamera);
    const unproject = unprojectionTable(cameras, 16, 16, 0.5);
    const view = seededInput('view', [3, 4]);
    const t: Feed = [Float32Array.of(501), [1]];
    const { volume } = await runGraph(spatialVolumeGraph({ weights: weights(), precision }, config), {
      z: [seededInput('z3', [3, 4, 16, 16]), [3, 4, 16, 16]],
      t,
      view: [view, [3, 4]],
      index: [unproject.index, unproject.dims],
      weight: [unproject.weight, unproject.dims],
    });
    expectNear(precision, 'spatial volume', volume!, expected('spatial'));
    const range = { near: 1.5 - 0.86603, far: 1.5 + 0.86603 };
    const frusta = frustumTable([cameras[2]!, cameras[0]!], { latentSize: 16, depth: 16, ...range, volumeSize: 16, halfSide: 0.5 });
    const volumes = await runGraph(frustumVolumeGraph({ weights: weights(), precision }, config), {
      volume: [expected('spatial'), [1, 8, 16, 16, 16]],
      t,
      view: [Float32Array.of(...view.slice(8, 12), ...view.slice(0, 4)), [2, 4]],
      index: [frusta.index, frusta.dims],
      weight: [frusta.weight, frusta.dims],
    });
    for (const width of [16, 8, 4, 2])
      expectNear(precision, `frustum volume ${width}`, volumes[`volume${width}`]!, expected(`frustum${width}`));
  });

  it('SAM image encoder, prompt encoder and mask decoder', async () => {
    const { weights, expected } = fixture('sam');
    const encoder = { ...SAM_VIT_B, imageSize: 320, width: 32, depth: 3, heads: 2, globalBlocks: [1], outChannels: 32 };
    const { embedding } = await runGraph(samImageGraph({ weights: weights(), precision }, encoder), {
      image: input('image', 1, 3, 320, 320),
    });
    expectNear(precision, 'sam image encoder', embedding!, expected('embedding'));
    const decoder = { ...SAM_DECODER, imageSize: 320, gridSize: 20, width: 32, mlpWidth: 64, qualityWidth: 32 };
    const session = await openGraph(samDecoderGraph({ weights: weights(), precision }, decoder));
    const prompts = {
      points: { points: [100, 200, 310, 12, 0, 0], labels: [1, 0, -1], mask: new Float32Array(6400), hasMask: 0 },
      box: { points: [100, 200, 20, 30, 250, 240], labels: [1, 2, 3], mask: seededInput('mask', [1, 1, 80, 80]), hasMask: 1 },
    };
    for (const [name, { points, labels, mask, hasMask }] of Object.entries(prompts)) {
      const { masks, quality } = await session.run({
        embedding: input('embedding', 1, 32, 20, 20),
        points: [Float32Array.from(points), [1, 3, 2]],
        labels: [Float32Array.from(labels), [1, 3]],
        mask: [mask, [1, 1, 80, 80]],
        hasMask: [Float32Array.of(hasMask), [1]],
      });
      expectNear(precision, `sam masks, ${name}`, everyFourth(masks!, 4, 80), expected(`${name}.masks`));
      expectNear(precision, `sam quality, ${name}`, quality!, expected(`${name}.quality`));
    }
    await session.release();
  });
});

it('pix2gestalt sampler, end to end against the original loop: guidance 2, eta 1, the same noise', async () => {
  const { weights } = fixture('unet');
  const { expected, steps: noises } = fixture('sampler');
  const session = await openGraph(unetGraph({ weights: weights() }, { ...PIX2GESTALT_UNET, ...SMALL }, { latentSize: 16 }));
  const concat = seededInput('concat', [1, 8, 16, 16]);
  const context = seededInput('context1', [1, 1, 48]);
  const denoise = async (x: Float32Array, t: number): Promise<Float32Array> => {
    const [null_, cond] = [new Float32Array(12 * 256), new Float32Array(12 * 256)];
    for (const half of [null_, cond]) half.set(x);
    cond.set(concat, 4 * 256);
    const batch = Float32Array.of(...null_, ...cond);
    const { eps } = await session.run({
      x: [batch, [2, 12, 16, 16]],
      t: [Float32Array.of(t, t), [2]],
      context: [Float32Array.of(...new Float32Array(48), ...context), [2, 1, 48]],
    });
    return guide(eps!.slice(4 * 256), eps!.slice(0, 4 * 256), 2);
  };
  let drawn = 0;
  const z = await sample({
    steps: ddimSteps(linearSqrtSchedule(), 'pix2gestalt', 10, 1),
    length: 4 * 256,
    prediction: 'eps',
    denoise,
    noise: (target) => target.set(seededInput(`noise${drawn++}`, [1, 4, 16, 16])),
  });
  await session.release();
  expect(drawn).toBe(noises + 1);
  const error = relativeError(z, expected('z'));
  if (process.env.PARITY_TABLE) console.log(`sampler ${error.toExponential(1)}`);
  expect(error).toBeLessThan(1e-3);
});

/** Camera i of SyncDreamer's rig: elevation 30 degrees, azimuth 22.5 i, distance 1.5; intrinsics for 16 pixels, 280 / 256 of the side as there. */
function rigCamera(i: number): LatentCamera {
  const azimuth = (i * Math.PI) / 8;
  const elevation = Math.PI / 6;
  const [ca, sa, ce, se] = [Math.cos(azimuth), Math.sin(azimuth), Math.cos(elevation), Math.sin(elevation)];
  const pose = [-sa, ca, 0, 0, se * ca, se * sa, -ce, 0, -ca * ce, -sa * ce, -se, 1.5];
  return { pose, focal: 17.5, centre: 8 };
}

function everyFourth(masks: Float32Array, count: number, size: number): Float32Array {
  const small = size / 4;
  return Float32Array.from({ length: count * small * small }, (_, i) => {
    const x = (i % small) * 4;
    const y = (Math.floor(i / small) % small) * 4;
    return masks[Math.floor(i / small / small) * size * size + y * size + x]!;
  });
}

it('UNets with weights in 8 bits stay within the bound of fp16', async () => {
  const { weights, expected } = fixture('unet');
  const graph = unetGraph({ weights: weights(), eightBit: true }, { ...PIX2GESTALT_UNET, ...SMALL }, { latentSize: 16 });
  expect([...graph.initializers.values()].filter(({ dtype }) => dtype === 'uint8').length).toBeGreaterThan(4);
  const { eps } = await runGraph(graph, {
    x: input('x', 2, 12, 16, 16),
    t: [Float32Array.of(991, 1), [2]],
    context: input('context1', 2, 1, 48),
  });
  const error = relativeError(eps!, expected('tokens1'));
  expect(error).toBeGreaterThan(1e-6);
  expect(error).toBeLessThan(BOUND.float16);
});
