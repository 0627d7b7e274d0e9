import type { Box, RgbImage } from '@gestalt3d/core';

/** 10 log10(1 / MSE) over all pixels and channels in [0, 1]; infinite for equal pictures. Source: SyncDreamer, eval_nvs.py (reference, 12.1). */
export function psnr(a: RgbImage, b: RgbImage): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += ((a.data[i] - b.data[i]) / 255) ** 2;
  return 10 * Math.log10(a.data.length / sum);
}

const WINDOW = 11;
const SIGMA = 1.5;
const K1 = 0.01;
const K2 = 0.03;

/**
 * Structural similarity as torchmetrics' functional default: Gaussian window 11 x 11 with sigma 1.5, K1 0.01, K2 0.03, population
 * variances, windows that fit the picture only (a border of 5 px is left out), the mean of the channels, and as data range the larger of the
 * two pictures' own ranges. Source: Wang et al. 2004; SyncDreamer, eval_nvs.py (reference, 12.1). Pictures of at least 11 px.
 */
export function ssim(a: RgbImage, b: RgbImage): number {
  const range = Math.max(rangeOf(a.data), rangeOf(b.data)) / 255;
  const c1 = (K1 * range) ** 2;
  const c2 = (K2 * range) ** 2;
  const windows = (a.width - WINDOW + 1) * (a.height - WINDOW + 1);
  // a window in which the pictures are equal has similarity 1: only those that reach into the box of differences are computed
  const box = differenceBox(a, b);
  if (!box) return 1;
  const [x0, y0] = [Math.max(0, box.x0 - WINDOW + 1), Math.max(0, box.y0 - WINDOW + 1)];
  const width = Math.min(a.width, box.x1 + WINDOW - 1) - x0;
  const height = Math.min(a.height, box.y1 + WINDOW - 1) - y0;
  const count = width * height;
  const planes = [0, 1, 2, 3, 4].map(() => new Float64Array(count));
  let missing = 0;
  for (let c = 0; c < 3; c++) {
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        const at = ((y0 + y) * a.width + x0 + x) * 3 + c;
        const [p, q] = [a.data[at] / 255, b.data[at] / 255];
        planes[0][i] = p;
        planes[1][i] = q;
        planes[2][i] = p * p;
        planes[3][i] = q * q;
        planes[4][i] = p * q;
      }
    const [mx, my, xx, yy, xy] = planes.map((plane) => windowMeans(plane, width, height));
    for (let i = 0; i < mx.length; i++) {
      const product = mx[i] * my[i];
      const squares = mx[i] * mx[i] + my[i] * my[i];
      missing += 1 - ((2 * product + c1) * (2 * (xy[i] - product) + c2)) / ((squares + c1) * (xx[i] + yy[i] - squares + c2));
    }
  }
  return 1 - missing / (3 * windows);
}

function differenceBox(a: RgbImage, b: RgbImage): Box | undefined {
  const box = { x0: a.width, y0: a.height, x1: 0, y1: 0 };
  for (let i = 0; i < a.data.length; i++) {
    if (a.data[i] === b.data[i]) continue;
    const pixel = Math.floor(i / 3);
    const x = pixel % a.width;
    const y = Math.floor(pixel / a.width);
    box.x0 = Math.min(box.x0, x);
    box.x1 = Math.max(box.x1, x + 1);
    box.y0 = Math.min(box.y0, y);
    box.y1 = y + 1;
  }
  return box.x1 > 0 ? box : undefined;
}

function rangeOf(data: Uint8Array): number {
  let low = 255;
  let high = 0;
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high - low;
}

const KERNEL = (() => {
  const weights = Array.from({ length: WINDOW }, (_, i) => Math.exp(-((i - (WINDOW - 1) / 2) ** 2) / (2 * SIGMA * SIGMA)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Float64Array.from(weights, (weight) => weight / sum);
})();

/** Gaussian means of every window that fits: [height - 10, width - 10]. */
function windowMeans(values: Float64Array, width: number, height: number): Float64Array {
  const w = width - WINDOW + 1;
  const h = height - WINDOW + 1;
  const rows = new Float64Array(w * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < w; x++) {
      let sum = 0;
      for (let k = 0; k < WINDOW; k++) sum += KERNEL[k] * values[y * width + x + k];
      rows[y * w + x] = sum;
    }
  const out = new Float64Array(w * h);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      let sum = 0;
      for (let k = 0; k < WINDOW; k++) sum += KERNEL[k] * rows[(y + k) * w + x];
      out[y * w + x] = sum;
    }
  return out;
}
