import type { LayerPlanes } from '@gestalt3d/multiview';
import { FRAME_WIDTH } from './layered-views.ts';

/**
 * The baseline that learned depth must beat: the silhouette blown up to a body that is the same before and behind the plane through it, half as thick
 * as sqrt(d (2 D - d)) at distance d from the outline, D the largest: a disc becomes a ball. Its back wears the front's colours.
 * @param picture straight alpha, square
 */
export function inflatedPlanes({ width, data }: { width: number; data: Uint8Array }): LayerPlanes {
  const count = width * width;
  const distance = distanceToOutside(
    Uint8Array.from({ length: count }, (_, i) => (data[i * 4 + 3] > 127 ? 1 : 0)),
    width,
  );
  const deepest = distance.reduce((most, value) => Math.max(most, value), 0);
  const planes = new Float32Array(5 * count);
  for (let i = 0; i < count; i++) {
    const half = (Math.sqrt(distance[i] * (2 * deepest - distance[i])) * FRAME_WIDTH) / width;
    planes[i] = -half;
    planes[count + i] = half;
    for (let c = 0; c < 3; c++) planes[(2 + c) * count + i] = data[i * 4 + c] / 255;
  }
  return { size: width, data: planes };
}

/** Euclidean distance in pixels from every 1 to the nearest 0 of a square; the border counts as 0. Source: Felzenszwalb and Huttenlocher 2012. */
export function distanceToOutside(inside: Uint8Array, size: number): Float64Array {
  const n = size + 2;
  const squared = new Float64Array(n * n);
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) if (inside[y * size + x]) squared[(y + 1) * n + x + 1] = 1e12;
  const line = new Float64Array(n);
  for (let axis = 0; axis < 2; axis++)
    for (let k = 0; k < n; k++) {
      const at = (i: number) => (axis === 0 ? i * n + k : k * n + i);
      for (let i = 0; i < n; i++) line[i] = squared[at(i)];
      lowerEnvelope(line).forEach((value, i) => {
        squared[at(i)] = value;
      });
    }
  return Float64Array.from({ length: size * size }, (_, i) => Math.sqrt(squared[(Math.floor(i / size) + 1) * n + (i % size) + 1]));
}

/** min over j of f(j) + (i - j)^2, for every i. */
function lowerEnvelope(f: Float64Array): Float64Array {
  const centre: number[] = [0];
  const from: number[] = [-Infinity];
  const meet = (i: number, j: number) => (f[i] + i * i - f[j] - j * j) / (2 * (i - j));
  for (let i = 1; i < f.length; i++) {
    while (meet(i, centre[centre.length - 1]) <= from[from.length - 1]) {
      centre.pop();
      from.pop();
    }
    from.push(centre.length > 0 ? meet(i, centre[centre.length - 1]) : -Infinity);
    centre.push(i);
  }
  let k = 0;
  return f.map((_, i) => {
    while (k + 1 < from.length && from[k + 1] < i) k++;
    return f[centre[k]] + (i - centre[k]) ** 2;
  });
}
