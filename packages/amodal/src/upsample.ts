import { createImage, type Mask, type RgbaImage, type RgbImage } from '@gestalt3d/core';
import { coloursOf, type Frame } from './frame.ts';
import { blur, boxMean } from './regions.ts';

/** Radius of the guided filter's window in working pixels. */
const RADIUS = 2;
/** Brightness variance (0..1 squared) below which the filter smooths instead of following the picture. */
const EPSILON = 2e-4;

/**
 * Labels of a working frame as a mask of the photograph's size. Where the photograph has more pixels than the frame, the edge follows its
 * brightness (fast guided filter, He and Sun 2015); outside the frame the mask is empty.
 */
export function upsampleLabels(labels: Uint8Array, frame: Frame, photo: RgbImage | RgbaImage): Mask {
  const { width, height } = frame;
  const soft = blur(Float32Array.from(labels), width, height, 1);
  const rgb = coloursOf(photo, frame);
  const guide = new Float32Array(width * height);
  for (let i = 0; i < guide.length; i++) guide[i] = luma(rgb[i * 3]!, rgb[i * 3 + 1]!, rgb[i * 3 + 2]!);
  const mean = (values: Float32Array) => boxMean(values, width, height, RADIUS);
  const meanGuide = mean(guide);
  const meanSoft = mean(soft);
  const meanProduct = mean(guide.map((g, i) => g * soft[i]!));
  const meanSquare = mean(guide.map((g) => g * g));
  const slope = new Float32Array(guide.length);
  const offset = new Float32Array(guide.length);
  for (let i = 0; i < guide.length; i++) {
    const covariance = meanProduct[i]! - meanGuide[i]! * meanSoft[i]!;
    slope[i] = covariance / (meanSquare[i]! - meanGuide[i]! ** 2 + EPSILON);
    offset[i] = meanSoft[i]! - slope[i]! * meanGuide[i]!;
  }
  const a = mean(slope);
  const b = mean(offset);
  return render(photo, frame, soft, a, b);
}

/** Evaluates a * brightness + b, kept within the band around the soft edge, for every pixel of the photograph under the frame. */
function render(photo: RgbImage | RgbaImage, frame: Frame, soft: Float32Array, a: Float32Array, b: Float32Array): Mask {
  const { width, height, scale } = frame;
  const mask = createImage(photo.width, photo.height, 1);
  const { channels, data } = photo;
  const x0 = Math.max(0, Math.floor(frame.x));
  const y0 = Math.max(0, Math.floor(frame.y));
  const x1 = Math.min(photo.width, Math.ceil(frame.x + width * scale));
  const y1 = Math.min(photo.height, Math.ceil(frame.y + height * scale));
  for (let y = y0; y < y1; y++) {
    const v = Math.min(Math.max((y + 0.5 - frame.y) / scale - 0.5, 0), height - 1);
    const j = Math.min(Math.floor(v), Math.max(0, height - 2));
    const fy = v - j;
    const down = height > 1 ? width : 0;
    for (let x = x0; x < x1; x++) {
      const u = Math.min(Math.max((x + 0.5 - frame.x) / scale - 0.5, 0), width - 1);
      const i = Math.min(Math.floor(u), Math.max(0, width - 2));
      const right = width > 1 ? 1 : 0;
      const at = j * width + i;
      const s00 = soft[at]!;
      const s01 = soft[at + right]!;
      const s10 = soft[at + down]!;
      const s11 = soft[at + down + right]!;
      const sum = s00 + s01 + s10 + s11;
      if (sum === 0) continue;
      if (sum === 4) {
        mask.data[y * photo.width + x] = 255;
        continue;
      }
      const fx = u - i;
      const w00 = (1 - fx) * (1 - fy);
      const w01 = fx * (1 - fy);
      const w10 = (1 - fx) * fy;
      const w11 = fx * fy;
      const plain = s00 * w00 + s01 * w01 + s10 * w10 + s11 * w11;
      const p = (y * photo.width + x) * channels;
      const brightness = luma(data[p]!, data[p + 1]!, data[p + 2]!);
      const guided =
        (a[at]! * w00 + a[at + right]! * w01 + a[at + down]! * w10 + a[at + down + right]! * w11) * brightness +
        (b[at]! * w00 + b[at + right]! * w01 + b[at + down]! * w10 + b[at + down + right]! * w11);
      // the plain edge decides where the guided one may lie: a pixel that is surely on one side stays there
      const value = Math.min(Math.max(guided, 2 * plain - 1), 2 * plain);
      mask.data[y * photo.width + x] = Math.round(255 * sharpen(value));
    }
  }
  return mask;
}

/** A steeper edge: 0 below 0.25, 1 above 0.75. */
function sharpen(value: number): number {
  const t = Math.min(Math.max((value - 0.25) * 2, 0), 1);
  return t * t * (3 - 2 * t);
}

function luma(r: number, g: number, b: number): number {
  return (0.299 * r + 0.587 * g + 0.114 * b) / 255;
}
