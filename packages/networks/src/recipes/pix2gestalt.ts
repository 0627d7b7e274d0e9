import { type Checkpoint, checkpointWeights } from '@gestalt3d/onnx';
import { imageContextGraph, unetGraph, vaeDecoderGraph, vaeEncoderGraph } from '../graphs.ts';
import { inferClipImage, inferUNet, inferVae } from './infer.ts';
import { checkSchedule, readSmall } from './read-small.ts';
import { graphPrecision, type ModelRecipe } from './recipe.ts';

const UNET = 'model.diffusion_model';
const VAE = 'first_stage_model';
const CLIP = 'cond_stage_model.model.visual';
const IMAGE_SIZE = 256;

/** Amodal completion (Ozguroglu et al. 2024). */
export const pix2gestaltRecipe: ModelRecipe = {
  id: 'pix2gestalt',
  licence: 'CC-BY-NC-4.0',
  terms: 'name the authors; no commercial use. Derived from Stable Diffusion: the CreativeML OpenRAIL-M use restrictions apply too',
  source: 'https://github.com/cvlab-columbia/pix2gestalt',
  hasUNet: true,
  matches: ({ tensors }) => tensors.get(`${UNET}.input_blocks.0.0.weight`)?.shape[1] === 12 && tensors.has('cc_projection.weight'),
  async recognise(checkpoint, { precision, ema, signal }) {
    await checkSchedule(checkpoint, signal);
    const unet = inferUNet(checkpoint, `${UNET}.`);
    const vae = inferVae(checkpoint, `${VAE}.`);
    const clip = inferClipImage(checkpoint, `${CLIP}.`);
    const latentSize = IMAGE_SIZE / 2 ** (vae.channelMultipliers.length - 1);
    const averaged = ema && checkpoint.tensors.has(emaName(`${UNET}.input_blocks.0.0.weight`));
    const notes: string[] = [];
    if (averaged)
      notes.push(
        `weights of the UNet: moving average, as the original samples with; relative distance to the raw ones ${(await distance(checkpoint, signal)).toExponential(1)}`,
      );
    else notes.push(ema ? 'weights of the UNet: raw, the file has no moving average' : 'weights of the UNet: raw, as asked');
    const weights = checkpointWeights(checkpoint);
    const { all, unet: unetOptions } = graphPrecision(precision);
    const options = { weights, ...all };
    return {
      graphs: {
        unet: unetGraph(
          { ...options, ...unetOptions, weights: averaged ? checkpointWeights(checkpoint, emaName) : weights, root: UNET },
          unet,
          {
            latentSize,
          },
        ),
        vaeEncoder: vaeEncoderGraph({ ...options, root: VAE }, vae, IMAGE_SIZE),
        vaeDecoder: vaeDecoderGraph({ ...options, root: VAE }, vae, latentSize),
        context: imageContextGraph(options, clip, { clipRoot: CLIP, imageSize: IMAGE_SIZE }),
      },
      manifest: {
        weights: averaged ? 'ema' : 'raw',
        preprocessing: {
          size: IMAGE_SIZE,
          fit: 'squash',
          range: [-1, 1],
          concat: ['vaeEncoder(photo).mean', 'vaeEncoder(visible mask as RGB).mean'],
          concatScale: 1,
          null: 'context and concat zeros',
          output: 'the whole object on white, in the frame of the input',
        },
        latent: { channels: vae.latentChannels, size: latentSize, scaleFactor: vae.scaleFactor },
        scheduler: { kind: 'linear-sqrt', timesteps: 1000, prediction: 'eps', rule: 'pix2gestalt', steps: 200, eta: 1, guidance: 2 },
      },
      notes,
    };
  },
};

/** The name under which the training framework keeps the average: without `model.` and without dots. */
export function emaName(key: string): string {
  return key.startsWith(`${UNET}.`) ? `model_ema.${key.slice('model.'.length).replaceAll('.', '')}` : key;
}

/** Of the stem: says whether the average ever left where it started. */
async function distance(checkpoint: Checkpoint, signal?: AbortSignal): Promise<number> {
  const key = `${UNET}.input_blocks.0.0.weight`;
  const [raw, averaged] = [await readSmall(checkpoint, key, signal), await readSmall(checkpoint, emaName(key), signal)];
  const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(raw.map((value, i) => value - averaged[i]!)) / norm(raw);
}
