import type { Rng } from '@gestalt3d/core';

/**
 * Clouds: octaves of smoothly interpolated random grids.
 * @param cells cells along a side in the first octave; doubled in each further one, at 0.55 of its amplitude
 * @returns [size, size], spread over 0..1
 */
export function smoothNoise(size: number, octaves: number, cells: number, rng: Rng): Float32Array {
  const out = new Float32Array(size * size);
  let amplitude = 1;
  for (let octave = 0; octave < octaves; octave++) {
    const count = Math.min(cells << octave, size);
    const grid = Float32Array.from({ length: (count + 1) ** 2 }, () => rng.uniform());
    for (let y = 0; y < size; y++) {
      const [j, v] = cellOf(y, size, count);
      for (let x = 0; x < size; x++) {
        const [i, u] = cellOf(x, size, count);
        const at = j * (count + 1) + i;
        const above = grid[at]! * (1 - u) + grid[at + 1]! * u;
        const below = grid[at + count + 1]! * (1 - u) + grid[at + count + 2]! * u;
        out[y * size + x]! += amplitude * (above * (1 - v) + below * v);
      }
    }
    amplitude *= 0.55;
  }
  let [low, high] = [Infinity, -Infinity];
  for (const value of out) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  for (let i = 0; i < out.length; i++) out[i] = (out[i]! - low) / Math.max(1e-6, high - low);
  return out;
}

/** Cell of a pixel and the eased position in it. */
function cellOf(pixel: number, size: number, count: number): [cell: number, ease: number] {
  const position = (pixel / size) * count;
  const cell = Math.min(Math.floor(position), count - 1);
  const t = position - cell;
  return [cell, t * t * (3 - 2 * t)];
}
