import { createImage, ModelCorruptError, type RgbaImage, type Rng, resample, type View } from '@gestalt3d/core';
import { cosineSchedule, ddimUpdate, splitPrediction } from '@gestalt3d/diffusion';
import { float32, type ModelBundle, type Session } from '@gestalt3d/onnx';

/** How `bundle.json` says the views are sampled: deterministic DDIM steps from one noise level towards another, cosine schedule. */
export interface JointSampler {
  start: number;
  end: number;
  steps: number;
}

/** @throws ModelCorruptError */
export function samplerOf(bundle: ModelBundle): JointSampler {
  const { start, end, steps } = (bundle.manifest.sampler ?? {}) as Partial<JointSampler>;
  const valid = [start, end, steps].every((value) => Number.isInteger(value)) && steps! >= 1 && start! <= 999 && end! >= 0 && end! < start!;
  if (!valid) throw new ModelCorruptError(bundle.id, 'its manifest lacks sampler.start, end and steps');
  return { start: start!, end: end!, steps: steps! };
}

/** Planes [4, size, size] of one picture: colour premultiplied, all in -1..1. */
function encodeInto(image: RgbaImage, out: Float32Array, offset: number): void {
  const count = image.width * image.height;
  for (let i = 0; i < count; i++) {
    const alpha = image.data[i * 4 + 3]! / 255;
    for (let c = 0; c < 3; c++) out[offset + c * count + i] = ((image.data[i * 4 + c]! / 255) * 2 - 1) * alpha;
    out[offset + 3 * count + i] = alpha * 2 - 1;
  }
}

/**
 * SyncDreamer's step, small: all views are denoised together through one 3-D feature volume, starting from the layered body's
 * renders. The network works at its own size; what it changes there is added to the views.
 * @param views the body's renders from the rig, in the rig's order
 * @param frame the input picture at a size
 * @param onStep called after each step with the steps done
 */
export async function denoiseViews(
  session: Session,
  sampler: JointSampler,
  views: readonly View[],
  frame: (size: number) => RgbaImage,
  rng: Rng,
  signal: AbortSignal,
  onStep: (done: number) => void,
): Promise<View[]> {
  const dims = session.spec.inputs.find((input) => input.name === 'views')!.dims as number[];
  const size = dims[4]!;
  const plane = 4 * size * size;
  const body = new Float32Array(views.length * plane);
  for (const [i, { image }] of views.entries()) encodeInto(resample(image, size, size), body, i * plane);
  const input = new Float32Array(plane);
  encodeInto(frame(size), input, 0);

  const { alphasCumprod } = cosineSchedule();
  const times = Array.from({ length: sampler.steps }, (_, i) =>
    Math.round(sampler.start - ((sampler.start - sampler.end) * i) / sampler.steps),
  );
  const noise = rng.fillNormal(new Float32Array(body.length));
  const keep = Math.sqrt(alphasCumprod[sampler.start]!);
  const spread = Math.sqrt(1 - alphasCumprod[sampler.start]!);
  const x = body.map((value, i) => keep * value + spread * noise[i]!);
  const clean = new Float32Array(body.length);
  const epsilon = new Float32Array(body.length);
  for (const [k, t] of times.entries()) {
    const feeds = {
      views: float32(x, dims),
      body: float32(body, dims),
      image: float32(input, [1, 4, size, size]),
      t: float32(Float32Array.of(t), [1]),
    };
    const alpha = alphasCumprod[t]!;
    splitPrediction('x0', await session.runSingle(feeds, signal), x, alpha, clean, epsilon, [-1, 1]);
    onStep(k + 1);
    if (k + 1 === times.length) break;
    const alphaPrev = alphasCumprod[times[k + 1]!]!;
    ddimUpdate(x, { t, alpha, alphaPrev, sigma: 0, direction: Math.sqrt(1 - alphaPrev) }, clean, epsilon);
  }
  return views.map((view, i) => ({
    ...view,
    image: addChange(view.image, clean.subarray(i * plane, (i + 1) * plane), body.subarray(i * plane, (i + 1) * plane), size),
  }));
}

/** The picture plus what changed between two smaller versions of it, interpolated bilinearly. */
function addChange(image: RgbaImage, after: Float32Array, before: Float32Array, size: number): RgbaImage {
  const { width, height } = image;
  const encoded = new Float32Array(4 * width * height);
  encodeInto(image, encoded, 0);
  const out = createImage(width, height, 4);
  const count = size * size;
  const value = new Float64Array(4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const u = Math.min(Math.max(((x + 0.5) * size) / width - 0.5, 0), size - 1);
      const v = Math.min(Math.max(((y + 0.5) * size) / height - 0.5, 0), size - 1);
      const x0 = Math.min(Math.floor(u), size - 2);
      const y0 = Math.min(Math.floor(v), size - 2);
      const [fx, fy] = [u - x0, v - y0];
      for (let c = 0; c < 4; c++) {
        const change = (i: number): number => after[c * count + i]! - before[c * count + i]!;
        const at = y0 * size + x0;
        const top = change(at) * (1 - fx) + change(at + 1) * fx;
        const bottom = change(at + size) * (1 - fx) + change(at + size + 1) * fx;
        value[c] = encoded[c * width * height + y * width + x]! + top * (1 - fy) + bottom * fy;
      }
      const alpha = Math.min(Math.max((value[3]! + 1) / 2, 0), 1);
      const to = (y * width + x) * 4;
      out.data[to + 3] = Math.round(alpha * 255);
      if (alpha > 0.02)
        for (let c = 0; c < 3; c++) out.data[to + c] = Math.round(Math.min(Math.max((value[c]! / alpha + 1) / 2, 0), 1) * 255);
    }
  return out;
}
