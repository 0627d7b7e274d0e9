import { components, type MultiView, type MultiViewInput, type RgbImage, type Stage, type StageContext, type View } from '@gestalt3d/core';
import { guide, type Sampler, sample, samplerSteps } from '@gestalt3d/diffusion';
import { cutFromWhite, frustumTable, type InterpolationTable, insideOf, pictureOf, planesOf, unprojectionTable } from '@gestalt3d/networks';
import { float32, type InferenceBackend, type ModelBundle, type Session, type TensorValue } from '@gestalt3d/onnx';
import { frameInput, photoCameraOf } from './input-frame.ts';
import { readSyncDreamer, type SyncDreamer } from './syncdreamer-model.ts';
import { DEFAULT_ELEVATION_DEG } from './views-stage.ts';

export interface SyncDreamerOptions {
  /** Elevation of the photograph's camera over the object; null: DEFAULT_ELEVATION_DEG. The model was trained for -10..40. */
  elevationDeg: number | null;
  /** Denoising steps; null: 50 with `ddim` as published, 20 with the fast samplers. */
  steps: number | null;
  /** Classifier-free guidance; null: 2 as published. */
  guidance: number | null;
  sampler: Sampler;
}

export const SYNCDREAMER_DEFAULTS: Readonly<SyncDreamerOptions> = { elevationDeg: null, steps: null, guidance: null, sampler: 'ddim' };

/** Views that go through the networks together: more take more memory and nothing else changes. */
const GROUP = { cpu: 2, other: 8 };
/** Highest camera of the pictures that the model was trained on. */
const TRAINED_TO_DEG = 40;
/** Pieces of a view smaller than this share of the largest are specks. */
const SPECK = 0.005;

/**
 * The views stage on imported SyncDreamer weights (Liu et al. 2023): the latents of all views are denoised together. In every step they make one volume,
 * which each view then sees along its own rays. The autoencoder and CLIP are loaded before and after, not beside, the three networks of the loop.
 * @throws ModelCorruptError for a bundle of another kind
 */
export function createSyncDreamerStage(
  bundle: ModelBundle,
  backend: InferenceBackend,
): Stage<MultiViewInput, MultiView, SyncDreamerOptions> {
  const model = readSyncDreamer(bundle);
  return {
    name: 'views',
    version: 'syncdreamer 1',
    defaults: SYNCDREAMER_DEFAULTS,
    async run(input, options, context) {
      const elevationDeg = options.elevationDeg ?? DEFAULT_ELEVATION_DEG;
      if (options.elevationDeg === null)
        context.emit({ kind: 'info', message: `elevation not given: ${DEFAULT_ELEVATION_DEG} degrees assumed (--elevation)` });
      if (elevationDeg > TRAINED_TO_DEG)
        context.emit({
          kind: 'warning',
          code: 'elevation',
          message: `SyncDreamer was trained for elevations up to ${TRAINED_TO_DEG} degrees, ${elevationDeg} may come out wrong`,
        });
      // refuses wrong steps before any weight is read
      samplerSteps(model.schedule, model.published, options.sampler, options.steps);
      const frame = frameInput(input.completion);
      const condition = await conditionOn(bundle, backend, model, planesOf(frame.at(model.imageSize)), elevationDeg, context);
      const latents = await drawLatents(bundle, backend, model, condition, options, context);
      const pictures = await decode(bundle, backend, model, latents, context);
      const views = pictures.map((picture, i): View => ({ image: cutOut(picture), camera: model.cameras[i]! }));
      return {
        views,
        elevationDeg,
        photoCamera: photoCameraOf(frame, input.completion, input.crop, input.photo, elevationDeg, model.orbit),
      };
    },
  };
}

interface Condition {
  /** [V, 4]: see `viewVectors`. */
  view: Float32Array;
  /** [V, width]: CLIP's embedding of the picture with the view beside it, projected. */
  context: Float32Array;
  /** [C, n, n]: the picture's latents, not scaled. */
  latent: Float32Array;
}

/** Per view [elevation of the picture's camera less that of the rig, sine and cosine of the azimuth, 0], radians. */
export function viewVectors(
  { azimuthRad, rigElevationDeg }: Pick<SyncDreamer, 'azimuthRad' | 'rigElevationDeg'>,
  elevationDeg: number,
): Float32Array {
  const elevation = ((elevationDeg - rigElevationDeg) * Math.PI) / 180;
  return Float32Array.from(azimuthRad.flatMap((azimuth) => [elevation, Math.sin(azimuth), Math.cos(azimuth), 0]));
}

async function conditionOn(
  bundle: ModelBundle,
  backend: InferenceBackend,
  model: SyncDreamer,
  planes: Float32Array,
  elevationDeg: number,
  { signal, rng }: StageContext,
): Promise<Condition> {
  const image = float32(planes, [1, 3, model.imageSize, model.imageSize]);
  const view = viewVectors(model, elevationDeg);
  const feeds = { image, view: float32(view, [model.cameras.length, 4]) };
  const context = await bundle.using('context', backend, (session) => session.runSingle(feeds, signal));
  const posterior = await bundle.using('vaeEncoder', backend, (session) => session.run({ image }, signal));
  const [mean, logVariance] = [posterior.mean!.data as Float32Array, posterior.logVariance!.data as Float32Array];
  // a sample of it, not its mean; the factor that scales latents is applied and taken back by the original
  const noise = rng.fork('posterior').fillNormal(new Float32Array(mean.length));
  const latent = mean.map((value, i) => value + Math.exp(0.5 * Math.min(Math.max(logVariance[i]!, -30), 20)) * noise[i]!);
  return { view, context, latent };
}

/** @returns latents [C, n, n] of each view, scaled as the diffusion has them */
async function drawLatents(
  bundle: ModelBundle,
  backend: InferenceBackend,
  model: SyncDreamer,
  condition: Condition,
  options: SyncDreamerOptions,
  { signal, emit, rng }: StageContext,
): Promise<Float32Array[]> {
  const values = model.latentChannels * model.latentSize ** 2;
  const count = model.cameras.length;
  const noise = rng.fork('latents');
  const x = await bundle.using('spatialVolume', backend, (spatial) =>
    bundle.using('frustumVolume', backend, (frustum) =>
      bundle.using('unet', backend, (unet) =>
        sample({
          ...samplerSteps(model.schedule, model.published, options.sampler, options.steps),
          length: count * values,
          prediction: 'eps',
          denoise: denoiser(
            { spatial, frustum, unet },
            model,
            condition,
            options.guidance ?? model.guidance,
            GROUP[backend.provider === 'cpu' ? 'cpu' : 'other'],
            signal,
          ),
          noise: (target) => noise.fillNormal(target),
          signal,
          onStep: (done, total) => emit({ kind: 'progress', done, total, unit: 'step' }),
        }),
      ),
    ),
  );
  return model.cameras.map((_, i) => x.subarray(i * values, (i + 1) * values));
}

const tableValues = ({ index, weight, dims }: InterpolationTable): { index: TensorValue; weight: TensorValue } => ({
  index: { dtype: 'int32', dims, data: index },
  weight: float32(weight, dims),
});

/** All views to one volume, the volume to each view's frustum, the frustum into that view's UNet; both branches of guidance at once. */
function denoiser(
  { spatial, frustum, unet }: Record<'spatial' | 'frustum' | 'unet', Session>,
  model: SyncDreamer,
  { view, context, latent }: Condition,
  guidance: number,
  group: number,
  signal: AbortSignal,
): (x: Float32Array, t: number) => Promise<Float32Array> {
  const { latentSize: n, latentChannels: channels, volume } = model;
  const values = channels * n * n;
  const count = model.cameras.length;
  const width = context.length / count;
  const unprojection = tableValues(unprojectionTable(model.latentCameras, n, volume.size, volume.halfSide));
  const layout = {
    latentSize: n,
    depth: volume.frustumDepth,
    near: volume.near,
    far: volume.far,
    volumeSize: volume.size,
    halfSide: volume.halfSide,
  };
  const groups = Array.from({ length: Math.ceil(count / group) }, (_, i) => {
    const [from, to] = [i * group, Math.min((i + 1) * group, count)];
    const beside = new Float32Array((to - from) * values);
    for (let k = 0; k < to - from; k++) beside.set(latent, k * values);
    return {
      from,
      to,
      frustum: {
        view: float32(view.subarray(4 * from, 4 * to), [to - from, 4]),
        ...tableValues(frustumTable(model.latentCameras.slice(from, to), layout)),
      },
      unet: {
        context: float32(context.subarray(from * width, to * width), [to - from, 1, width]),
        concat: float32(beside, [to - from, channels, n, n]),
      },
    };
  });
  return async (x, t) => {
    const time = float32(Float32Array.of(t), [1]);
    const { volume: shared } = await spatial.run(
      { z: float32(x, [count, channels, n, n]), t: time, view: float32(view, [count, 4]), ...unprojection },
      signal,
    );
    const eps = new Float32Array(x.length);
    for (const { from, to, ...feeds } of groups) {
      const volumes = await frustum.run({ volume: shared!, t: time, ...feeds.frustum }, signal);
      const z = float32(x.subarray(from * values, to * values), [to - from, channels, n, n]);
      const ts = float32(new Float32Array(to - from).fill(t), [to - from]);
      const { eps: conditioned, epsNull } = await unet.run({ z, t: ts, ...feeds.unet, ...volumes }, signal);
      eps.set(guide(conditioned!.data as Float32Array, epsNull!.data as Float32Array, guidance), from * values);
    }
    return eps;
  };
}

async function decode(
  bundle: ModelBundle,
  backend: InferenceBackend,
  { latentSize: n, latentChannels, imageSize }: SyncDreamer,
  latents: readonly Float32Array[],
  { signal, emit }: StageContext,
): Promise<RgbImage[]> {
  return bundle.using('vaeDecoder', backend, async (session) => {
    const pictures: RgbImage[] = [];
    for (const [index, z] of latents.entries()) {
      const picture = pictureOf(await session.runSingle({ z: float32(z, [1, latentChannels, n, n]) }, signal), imageSize);
      pictures.push(picture);
      emit({ kind: 'preview', name: 'view', index, image: cutOut(picture) });
      emit({ kind: 'progress', done: index + 1, total: latents.length, unit: 'view' });
    }
    return pictures;
  });
}

/** The object of a view on white, without specks. (The original asks a matting network, which is not among the published weights.) */
function cutOut(picture: RgbImage): View['image'] {
  const inside = insideOf(picture);
  const { labels, sizes } = components(inside, picture.width, picture.height);
  const least = SPECK * Math.max(...sizes);
  for (let i = 0; i < inside.length; i++) if (sizes[labels[i]!]! < least) inside[i] = 0;
  return cutFromWhite(picture, inside);
}
