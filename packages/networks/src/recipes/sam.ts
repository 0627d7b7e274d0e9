import { checkpointWeights } from '@gestalt3d/onnx';
import { samDecoderGraph, samImageGraph } from '../graphs.ts';
import { inferSam } from './infer.ts';
import { graphPrecision, type ModelRecipe } from './recipe.ts';

/** Segment Anything (Kirillov et al. 2023), ViT-B, L and H. */
export const samRecipe: ModelRecipe = {
  id: 'sam',
  licence: 'Apache-2.0',
  terms: 'keep the licence and notices',
  source: 'https://github.com/facebookresearch/segment-anything',
  hasUNet: false,
  matches: ({ tensors }) =>
    ['image_encoder.pos_embed', 'image_encoder.blocks.0.attn.rel_pos_h', 'mask_decoder.iou_token.weight'].every((key) => tensors.has(key)),
  async recognise(checkpoint, { precision }) {
    const { image, decoder } = inferSam(checkpoint);
    const options = { weights: checkpointWeights(checkpoint), ...graphPrecision(precision).all };
    return {
      graphs: { image: samImageGraph(options, image), decoder: samDecoderGraph(options, decoder) },
      manifest: {
        preprocessing: {
          size: image.imageSize,
          fit: 'longest side, bilinear, padded with zeros to the right and below after normalisation',
          mean: [123.675, 116.28, 103.53],
          deviation: [58.395, 57.12, 57.375],
          range: [0, 255],
        },
        threshold: 0,
      },
      notes: [],
    };
  },
};
