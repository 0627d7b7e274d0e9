import type { Image } from '@gestalt3d/core';

/** How a camera rendered a picture. */
export interface Lens {
  /** Standard deviation in pixels of the blur of its sharpest edges. */
  blurSigma: number;
  /** Standard deviation of its noise, of 255. */
  noiseSigma: number;
  /** Mean luma, 0..255. */
  brightness: number;
}

/** Part of a picture in whole pixels. */
export interface Window {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Measures on at most this many pixels in each direction say enough. */
const LONGEST = 400;

/** Measures a part of a picture; where it has alpha, only its opaque pixels. */
export function measureLens(image: Image<3 | 4>, window: Window): Lens {
  const part = {
    x: window.x + Math.max(0, (window.width - LONGEST) >> 1),
    y: window.y + Math.max(0, (window.height - LONGEST) >> 1),
    width: Math.min(window.width, LONGEST),
    height: Math.min(window.height, LONGEST),
  };
  const { luma, opaque } = lumaOf(image, part);
  let sum = 0;
  let count = 0;
  for (let i = 0; i < luma.length; i++)
    if (opaque[i] === 1) {
      sum += luma[i]!;
      count++;
    }
  return {
    blurSigma: edgeSigma(luma, opaque, part.width, part.height),
    noiseSigma: noiseSigma(luma, opaque, part.width, part.height),
    brightness: count > 0 ? sum / count : 127,
  };
}

function lumaOf({ width, channels, data }: Image<3 | 4>, part: Window): { luma: Float32Array; opaque: Uint8Array } {
  const luma = new Float32Array(part.width * part.height);
  const opaque = new Uint8Array(luma.length);
  for (let y = 0; y < part.height; y++)
    for (let x = 0; x < part.width; x++) {
      const at = ((y + part.y) * width + x + part.x) * channels;
      const to = y * part.width + x;
      luma[to] = 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
      opaque[to] = channels === 3 || data[at + 3]! > 250 ? 1 : 0;
    }
  return { luma, opaque };
}

/** True where the square of `radius` round a pixel is opaque at its corners and sides' middles. */
function clear(opaque: Uint8Array, i: number, width: number, radius: number): boolean {
  for (const dy of [-radius, 0, radius]) for (const dx of [-radius, 0, radius]) if (opaque[i + dy * width + dx] === 0) return false;
  return true;
}

/** Half the length in pixels of the line on which an edge's contrast is read. */
const REACH = 3;
/** Fewer strong edges than this say nothing. */
const MIN_EDGES = 12;
const UNKNOWN_SIGMA = 0.7;

/**
 * Blur of the sharpest edges. A step blurred by a Gaussian of sigma s has, in its middle, a central difference of erf(1 / (s sqrt 2)) / 2 of the
 * contrast between its ends; the ratio of the two, read along x and y, gives s. The upper quartile over strong edges, because most edges of a
 * photograph are out of focus or not steps.
 */
function edgeSigma(luma: Float32Array, opaque: Uint8Array, width: number, height: number): number {
  const ratios: number[] = [];
  for (let y = REACH; y < height - REACH; y++)
    for (let x = REACH; x < width - REACH; x++) {
      const i = y * width + x;
      for (const step of [1, width]) {
        const slope = Math.abs(luma[i + step]! - luma[i - step]!) / 2;
        if (slope < 8 || !clear(opaque, i, width, REACH)) continue;
        const contrast = Math.abs(luma[i + REACH * step]! - luma[i - REACH * step]!);
        // only monotone steps: their ends are their extremes
        let rises = 0;
        let previous = luma[i - REACH * step]!;
        for (let k = 1 - REACH; k <= REACH; k++) {
          const value = luma[i + k * step]!;
          rises += Math.abs(value - previous);
          previous = value;
        }
        if (contrast < 30 || rises > 1.15 * contrast) continue;
        if (slope < Math.abs(luma[i + 2 * step]! - luma[i]!) / 2 || slope < Math.abs(luma[i]! - luma[i - 2 * step]!) / 2) continue;
        ratios.push(slope / contrast);
      }
    }
  if (ratios.length < MIN_EDGES) return UNKNOWN_SIGMA;
  ratios.sort((a, b) => a - b);
  return sigmaOfRatio(ratios[Math.floor(0.75 * ratios.length)]!);
}

/** Sharpest and softest edge that is told apart, in pixels. */
const SHARPEST = 0.4;
const SOFTEST = 2.2;

/** Inverse, by bisection, of the ratio above with the contrast read `REACH` pixels on either side. */
function sigmaOfRatio(ratio: number): number {
  const model = (sigma: number) => erf(1 / (sigma * Math.SQRT2)) / 2 / erf(REACH / (sigma * Math.SQRT2));
  let [low, high] = [SHARPEST, SOFTEST];
  for (let k = 0; k < 20; k++) {
    const middle = (low + high) / 2;
    if (model(middle) > ratio) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Abramowitz and Stegun 7.1.26, error below 1.5e-7; x >= 0. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * x);
  return 1 - t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-x * x);
}

/**
 * Noise by Immerkaer's operator (1996), which planes and ramps pass without an answer; its median instead of its mean, so that texture on less than half
 * of the pixels does not count as noise.
 */
function noiseSigma(luma: Float32Array, opaque: Uint8Array, width: number, height: number): number {
  // typed arrays sort by value without a comparator, several times faster
  const answers = new Float32Array(((width - 1) >> 1) * ((height - 1) >> 1));
  let count = 0;
  for (let y = 1; y < height - 1; y += 2)
    for (let x = 1; x < width - 1; x += 2) {
      const i = y * width + x;
      if (!clear(opaque, i, width, 1)) continue;
      const above = luma[i - width - 1]! - 2 * luma[i - width]! + luma[i - width + 1]!;
      const here = luma[i - 1]! - 2 * luma[i]! + luma[i + 1]!;
      const below = luma[i + width - 1]! - 2 * luma[i + width]! + luma[i + width + 1]!;
      answers[count++] = Math.abs(above - 2 * here + below);
    }
  if (count === 0) return 0;
  const sorted = answers.subarray(0, count).sort();
  // the operator multiplies the deviation by 6; 0.6745 deviations lie below the median of the magnitude
  return sorted[count >> 1]! / 6 / 0.6745;
}
