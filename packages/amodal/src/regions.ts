import { components } from '@gestalt3d/core';

/** Fills holes (parts of the outside that do not touch the border) of at most `maxSize` pixels that hold no `keepOut` pixel, in place. */
export function fillHoles(mask: Uint8Array, width: number, height: number, maxSize: number, keepOut: Iterable<number> = []): void {
  const { labels, sizes } = components(
    mask.map((v) => 1 - v),
    width,
    height,
  );
  const open = new Set<number>();
  for (let x = 0; x < width; x++) open.add(labels[x]!).add(labels[(height - 1) * width + x]!);
  for (let y = 0; y < height; y++) open.add(labels[y * width]!).add(labels[y * width + width - 1]!);
  for (const p of keepOut) open.add(labels[p]!);
  for (let i = 0; i < mask.length; i++) {
    const label = labels[i]!;
    if (label > 0 && sizes[label]! <= maxSize && !open.has(label)) mask[i] = 1;
  }
}

/** Three box blurs in both directions, close to a Gaussian of that standard deviation; the border repeats. */
export function blur(values: Float32Array, width: number, height: number, sigma: number): Float32Array {
  const radius = Math.max(0, Math.round((Math.sqrt(4 * sigma * sigma + 1) - 1) / 2));
  if (radius === 0) return values.slice();
  let out = values;
  for (let pass = 0; pass < 3; pass++) out = boxMean(out, width, height, radius);
  return out;
}

/** Mean over a square window of 2 * radius + 1, clipped at the border. */
export function boxMean(values: Float32Array, width: number, height: number, radius: number): Float32Array {
  return transpose(boxRows(transpose(boxRows(values, width, height, radius), width, height), height, width, radius), height, width);
}

function boxRows(values: Float32Array, width: number, height: number, radius: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let sum = 0;
    let count = 0;
    for (let x = 0; x < Math.min(radius, width); x++) {
      sum += values[row + x]!;
      count++;
    }
    for (let x = 0; x < width; x++) {
      if (x + radius < width) {
        sum += values[row + x + radius]!;
        count++;
      }
      if (x - radius - 1 >= 0) {
        sum -= values[row + x - radius - 1]!;
        count--;
      }
      out[row + x] = sum / count;
    }
  }
  return out;
}

function transpose(values: Float32Array, width: number, height: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out[x * height + y] = values[y * width + x]!;
  return out;
}

/** Distance in pixels (chamfer 3-4, divided by 3) of every pixel to the nearest that is 1; a large number when there is none. */
export function distanceTo(mask: Uint8Array, width: number, height: number): Float32Array {
  const far = 3 * (width + height);
  const d = new Float32Array(mask.length);
  for (let i = 0; i < d.length; i++) d[i] = mask[i] === 1 ? 0 : far;
  const relax = (i: number, j: number, cost: number) => {
    if (d[j]! + cost < d[i]!) d[i] = d[j]! + cost;
  };
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (x > 0) relax(i, i - 1, 3);
      if (y > 0) {
        relax(i, i - width, 3);
        if (x > 0) relax(i, i - width - 1, 4);
        if (x < width - 1) relax(i, i - width + 1, 4);
      }
    }
  for (let y = height - 1; y >= 0; y--)
    for (let x = width - 1; x >= 0; x--) {
      const i = y * width + x;
      if (x < width - 1) relax(i, i + 1, 3);
      if (y < height - 1) {
        relax(i, i + width, 3);
        if (x > 0) relax(i, i + width - 1, 4);
        if (x < width - 1) relax(i, i + width + 1, 4);
      }
    }
  for (let i = 0; i < d.length; i++) d[i]! /= 3;
  return d;
}
