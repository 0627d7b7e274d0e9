import { createImage, type Image } from './image.ts';

/** Part of a plane of pixels, in pixel units; may reach outside it. */
export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * Resamples a region of an image to a new size: area average where it shrinks, bilinear where it grows (what OpenCV calls
 * INTER_AREA for shrinking). Pixels outside the image take `outside` (default 0 in every channel).
 * For RGBA, colour is averaged weighted by alpha so that transparent pixels do not bleed into edges.
 */
export function resample<C extends 1 | 3 | 4>(image: Image<C>, width: number, height: number, region?: Region, outside = 0): Image<C> {
  const source = region ?? { x: 0, y: 0, width: image.width, height: image.height };
  const columns = taps(source.x, source.width, width, image.width);
  const rows = taps(source.y, source.height, height, image.height);
  const { channels, data } = image;
  const out = createImage(width, height, channels);
  const sum = new Float64Array(channels);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      sum.fill(0);
      let weightAlpha = 0;
      let weightOutside = 0;
      for (let j = rows.start[y]!; j < rows.start[y + 1]!; j++)
        for (let i = columns.start[x]!; i < columns.start[x + 1]!; i++) {
          const weight = rows.weight[j]! * columns.weight[i]!;
          const row = rows.index[j]!;
          const column = columns.index[i]!;
          if (row < 0 || column < 0) {
            weightOutside += weight;
            continue;
          }
          const at = (row * image.width + column) * channels;
          if (channels === 4) {
            const alpha = data[at + 3]! * weight;
            weightAlpha += alpha;
            for (let c = 0; c < 3; c++) sum[c]! += data[at + c]! * alpha;
          } else for (let c = 0; c < channels; c++) sum[c]! += data[at + c]! * weight;
        }
      const to = (y * width + x) * channels;
      if (channels === 4) {
        if (weightAlpha > 0) for (let c = 0; c < 3; c++) out.data[to + c] = Math.round(sum[c]! / weightAlpha);
        out.data[to + 3] = Math.round(weightAlpha + weightOutside * outside);
      } else for (let c = 0; c < channels; c++) out.data[to + c] = Math.round(sum[c]! + weightOutside * outside);
    }
  return out;
}

/** Filter taps of one axis: for output k, entries start[k]..start[k+1] name a source index (-1: outside) and a weight; weights sum to 1. */
function taps(
  origin: number,
  length: number,
  count: number,
  limit: number,
): { start: Int32Array; index: Int32Array; weight: Float64Array } {
  const scale = length / count;
  const start = new Int32Array(count + 1);
  const index: number[] = [];
  const weight: number[] = [];
  const clampInside = origin >= 0 && origin + length <= limit;
  for (let k = 0; k < count; k++) {
    if (scale > 1) {
      const from = origin + k * scale;
      const to = from + scale;
      for (let i = Math.floor(from); i < to; i++) {
        const overlap = Math.min(i + 1, to) - Math.max(i, from);
        if (overlap <= 1e-9) continue;
        index.push(i >= 0 && i < limit ? i : -1);
        weight.push(overlap / scale);
      }
    } else {
      const centre = origin + (k + 0.5) * scale - 0.5;
      const low = Math.floor(centre);
      for (const [i, w] of [
        [low, low + 1 - centre],
        [low + 1, centre - low],
      ] as const) {
        if (w <= 1e-9) continue;
        // inside the image its own border repeats; a region that reaches outside sees the outside
        const clamped = clampInside ? Math.min(Math.max(i, 0), limit - 1) : i;
        index.push(clamped >= 0 && clamped < limit ? clamped : -1);
        weight.push(w);
      }
    }
    start[k + 1] = index.length;
  }
  return { start, index: Int32Array.from(index), weight: Float64Array.from(weight) };
}
