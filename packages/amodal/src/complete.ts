import {
  boundingBox,
  breathe,
  type CompletionSet,
  type Crop,
  createImage,
  createRng,
  EmptyMaskError,
  type Mask,
  MaskSizeError,
  OptionError,
  type RgbaImage,
  type RgbImage,
  resample,
  type Stage,
  type StageContext,
} from '@gestalt3d/core';
import { createSchedule, ddimSteps, guide, sample } from '@gestalt3d/diffusion';
import { float32, type InferenceBackend, type ModelBundle, type Session, type TensorValue } from '@gestalt3d/onnx';
import { composeCompletion, plainCompletion } from './compose.ts';
import { pool, withDetail } from './detail.ts';
import { departureOf, drawEstimate, estimateWhole, PRIOR } from './estimate.ts';
import { type CompletionModel, readCompletionModel } from './scheduler.ts';
import { voteOf } from './vote.ts';

export interface CompleteInput {
  photo: RgbImage | RgbaImage;
  /** Visible part of the object, of the photograph's size. */
  mask: Mask;
}

export interface CompleteOptions {
  /** Completions to draw, each from noise of its own. */
  samples: number;
  /** Denoising steps. */
  steps: number;
  /** Classifier-free guidance: 1 is the condition alone. */
  guidance: number;
  /** 0 is deterministic after the first noise, 1 adds fresh noise at every step. */
  eta: number;
}

export interface CompleteDeps {
  bundle: ModelBundle;
  backend: InferenceBackend;
}

const DENOISER = 'denoiser';
const MAX_SAMPLES = 16;
/** Samples that go through the network together. */
const BATCH = 4;
const PREVIEW_EVERY = 3;
/** Sides of the finished completions in pixels. */
const MIN_SIDE = 256;
const MAX_SIDE = 512;

/** Side in pixels of the finished completions of a crop. */
export const sideOf = (crop: Crop): number => Math.max(MIN_SIDE, Math.min(MAX_SIDE, crop.size));

/** pix2gestalt's step: the visible part and its surroundings in, K wholes out. */
export function createCompleteStage({ bundle, backend }: CompleteDeps): Stage<CompleteInput, CompletionSet, CompleteOptions> {
  const model = readCompletionModel(bundle);
  return {
    name: 'complete',
    version: '4',
    defaults: { samples: 4, steps: model.steps, guidance: model.guidance, eta: model.eta },
    async run(input, options, context) {
      checkInput(input, options);
      const session = await bundle.open(DENOISER, backend);
      try {
        return await complete(session, { bundle, backend }, model, input, options, context);
      } finally {
        await session.dispose();
      }
    },
  };
}

/** @throws MaskSizeError, EmptyMaskError, OptionError */
export function checkInput({ photo, mask }: CompleteInput, { samples, guidance }: { samples: number; guidance: number }): void {
  if (mask.width !== photo.width || mask.height !== photo.height) throw new MaskSizeError(mask, photo);
  if (boundingBox(mask) === undefined) throw new EmptyMaskError('the segment stage');
  if (!Number.isInteger(samples) || samples < 1 || samples > MAX_SAMPLES)
    throw new OptionError('samples', `a whole number from 1 to ${MAX_SAMPLES}`, String(samples));
  if (!(guidance >= 0 && guidance <= 20)) throw new OptionError('guidance', 'a number from 0 to 20', String(guidance));
}

/** The square that the network sees: centred on the visible part, its side a multiple of that part's longest side. */
export function cropOf(mask: Mask, cropScale: number): Crop {
  const box = boundingBox(mask)!;
  const size = Math.max(8, Math.round(cropScale * Math.max(box.x1 - box.x0, box.y1 - box.y0)));
  return { x: Math.round((box.x0 + box.x1 - size) / 2), y: Math.round((box.y0 + box.y1 - size) / 2), size };
}

async function complete(
  session: Session,
  deps: CompleteDeps,
  model: CompletionModel,
  { photo, mask }: CompleteInput,
  options: CompleteOptions,
  context: StageContext,
): Promise<CompletionSet> {
  const { signal, emit } = context;
  const steps = ddimSteps(createSchedule(model.schedule), model.rule, options.steps, options.eta, model.startAt);
  const crop = cropOf(mask, model.cropScale);
  const region = { x: crop.x, y: crop.y, width: crop.size, height: crop.size };
  const cond = conditionOf(photo, mask, region, model.size);
  const seeds = Array.from({ length: options.samples }, (_, i) => context.rng.fork(i).integer(2 ** 32));

  const side = sideOf(crop);
  const picture = opaque(resample<3 | 4>(photo, side, side, region));
  const visible = resample(mask, side, side, region);
  const values = 4 * model.size ** 2;
  const fine = model.estimateSize ?? model.size;
  const factor = fine / model.size;
  const fineCond = factor === 1 ? cond : conditionOf(photo, mask, region, fine);
  const estimate = await estimateWhole(deps.bundle, deps.backend, fineCond, fine, signal);
  const coarseEstimate = estimate && pool(estimate, fine, factor);
  const images: RgbaImage[] = [];
  const total = options.samples * steps.length;
  for (let first = 0; first < options.samples; first += BATCH) {
    const batch = seeds.slice(first, first + BATCH);
    const rngs = batch.map((seed) => createRng(seed));
    const { estimate: spec } = model;
    const drawn = estimate && spec && rngs.map((_, k) => drawEstimate(estimate, fine, spec, departureOf(seeds, first + k)));
    let starts = drawn?.map((start) => pool(start, fine, factor));
    const result = await sample({
      steps,
      length: batch.length * values,
      prediction: model.prediction,
      denoise: denoiser(session, { cond, estimate: coarseEstimate }, batch.length, model.size, options.guidance, signal),
      noise: (target) => {
        for (const [k, rng] of rngs.entries()) {
          const own = rng.fillNormal(target.subarray(k * values, (k + 1) * values));
          if (starts) addNoise(starts[k]!, steps[0]!.alpha, own);
        }
        // asked again, it is for a later step's fresh noise
        starts = undefined;
      },
      ...(model.limit === undefined ? {} : { limit: model.limit }),
      signal,
      onStep: (done, count, x0) => {
        emit({ kind: 'progress', done: first * count + done * batch.length, total, unit: 'step' });
        if (done % PREVIEW_EVERY !== 0 || done === count) return;
        for (const k of batch.keys()) {
          const image = plainCompletion({ values: x0.slice(k * values, (k + 1) * values), size: model.size });
          emit({ kind: 'preview', name: 'completion', index: first + k, image });
        }
      },
    });
    for (const k of batch.keys()) {
      await breathe(signal);
      const coarse = result.subarray(k * values, (k + 1) * values);
      const raw = drawn && factor > 1 ? withDetail(coarse, drawn[k]!, fine, factor) : coarse;
      images.push(composeCompletion({ values: raw, size: drawn ? fine : model.size }, picture, visible, model.detail));
    }
  }
  return { crop, completions: images.map((image, i) => ({ image, seed: seeds[i]! })), vote: voteOf(images, visible), visible };
}

/** Noise in `target` becomes the clean picture with that much noise. */
function addNoise(clean: Float32Array, alpha: number, target: Float32Array): void {
  const [signal, noise] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)];
  for (let i = 0; i < target.length; i++) target[i] = signal * clean[i]! + noise * target[i]!;
}

/**
 * One network call per step for all samples of a batch: the null condition (zeros) in the first half, the condition in the second. A network that
 * was trained with a one-step estimate beside the picture takes it as the input `prior`.
 */
function denoiser(
  session: Session,
  { cond, estimate }: { cond: Float32Array; estimate: Float32Array | undefined },
  batch: number,
  size: number,
  guidance: number,
  signal: AbortSignal,
): (x: Float32Array, t: number) => Promise<Float32Array> {
  const guided = guidance !== 1;
  const rows = guided ? 2 * batch : batch;
  const plane = size * size;
  const conditions = (values: Float32Array): TensorValue => {
    const all = new Float32Array(rows * values.length);
    for (let row = rows - batch; row < rows; row++) all.set(values, row * values.length);
    return float32(all, [rows, values.length / plane, size, size]);
  };
  const fixed: Record<string, TensorValue> = { cond: conditions(cond) };
  if (estimate && session.spec.inputs.some(({ name }) => name === PRIOR)) fixed[PRIOR] = conditions(estimate);
  const xs = new Float32Array(rows * 4 * plane);
  return async (x, t) => {
    xs.set(x);
    if (guided) xs.set(x, x.length);
    const output = await session.runSingle(
      { ...fixed, x: float32(xs, [rows, 4, size, size]), t: float32(new Float32Array(rows).fill(t), [rows]) },
      signal,
    );
    return guided ? guide(output.slice(x.length), output.subarray(0, x.length), guidance) : output;
  };
}

/**
 * [8, S, S]: colours of the visible part in -1..1 times its mask (3), the mask (1), colours of the crop in -1..1 (3), share of the pixel inside
 * the photograph (1). Outside the photograph everything is 0.
 */
export function conditionOf(
  photo: RgbImage | RgbaImage,
  mask: Mask,
  region: { x: number; y: number; width: number; height: number },
  size: number,
): Float32Array {
  const plane = size * size;
  const cond = new Float32Array(8 * plane);
  const colours = resample<3 | 4>(opaque(photo), size, size, region, 127.5);
  const visible = resample(mask, size, size, region);
  const columns = coverage(region.x, region.width, photo.width, size);
  const rows = coverage(region.y, region.height, photo.height, size);
  for (let i = 0; i < plane; i++) {
    const seen = visible.data[i]! / 255;
    const inside = columns[i % size]! * rows[Math.floor(i / size)]!;
    for (let c = 0; c < 3; c++) {
      const value = inside > 0 ? colours.data[i * 3 + c]! / 127.5 - 1 : 0;
      cond[c * plane + i] = value * seen;
      cond[(4 + c) * plane + i] = value;
    }
    cond[3 * plane + i] = seen;
    cond[7 * plane + i] = inside;
  }
  return cond;
}

/** Share of each of `count` cells of an interval that lies within 0..limit. */
function coverage(origin: number, length: number, limit: number, count: number): Float32Array {
  const step = length / count;
  return Float32Array.from({ length: count }, (_, k) => {
    const from = origin + k * step;
    return Math.max(0, Math.min(from + step, limit) - Math.max(from, 0)) / step;
  });
}

/** Without alpha. */
export function opaque(image: RgbImage | RgbaImage): RgbImage {
  if (image.channels === 3) return image as RgbImage;
  const out = createImage(image.width, image.height, 3);
  for (let i = 0; i < image.width * image.height; i++) for (let c = 0; c < 3; c++) out.data[i * 3 + c] = image.data[i * 4 + c]!;
  return out;
}
