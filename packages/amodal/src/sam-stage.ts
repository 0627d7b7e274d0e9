import {
  createImage,
  type Mask,
  ModelCorruptError,
  type Prompt,
  type RgbaImage,
  type RgbImage,
  resample,
  type Segmentation,
  type Stage,
} from '@gestalt3d/core';
import { float32, type InferenceBackend, type ModelBundle, type TensorValue } from '@gestalt3d/onnx';
import { opaque } from './complete.ts';
import { checkMask, checkPrompt, givenMask } from './prompt.ts';
import type { SegmentInput } from './segment.ts';

/** What the manifest of an imported SAM bundle says. */
interface SamModel {
  /** Side of the padded picture, pixels. */
  size: number;
  /** Per channel, of values 0..255. */
  mean: readonly number[];
  deviation: readonly number[];
  /** Logit above which a pixel is inside. */
  threshold: number;
}

/** What the decoder calls a point. */
const LABEL = { padding: -1, negative: 0, positive: 1, firstCorner: 2, secondCorner: 3 } as const;

/**
 * The segment stage on imported SAM weights (Kirillov et al. 2023): points and a box to the mask of the unambiguous prompt, as pix2gestalt asks for it
 * (`multimask_output` false). Unlike there the network sees the photograph itself, not a copy of 256 pixels. The encoder is gone when the decoder comes.
 * A mask as prompt is taken as it is.
 * @throws ModelCorruptError for a bundle of another kind
 */
export function createSamStage({
  bundle,
  backend,
}: {
  bundle: ModelBundle;
  backend: InferenceBackend;
}): Stage<SegmentInput, Segmentation, object> {
  const model = readSamModel(bundle);
  return {
    name: 'segment',
    version: 'sam 1',
    defaults: {},
    async run({ photo, prompt }, _options, { signal, emit }) {
      signal.throwIfAborted();
      checkPrompt(prompt, photo);
      if (prompt.mask !== undefined) return { mask: givenMask(prompt.mask) };
      const { planes, width, height } = inputOf(photo, model);
      const image = float32(planes, [1, 3, model.size, model.size]);
      const { embedding } = await bundle.using('image', backend, (session) => session.run({ image }, signal));
      emit({ kind: 'progress', done: 1, total: 2, unit: 'step' });
      const feeds = { embedding: embedding!, ...promptTensors(prompt, width / photo.width, height / photo.height) };
      const logits = await bundle.using('decoder', backend, async (session) => {
        const [, , side] = session.spec.inputs.find(({ name }) => name === 'mask')!.dims as number[];
        const none = { mask: float32(new Float32Array(side! * side!), [1, 1, side!, side!]), hasMask: float32(Float32Array.of(0), [1]) };
        const { masks } = await session.run({ ...feeds, ...none }, signal);
        // the first of several answers the unambiguous prompt
        return { side: side!, values: (masks!.data as Float32Array).subarray(0, side! * side!) };
      });
      const mask = maskOfLogits(logits, { ...model, width, height }, photo);
      emit({ kind: 'progress', done: 2, total: 2, unit: 'step' });
      checkMask(mask, prompt.box === undefined ? 'the points' : 'the box');
      return { mask };
    },
  };
}

/** @throws ModelCorruptError */
function readSamModel(bundle: ModelBundle): SamModel {
  const { size, mean, deviation } = (bundle.manifest.preprocessing ?? {}) as Partial<SamModel>;
  const { threshold } = bundle.manifest;
  const triple = (values: unknown): boolean => Array.isArray(values) && values.length === 3 && values.every(Number.isFinite);
  const graphs = ['image', 'decoder'].every((role) => bundle.manifest.graphs[role] !== undefined);
  if (!graphs || !Number.isInteger(size) || !triple(mean) || !triple(deviation) || typeof threshold !== 'number')
    throw new ModelCorruptError(bundle.id, 'its manifest lacks the graphs image and decoder, preprocessing or threshold of SAM');
  return { size: size!, mean: mean!, deviation: deviation!, threshold };
}

/** The photograph with its longest side at the model's size, mean and deviation taken out, padded with zeros to the right and below. */
function inputOf(
  photo: RgbImage | RgbaImage,
  { size, mean, deviation }: SamModel,
): { planes: Float32Array; width: number; height: number } {
  const factor = size / Math.max(photo.width, photo.height);
  // rounded as `ResizeLongestSide` does
  const width = Math.max(1, Math.floor(photo.width * factor + 0.5));
  const height = Math.max(1, Math.floor(photo.height * factor + 0.5));
  const picture = resample(opaque(photo), width, height);
  const planes = new Float32Array(3 * size * size);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        planes[(c * size + y) * size + x] = (picture.data[(y * width + x) * 3 + c]! - mean[c]!) / deviation[c]!;
  return { planes, width, height };
}

/** Points and corners in pixels of the padded picture; a padding point where there is no box. */
export function promptTensors(prompt: Prompt, sx: number, sy: number): { points: TensorValue; labels: TensorValue } {
  const points: number[] = [];
  const labels: number[] = [];
  const put = (x: number, y: number, label: number): void => {
    points.push(x * sx, y * sy);
    labels.push(label);
  };
  for (const { x, y, positive } of prompt.points) put(x, y, positive ? LABEL.positive : LABEL.negative);
  if (prompt.box === undefined) put(0, 0, LABEL.padding);
  else {
    const { x0, y0, x1, y1 } = prompt.box;
    put(x0, y0, LABEL.firstCorner);
    put(x1, y1, LABEL.secondCorner);
  }
  return {
    points: float32(Float32Array.from(points), [1, labels.length, 2]),
    labels: float32(Float32Array.from(labels), [1, labels.length]),
  };
}

/** Logits to the padded picture's size, cut to the picture, to the photograph's size, each bilinear; then the threshold. */
function maskOfLogits(
  logits: { side: number; values: Float32Array },
  { size, width, height, threshold }: SamModel & { width: number; height: number },
  photo: { width: number; height: number },
): Mask {
  const padded = bilinear(logits.values, logits.side, { width: logits.side, height: logits.side }, { width: size, height: size });
  const full = bilinear(padded, size, { width, height }, photo);
  const mask = createImage(photo.width, photo.height, 1);
  for (let i = 0; i < mask.data.length; i++) mask.data[i] = full[i]! > threshold ? 255 : 0;
  return mask;
}

/**
 * The part from the top left of a plane at another size, pixel centres at + 0.5, the border repeated, no averaging where it shrinks.
 * @param stride length of the plane's rows
 */
function bilinear(
  plane: Float32Array,
  stride: number,
  from: { width: number; height: number },
  to: { width: number; height: number },
): Float32Array {
  const out = new Float32Array(to.width * to.height);
  const at = (i: number, count: number, limit: number): [low: number, high: number, share: number] => {
    const position = Math.max(((i + 0.5) * limit) / count - 0.5, 0);
    const low = Math.min(Math.floor(position), limit - 1);
    return [low, Math.min(low + 1, limit - 1), position - low];
  };
  for (let y = 0; y < to.height; y++) {
    const [top, bottom, v] = at(y, to.height, from.height);
    for (let x = 0; x < to.width; x++) {
      const [left, right, u] = at(x, to.width, from.width);
      const upper = plane[top * stride + left]! * (1 - u) + plane[top * stride + right]! * u;
      const lower = plane[bottom * stride + left]! * (1 - u) + plane[bottom * stride + right]! * u;
      out[y * to.width + x] = upper * (1 - v) + lower * v;
    }
  }
  return out;
}
