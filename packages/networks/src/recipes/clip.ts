import { checkpointWeights } from '@gestalt3d/onnx';
import { CLIP_DEVIATION, CLIP_MEAN } from '../clip.ts';
import { clipImageGraph, clipTextGraph } from '../graphs.ts';
import { inferClipImage, inferClipText } from './infer.ts';
import { readSmall } from './read-small.ts';
import { graphPrecision, type ModelRecipe } from './recipe.ts';

/** Pictures and texts in one space (Radford et al. 2021); the vision transformers, not the ResNets. */
export const clipRecipe: ModelRecipe = {
  id: 'clip',
  licence: 'MIT',
  terms: 'keep the copyright notice',
  source: 'https://github.com/openai/CLIP',
  hasUNet: false,
  matches: ({ tensors }) =>
    ['visual.proj', 'visual.class_embedding', 'token_embedding.weight', 'text_projection'].every((key) => tensors.has(key)),
  async recognise(checkpoint, { precision, signal }) {
    const image = inferClipImage(checkpoint, 'visual.');
    const text = inferClipText(checkpoint);
    const options = { weights: checkpointWeights(checkpoint), ...graphPrecision(precision).all };
    return {
      graphs: { image: clipImageGraph(options, image), text: clipTextGraph(options, text) },
      manifest: {
        preprocessing: { size: image.resolution, mean: CLIP_MEAN, deviation: CLIP_DEVIATION },
        logitScale: Math.exp((await readSmall(checkpoint, 'logit_scale', signal))[0]!),
        contextLength: text.contextLength,
        vocabularySize: text.vocabulary,
      },
      notes: ['texts need the vocabulary beside the weights: --vocabulary bpe_simple_vocab_16e6.txt.gz from the same repository'],
    };
  },
};
