import { ShapeMismatchError } from '@gestalt3d/core';
import {
  type Checkpoint,
  CheckpointUnknownError,
  checkpointWeights,
  GraphBuilder,
  linear,
  memoryByteSource,
  openCheckpoint,
} from '@gestalt3d/onnx';
import { describe, expect, it } from 'vitest';
import { PickleWriter, torchZip } from '../../../onnx/scripts/torch-zip-writer.mjs';
import { inferSam, inferUNet } from './infer.ts';
import { emaName, pix2gestaltRecipe } from './pix2gestalt.ts';
import { recipeFor } from './recognise-model.ts';

/** A checkpoint of zeros, but for the tensors that are given. */
async function checkpointOf(shapes: Record<string, number[]>, values: Record<string, Float32Array> = {}): Promise<Checkpoint> {
  const count = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);
  const entries = Object.entries(shapes);
  const pickle = new PickleWriter().dict(
    entries.map(([name, shape], i) => [
      name,
      (p) =>
        p.tensor(
          'FloatStorage',
          String(i),
          count(shape),
          0,
          shape,
          shape.map((_, axis) => count(shape.slice(axis + 1))),
        ),
    ]),
  );
  const storages = entries.map(([name, shape], i) => [String(i), new Uint8Array((values[name] ?? new Float32Array(count(shape))).buffer)]);
  return openCheckpoint(memoryByteSource(torchZip(pickle.bytes(), Object.fromEntries(storages)), 'test.ckpt'));
}

const UNET = 'model.diffusion_model.';
const STEM = { [`${UNET}input_blocks.0.0.weight`]: [32, 12, 3, 3], 'cc_projection.weight': [48, 48] };
/** abar of Stable Diffusion, in the way of its own code. */
const schedule = (): Float32Array => {
  let product = 1;
  return Float32Array.from({ length: 1000 }, (_, t) => {
    product *= 1 - (Math.sqrt(0.00085) + (t / 999) * (Math.sqrt(0.012) - Math.sqrt(0.00085))) ** 2;
    return product;
  });
};
const options = { precision: 'float32', ema: true } as const;

it('finds the moving average under the name that the training framework gives it', () => {
  expect(emaName('model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_out.0.weight')).toBe(
    'model_ema.diffusion_modelinput_blocks11transformer_blocks0attn2to_out0weight',
  );
  expect(emaName('model.diffusion_model.input_blocks.0.0.weight')).toBe('model_ema.diffusion_modelinput_blocks00weight');
  expect(emaName('first_stage_model.encoder.conv_in.weight')).toBe('first_stage_model.encoder.conv_in.weight');
});

describe('a checkpoint that is not what it should be', () => {
  it('has another noise schedule', async () => {
    const checkpoint = await checkpointOf(
      { ...STEM, alphas_cumprod: [1000] },
      { alphas_cumprod: schedule().map((value) => value * 0.999) },
    );
    expect(recipeFor(checkpoint)).toBe(pix2gestaltRecipe);
    const recognised = pix2gestaltRecipe.recognise(checkpoint, options);
    await expect(recognised).rejects.toThrow(CheckpointUnknownError);
    await expect(recognised).rejects.toThrow('the noise schedule of Stable Diffusion, 0.99914998 at 0');
  });

  it('lacks a tensor', async () => {
    const checkpoint = await checkpointOf({ ...STEM, alphas_cumprod: [1000] }, { alphas_cumprod: schedule() });
    await expect(pix2gestaltRecipe.recognise(checkpoint, options)).rejects.toThrow(`a tensor ${UNET}`);
  });

  it('is none of the known models, and says what it holds', async () => {
    const checkpoint = await checkpointOf({ 'layer1.weight': [2, 2], 'layer1.bias': [2] });
    expect(() => recipeFor(checkpoint)).toThrow('pix2gestalt, syncdreamer, clip, sam, got 2 other tensors (layer1.weight, layer1.bias)');
    expect(() => recipeFor(checkpoint, 'sam')).toThrow('expected the weights of sam');
    // zero123's stem takes 8 channels, plain Stable Diffusion's 4
    expect(() => recipeFor({ ...checkpoint, tensors: new Map() })).toThrow('0 other tensors (none)');
    const zero123 = await checkpointOf({ ...STEM, [`${UNET}input_blocks.0.0.weight`]: [32, 8, 3, 3] });
    expect(() => recipeFor(zero123)).toThrow(CheckpointUnknownError);
  });
});

it('reads the sizes of a UNet and of SAM from the shapes of their tensors', async () => {
  const shapes: Record<string, number[]> = {
    'input_blocks.0.0.weight': [64, 12, 3, 3],
    'input_blocks.2.0.op.weight': [64, 64, 3, 3],
    'input_blocks.1.1.norm.weight': [64],
    'out.2.weight': [4, 64, 3, 3],
    'middle_block.1.transformer_blocks.0.attn2.to_v.weight': [128, 7],
  };
  for (const [block, width] of [
    [1, 64],
    [3, 128],
  ])
    shapes[`input_blocks.${block}.0.in_layers.2.weight`] = [width!, 1, 3, 3];
  expect(inferUNet(await checkpointOf(shapes), '')).toEqual({
    inChannels: 12,
    outChannels: 4,
    modelChannels: 64,
    channelMultipliers: [1, 2],
    residualBlocks: 1,
    attentionFactors: [1],
    heads: 8,
    contextWidth: 7,
  });
  const sam = await checkpointOf({
    'image_encoder.pos_embed': [1, 20, 20, 32],
    'image_encoder.patch_embed.proj.weight': [32, 3, 16, 16],
    'image_encoder.blocks.0.attn.rel_pos_h': [27, 16],
    'image_encoder.blocks.1.attn.rel_pos_h': [39, 16],
    'image_encoder.neck.0.weight': [24, 32, 1, 1],
    'prompt_encoder.mask_downscaling.3.weight': [16, 4, 2, 2],
    'mask_decoder.transformer.layers.0.norm1.weight': [24],
    'mask_decoder.transformer.layers.0.mlp.lin1.weight': [64, 24],
    'mask_decoder.mask_tokens.weight': [4, 24],
    'mask_decoder.iou_prediction_head.layers.0.weight': [30, 24],
  });
  const { image, decoder } = inferSam(sam);
  expect(image).toEqual({ imageSize: 320, patch: 16, width: 32, depth: 2, heads: 2, globalBlocks: [1], window: 14, outChannels: 24 });
  expect(decoder).toMatchObject({ imageSize: 320, gridSize: 20, width: 24, depth: 1, mlpWidth: 64, alternatives: 3, qualityWidth: 30 });
});

it('a tensor of another shape is refused with both shapes', async () => {
  const g = new GraphBuilder(
    'test',
    checkpointWeights(await checkpointOf({ 'cc_projection.weight': [48, 50], 'cc_projection.bias': [48] })),
  );
  const x = g.input('x', 'float32', [1, 48]);
  expect(() => linear(g.scope('cc_projection'), x, 48)).toThrow(ShapeMismatchError);
  expect(() => linear(g.scope('cc_projection'), x, 48)).toThrow('cc_projection.weight: expected shape [48, 48], got [48, 50]');
});
