import { type Checkpoint, CheckpointUnknownError } from '@gestalt3d/onnx';
import type { ClipImageConfig, ClipTextConfig } from '../clip.ts';
import type { SamImageConfig } from '../sam-image-encoder.ts';
import type { SamDecoderConfig } from '../sam-mask-decoder.ts';
import type { UNetConfig } from '../unet.ts';
import type { VaeConfig } from '../vae.ts';

/** Shape of a tensor. @throws CheckpointUnknownError when it is not there */
export function shapeOf(checkpoint: Checkpoint, key: string): readonly number[] {
  const view = checkpoint.tensors.get(key);
  if (view === undefined) throw new CheckpointUnknownError(checkpoint.source.name, `a tensor ${key}`, 'none of that name');
  return view.shape;
}

/** How many of `pattern(0)`, `pattern(1)`, ... there are. */
function countOf(checkpoint: Checkpoint, pattern: (i: number) => string): number {
  let count = 0;
  while (checkpoint.tensors.has(pattern(count))) count++;
  return count;
}

/** Sizes of a Stable Diffusion 1 UNet from its tensors. Heads leave no trace in shapes: SD 1 has 8 at every level. */
export function inferUNet(checkpoint: Checkpoint, root: string): Omit<UNetConfig, 'volumeChannels'> {
  const has = (name: string): boolean => checkpoint.tensors.has(root + name);
  const [modelChannels, inChannels] = shapeOf(checkpoint, `${root}input_blocks.0.0.weight`) as [number, number];
  const blocks =
    1 +
    countOf(checkpoint, (i) =>
      has(`input_blocks.${i + 1}.0.op.weight`)
        ? `${root}input_blocks.${i + 1}.0.op.weight`
        : `${root}input_blocks.${i + 1}.0.in_layers.2.weight`,
    );
  const downs = Array.from({ length: blocks }, (_, i) => i).filter((i) => has(`input_blocks.${i}.0.op.weight`));
  const residualBlocks = (downs[0] ?? blocks) - 1;
  const firsts = [1, ...downs.map((i) => i + 1)];
  return {
    inChannels,
    outChannels: shapeOf(checkpoint, `${root}out.2.weight`)[0]!,
    modelChannels,
    channelMultipliers: firsts.map((i) => shapeOf(checkpoint, `${root}input_blocks.${i}.0.in_layers.2.weight`)[0]! / modelChannels),
    residualBlocks,
    attentionFactors: firsts.flatMap((i, level) => (has(`input_blocks.${i}.1.norm.weight`) ? [2 ** level] : [])),
    heads: 8,
    contextWidth: shapeOf(checkpoint, `${root}middle_block.1.transformer_blocks.0.attn2.to_v.weight`)[1]!,
  };
}

export function inferVae(checkpoint: Checkpoint, root: string): VaeConfig {
  const channels = shapeOf(checkpoint, `${root}encoder.conv_in.weight`)[0]!;
  const levels = countOf(checkpoint, (i) => `${root}encoder.down.${i}.block.0.conv1.weight`);
  return {
    channels,
    channelMultipliers: Array.from(
      { length: levels },
      (_, i) => shapeOf(checkpoint, `${root}encoder.down.${i}.block.0.conv1.weight`)[0]! / channels,
    ),
    residualBlocks: countOf(checkpoint, (i) => `${root}encoder.down.0.block.${i}.conv1.weight`),
    latentChannels: shapeOf(checkpoint, `${root}post_quant_conv.weight`)[0]!,
    scaleFactor: 0.18215,
  };
}

/** As OpenAI's own loader: heads are 64 wide. */
export function inferClipImage(checkpoint: Checkpoint, root: string): ClipImageConfig {
  const [width, , patch] = shapeOf(checkpoint, `${root}conv1.weight`) as [number, number, number];
  const tokens = shapeOf(checkpoint, `${root}positional_embedding`)[0]! - 1;
  return {
    width,
    layers: countOf(checkpoint, (i) => `${root}transformer.resblocks.${i}.attn.in_proj_weight`),
    heads: width / 64,
    embeddingWidth: shapeOf(checkpoint, `${root}proj`)[1]!,
    resolution: Math.round(Math.sqrt(tokens)) * patch,
    patch,
  };
}

export function inferClipText(checkpoint: Checkpoint): ClipTextConfig {
  const [vocabulary, width] = shapeOf(checkpoint, 'token_embedding.weight') as [number, number];
  return {
    width,
    layers: countOf(checkpoint, (i) => `transformer.resblocks.${i}.attn.in_proj_weight`),
    heads: width / 64,
    embeddingWidth: shapeOf(checkpoint, 'text_projection')[1]!,
    contextLength: shapeOf(checkpoint, 'positional_embedding')[0]!,
    vocabulary,
  };
}

export function inferSam(checkpoint: Checkpoint): { image: SamImageConfig; decoder: SamDecoderConfig } {
  const [, gridSize, , width] = shapeOf(checkpoint, 'image_encoder.pos_embed') as [number, number, number, number];
  const patch = shapeOf(checkpoint, 'image_encoder.patch_embed.proj.weight')[2]!;
  const depth = countOf(checkpoint, (i) => `image_encoder.blocks.${i}.attn.rel_pos_h`);
  // a block whose table of distances spans the picture attends over all of it
  const spans = Array.from({ length: depth }, (_, i) => (shapeOf(checkpoint, `image_encoder.blocks.${i}.attn.rel_pos_h`)[0]! + 1) / 2);
  const outChannels = shapeOf(checkpoint, 'image_encoder.neck.0.weight')[0]!;
  return {
    image: {
      imageSize: gridSize * patch,
      patch,
      width,
      depth,
      heads: width / shapeOf(checkpoint, 'image_encoder.blocks.0.attn.rel_pos_h')[1]!,
      globalBlocks: spans.flatMap((span, i) => (span === gridSize ? [i] : [])),
      window: Math.min(...spans),
      outChannels,
    },
    decoder: {
      imageSize: gridSize * patch,
      gridSize,
      width: outChannels,
      maskChannels: shapeOf(checkpoint, 'prompt_encoder.mask_downscaling.3.weight')[0]!,
      depth: countOf(checkpoint, (i) => `mask_decoder.transformer.layers.${i}.norm1.weight`),
      heads: 8,
      mlpWidth: shapeOf(checkpoint, 'mask_decoder.transformer.layers.0.mlp.lin1.weight')[0]!,
      alternatives: shapeOf(checkpoint, 'mask_decoder.mask_tokens.weight')[0]! - 1,
      qualityWidth: shapeOf(checkpoint, 'mask_decoder.iou_prediction_head.layers.0.weight')[0]!,
    },
  };
}
