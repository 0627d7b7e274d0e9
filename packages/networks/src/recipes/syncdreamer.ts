import { checkpointWeights } from '@gestalt3d/onnx';
import { frustumVolumeGraph, guidedUnetGraph, spatialVolumeGraph, vaeDecoderGraph, vaeEncoderGraph, viewContextGraph } from '../graphs.ts';
import { SYNCDREAMER_VOLUMES, type SyncDreamerVolumeConfig } from '../syncdreamer-volumes.ts';
import { inferClipImage, inferUNet, inferVae, shapeOf } from './infer.ts';
import { checkSchedule, readSmall } from './read-small.ts';
import { graphPrecision, type ModelRecipe } from './recipe.ts';

const UNET = 'model.diffusion_model';
const VAE = 'first_stage_model';
const CLIP = 'clip_image_encoder.model.visual';
const IMAGE_SIZE = 256;

/** Sixteen views at once (Liu et al. 2023). */
export const syncdreamerRecipe: ModelRecipe = {
  id: 'syncdreamer',
  licence: 'MIT',
  terms: 'keep the copyright notice. Derived from zero123 and Stable Diffusion, whose terms may apply too',
  source: 'https://github.com/liuyuan-pal/SyncDreamer',
  hasUNet: true,
  matches: ({ tensors }) =>
    tensors.has(`${UNET}.middle_conditions.proj_in.0.weight`) && tensors.has('spatial_volume.target_encoder.init_conv.weight'),
  async recognise(checkpoint, { precision, signal }) {
    await checkSchedule(checkpoint, signal);
    const vae = inferVae(checkpoint, `${VAE}.`);
    const clip = inferClipImage(checkpoint, `${CLIP}.`);
    const latentSize = IMAGE_SIZE / 2 ** (vae.channelMultipliers.length - 1);
    const frustum = 'spatial_volume.frustum_volume_feats';
    const channels = ['up2', 'up1', 'up0'].map((name) => shapeOf(checkpoint, `${frustum}.${name}.conv.weight`)[1]!) as [
      number,
      number,
      number,
    ];
    const widths: SyncDreamerVolumeConfig['channels'] = [...channels, shapeOf(checkpoint, `${frustum}.up0.conv.weight`)[0]!];
    const viewChannels = shapeOf(checkpoint, 'spatial_volume.target_encoder.final_out.2.weight')[0]!;
    const views = shapeOf(checkpoint, 'spatial_volume.spatial_volume_feats.init_conv.weight')[1]! / viewChannels;
    const volumes: SyncDreamerVolumeConfig = { ...SYNCDREAMER_VOLUMES, views, latentSize, viewChannels, channels: widths };
    const unet = { ...inferUNet(checkpoint, `${UNET}.`), volumeChannels: widths };
    const { all, unet: unetOptions } = graphPrecision(precision);
    const options = { weights: checkpointWeights(checkpoint), ...all };
    return {
      graphs: {
        unet: guidedUnetGraph({ ...options, ...unetOptions, root: UNET }, unet, { latentSize, frustumDepth: volumes.frustumDepth }),
        vaeEncoder: vaeEncoderGraph({ ...options, root: VAE }, vae, IMAGE_SIZE),
        vaeDecoder: vaeDecoderGraph({ ...options, root: VAE }, vae, latentSize),
        context: viewContextGraph(options, clip, { clipRoot: CLIP, imageSize: IMAGE_SIZE, viewWidth: volumes.viewWidth }),
        spatialVolume: spatialVolumeGraph(options, volumes),
        frustumVolume: frustumVolumeGraph(options, volumes),
      },
      manifest: {
        weights: 'raw',
        preprocessing: {
          size: IMAGE_SIZE,
          crop: 200,
          background: 'white',
          range: [-1, 1],
          concat: 'vaeEncoder(image): a sample of the posterior, not scaled',
          null: 'context, concat and volumes zeros: inside the unet, which gives eps and epsNull',
        },
        latent: { channels: vae.latentChannels, size: latentSize, scaleFactor: vae.scaleFactor },
        scheduler: { kind: 'linear-sqrt', timesteps: 1000, prediction: 'eps', rule: 'syncdreamer', steps: 50, eta: 1, guidance: 2 },
        rig: {
          convention: 'world to camera, OpenCV axes, world z up, integer pixel centres',
          elevationDeg: 30,
          poses: [...(await readSmall(checkpoint, 'poses', signal))],
          intrinsics: [...(await readSmall(checkpoint, 'Ks', signal))],
          azimuthRad: [...(await readSmall(checkpoint, 'azimuth', signal))],
        },
        volume: { size: volumes.volumeSize, halfSide: 0.5, frustumDepth: volumes.frustumDepth, near: 1.5 - 0.86603, far: 1.5 + 0.86603 },
      },
      notes: [],
    };
  },
};
