/**
 * Gaussian blur of a plane [height, width] that is 0 outside. The kernel ends at three standard deviations, so what is farther away from every
 * non-zero value stays exactly 0.
 * @param sigma standard deviation in pixels; 0 returns a copy
 */
export function gaussian(plane: Float32Array, width: number, height: number, sigma: number): Float32Array {
  const radius = Math.ceil(3 * sigma);
  if (radius === 0) return plane.slice();
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, k) => Math.exp(-((k - radius) ** 2) / (2 * sigma * sigma)));
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  for (let k = 0; k < kernel.length; k++) kernel[k]! /= total;
  const rows = convolve(plane, width, height, kernel, radius, 1, width);
  return convolve(rows, height, width, kernel, radius, width, 1);
}

/** Along one axis: `length` values `step` apart on each of `lines` lines `stride` apart. */
function convolve(
  plane: Float32Array,
  length: number,
  lines: number,
  kernel: Float32Array,
  radius: number,
  step: number,
  stride: number,
): Float32Array {
  const out = new Float32Array(plane.length);
  for (let line = 0; line < lines; line++)
    for (let i = 0; i < length; i++) {
      const value = plane[line * stride + i * step]!;
      // most of a mask is empty
      if (value === 0) continue;
      const first = Math.max(0, i - radius);
      const last = Math.min(length - 1, i + radius);
      for (let j = first; j <= last; j++) out[line * stride + j * step]! += value * kernel[j - i + radius]!;
    }
  return out;
}
