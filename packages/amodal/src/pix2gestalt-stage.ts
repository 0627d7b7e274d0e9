import {
  boundingBox,
  breathe,
  type CompletionSet,
  type Crop,
  createRng,
  type Mask,
  type Region,
  type RgbaImage,
  type RgbImage,
  resample,
  type Stage,
  type StageContext,
} from '@gestalt3d/core';
import { guide, type Sampler, sample, samplerSteps } from '@gestalt3d/diffusion';
import { cutFromWhite, insideOf, type LatentModel, pictureOf, planesOf, readLatentModel } from '@gestalt3d/networks';
import { float32, type InferenceBackend, type ModelBundle, type Session } from '@gestalt3d/onnx';
import { type CompleteDeps, type CompleteInput, checkInput, opaque, sideOf } from './complete.ts';
import { voteOf } from './vote.ts';

export interface Pix2gestaltOptions {
  /** Completions to draw, each from noise of its own. */
  samples: number;
  /** Denoising steps; null: 200 with `ddim` as published, 20 with the fast samplers. */
  steps: number | null;
  /** Classifier-free guidance; null: 2 as published. 1 is the condition alone and half the work. */
  guidance: number | null;
  sampler: Sampler;
  /**
   * What the network sees. `photo`: the whole photograph, squashed into a square, as published. `object`: twice the visible part's longest side
   * round it, as far as the photograph goes, so that a small object keeps its detail.
   */
  frame: 'photo' | 'object';
}

export const PIX2GESTALT_DEFAULTS: Readonly<Pix2gestaltOptions> = {
  samples: 4,
  steps: null,
  guidance: null,
  sampler: 'ddim',
  frame: 'photo',
};

/** Side of the frame `object` in longest sides of the visible part. */
const OBJECT_FRAME = 2;
/** Space round the completions, in their longest side. */
const SPACE = 0.08;
/** Samples that go through the network together; on a CPU that gains nothing and costs memory. */
const BATCH = 4;

/**
 * The complete stage on imported pix2gestalt weights (Ozguroglu et al. 2024): an autoencoder, a UNet that sees picture and visible mask beside the
 * noisy latents, and a CLIP embedding of the picture. One graph is loaded at a time. Sample i follows from the run's seed and i only.
 * @throws ModelCorruptError for a bundle of another kind
 */
export function createPix2gestaltStage({ bundle, backend }: CompleteDeps): Stage<CompleteInput, CompletionSet, Pix2gestaltOptions> {
  const model = readLatentModel(bundle, 'pix2gestalt');
  return {
    name: 'complete',
    version: 'pix2gestalt 1',
    defaults: PIX2GESTALT_DEFAULTS,
    async run({ photo, mask }, options, context) {
      const guidance = options.guidance ?? model.guidance;
      checkInput({ photo, mask }, { samples: options.samples, guidance });
      // refuses wrong steps before any weight is read
      samplerSteps(model.schedule, model.published, options.sampler, options.steps);
      const region = regionOf(photo, mask, options.frame);
      const seeds = Array.from({ length: options.samples }, (_, i) => context.rng.fork(i).integer(2 ** 32));
      const condition = await conditionOn(bundle, backend, model, { photo, mask, region }, context.signal);
      const latents = await drawLatents(bundle, backend, model, condition, { ...options, guidance }, seeds, context);
      const pictures = await decode(bundle, backend, model, latents, context);
      const crop = cropAround(pictures, region, mask);
      const side = sideOf(crop);
      const square = { x: crop.x, y: crop.y, width: crop.size, height: crop.size };
      const seen = { photo: opaque(resample<3 | 4>(photo, side, side, square)), visible: resample(mask, side, side, square) };
      const images: RgbaImage[] = [];
      for (const [index, picture] of pictures.entries()) {
        await breathe(context.signal);
        const image = compose(unsquash(picture, region, crop, side), seen.photo, seen.visible);
        context.emit({ kind: 'preview', name: 'completion', index, image });
        images.push(image);
      }
      return {
        crop,
        completions: images.map((image, i) => ({ image, seed: seeds[i]! })),
        vote: voteOf(images, seen.visible),
        visible: seen.visible,
      };
    },
  };
}

/** Part of the photograph that the network sees. */
export function regionOf(photo: { width: number; height: number }, mask: Mask, frame: Pix2gestaltOptions['frame']): Region {
  if (frame === 'photo') return { x: 0, y: 0, width: photo.width, height: photo.height };
  const box = boundingBox(mask)!;
  const side = Math.max(8, Math.round(OBJECT_FRAME * Math.max(box.x1 - box.x0, box.y1 - box.y0)));
  /** An interval of that length about a centre, moved inside the photograph, shorter where that is. */
  const along = (centre: number, limit: number): [from: number, length: number] => {
    const length = Math.min(side, limit);
    return [Math.min(Math.max(Math.round(centre - length / 2), 0), limit - length), length];
  };
  const [x, width] = along((box.x0 + box.x1) / 2, photo.width);
  const [y, height] = along((box.y0 + box.y1) / 2, photo.height);
  return { x, y, width, height };
}

/** The square round all that was drawn and all that is visible, with some space, so that completions do not waste their pixels on emptiness. */
function cropAround(pictures: readonly RgbImage[], { x, y, width, height }: Region, mask: Mask): Crop {
  const box = { ...boundingBox(mask)! };
  for (const picture of pictures) {
    const drawn = boundingBox({ ...picture, channels: 1, data: insideOf(picture).map((value) => 255 * value) });
    if (drawn === undefined) continue;
    const [sx, sy] = [width / picture.width, height / picture.height];
    box.x0 = Math.min(box.x0, x + drawn.x0 * sx);
    box.y0 = Math.min(box.y0, y + drawn.y0 * sy);
    box.x1 = Math.max(box.x1, x + drawn.x1 * sx);
    box.y1 = Math.max(box.y1, y + drawn.y1 * sy);
  }
  const size = Math.max(8, Math.ceil((1 + 2 * SPACE) * Math.max(box.x1 - box.x0, box.y1 - box.y0)));
  return { x: Math.round((box.x0 + box.x1 - size) / 2), y: Math.round((box.y0 + box.y1 - size) / 2), size };
}

/** What the samples depend on beside their noise. */
interface Condition {
  /** [channels, n, n] each: means of the posteriors of the picture and of its visible mask, not scaled. */
  latents: Float32Array[];
  /** [width]: CLIP's embedding of the picture, projected. */
  context: Float32Array;
}

async function conditionOn(
  bundle: ModelBundle,
  backend: InferenceBackend,
  { imageSize }: LatentModel,
  { photo, mask, region }: CompleteInput & { region: Region },
  signal: AbortSignal,
): Promise<Condition> {
  const picture = planesOf(resample(opaque(photo), imageSize, imageSize, region));
  const visible = resample(mask, imageSize, imageSize, region);
  // as RGB: three times -1 or 1
  const planes = Float32Array.from({ length: 3 * imageSize ** 2 }, (_, i) => (visible.data[i % imageSize ** 2]! > 127 ? 1 : -1));
  const image = (values: Float32Array) => ({ image: float32(values, [1, 3, imageSize, imageSize]) });
  const context = await bundle.using('context', backend, (session) => session.runSingle(image(picture), signal));
  const latents = await bundle.using('vaeEncoder', backend, async (session) => {
    const means: Float32Array[] = [];
    for (const values of [picture, planes]) means.push((await session.run(image(values), signal)).mean!.data as Float32Array);
    return means;
  });
  return { latents, context };
}

/** @returns latents [channels, n, n] of each sample, scaled as the diffusion has them */
async function drawLatents(
  bundle: ModelBundle,
  backend: InferenceBackend,
  model: LatentModel,
  condition: Condition,
  options: Pix2gestaltOptions & { guidance: number },
  seeds: readonly number[],
  { signal, emit }: StageContext,
): Promise<Float32Array[]> {
  const values = model.latentChannels * model.latentSize ** 2;
  const walk = samplerSteps(model.schedule, model.published, options.sampler, options.steps);
  const total = options.samples * walk.steps.length;
  const group = backend.provider === 'cpu' ? 1 : BATCH;
  return bundle.using('unet', backend, async (session) => {
    const drawn: Float32Array[] = [];
    for (let first = 0; first < seeds.length; first += group) {
      const rngs = seeds.slice(first, first + group).map((seed) => createRng(seed));
      const x = await sample({
        ...walk,
        length: rngs.length * values,
        prediction: 'eps',
        denoise: denoiser(session, condition, model, rngs.length, options.guidance, signal),
        noise: (target) => {
          for (const [k, rng] of rngs.entries()) rng.fillNormal(target.subarray(k * values, (k + 1) * values));
        },
        signal,
        onStep: (done, count) => emit({ kind: 'progress', done: first * count + done * rngs.length, total, unit: 'step' }),
      });
      for (const k of rngs.keys()) drawn.push(x.slice(k * values, (k + 1) * values));
    }
    return drawn;
  });
}

/**
 * The UNet's rows: [noisy latents, picture, mask] with the context; of the null condition, in the first half, all but the noisy latents is zero (the
 * context too: zeros do not go through the projection).
 */
function denoiser(
  session: Session,
  { latents, context }: Condition,
  { latentSize: n, latentChannels }: LatentModel,
  batch: number,
  guidance: number,
  signal: AbortSignal,
): (x: Float32Array, t: number) => Promise<Float32Array> {
  const values = latentChannels * n * n;
  const rows = guidance === 1 ? batch : 2 * batch;
  const channels = 3 * latentChannels;
  const xs = new Float32Array(rows * 3 * values);
  const contexts = new Float32Array(rows * context.length);
  for (let row = rows - batch; row < rows; row++) {
    for (const [k, latent] of latents.entries()) xs.set(latent, (3 * row + 1 + k) * values);
    contexts.set(context, row * context.length);
  }
  return async (x, t) => {
    for (let row = 0; row < rows; row++) xs.set(x.subarray((row % batch) * values, ((row % batch) + 1) * values), 3 * row * values);
    const output = await session.runSingle(
      {
        x: float32(xs, [rows, channels, n, n]),
        t: float32(new Float32Array(rows).fill(t), [rows]),
        context: float32(contexts, [rows, 1, context.length]),
      },
      signal,
    );
    return rows === batch ? output : guide(output.slice(x.length), output.subarray(0, x.length), guidance);
  };
}

async function decode(
  bundle: ModelBundle,
  backend: InferenceBackend,
  { latentSize: n, latentChannels, imageSize }: LatentModel,
  latents: readonly Float32Array[],
  { signal }: StageContext,
): Promise<RgbImage[]> {
  return bundle.using('vaeDecoder', backend, async (session) => {
    const pictures: RgbImage[] = [];
    for (const z of latents)
      pictures.push(pictureOf(await session.runSingle({ z: float32(z, [1, latentChannels, n, n]) }, signal), imageSize));
    return pictures;
  });
}

/** The network's picture of a region in the square crop round that region; white outside. */
function unsquash(picture: RgbImage, region: Region, crop: Crop, side: number): RgbImage {
  const [sx, sy] = [picture.width / region.width, picture.height / region.height];
  const seen = { x: (crop.x - region.x) * sx, y: (crop.y - region.y) * sy, width: crop.size * sx, height: crop.size * sy };
  return resample(picture, side, side, seen, 255);
}

/**
 * The drawn object without its white, and over it the photograph's own pixels where the object is visible. A pixel of the photograph that is half
 * object, half what hides it, shows only where nothing was drawn.
 */
function compose(picture: RgbImage, photo: RgbImage, visible: Mask): RgbaImage {
  const out = cutFromWhite(picture, insideOf(picture));
  for (let i = 0; i < visible.data.length; i++) {
    const seen = visible.data[i]! / 255;
    const share = out.data[i * 4 + 3] === 0 ? 1 : Math.max(0, 2 * seen - 1);
    if (seen === 0) continue;
    for (let c = 0; c < 3; c++) {
      const drawn = out.data[i * 4 + c]!;
      out.data[i * 4 + c] = Math.round(drawn + (photo.data[i * 3 + c]! - drawn) * share);
    }
    out.data[i * 4 + 3] = Math.max(out.data[i * 4 + 3]!, visible.data[i]!);
  }
  return out;
}
