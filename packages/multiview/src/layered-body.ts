import type { RgbaImage } from '@gestalt3d/core';
import type { FrustumVolume } from './volume-body.ts';

/**
 * A closed body in the frame of one camera: between a front and a back depth wherever the object is seen.
 */
export interface LayeredBody {
  /** From the camera to the plane that depths count from, along the optical axis, world units. */
  distance: number;
  /** Pixels along each side of the square frame. */
  size: number;
  /** [size, size]; 1 inside the object, 0 outside. */
  solid: Uint8Array;
  /** [size, size] depths beyond that plane, positive away from the camera, meaningful everywhere: outside the object they continue from its edge. */
  front: Float32Array;
  back: Float32Array;
  /** [size, size, 3] sRGB 0..255, meaningful where solid. */
  frontColor: Float32Array;
  backColor: Float32Array;
  /** What is solid within the outline, in place of everything between the two depths. */
  volume?: FrustumVolume;
}

/** Depth and back colour as the network gives them: [5, size, size] planes front, back, back red, green, blue (0..1). */
export interface LayerPlanes {
  size: number;
  data: Float32Array;
}

/** A body is never thinner than this, so that it keeps an inside where the two depths meet or cross. World units. */
const MIN_THICKNESS = 0.02;

/**
 * Joins the frame (its own pixels are the front's colour and the outline) and the network's coarser layers into a body
 * of the frame's resolution.
 */
export function buildLayeredBody(frame: RgbaImage, layers: LayerPlanes, distance: number): LayeredBody {
  const { width: size, data } = frame;
  const count = size * size;
  const solid = new Uint8Array(count);
  const frontColor = new Float32Array(count * 3);
  for (let i = 0; i < count; i++) {
    solid[i] = data[i * 4 + 3]! > 127 ? 1 : 0;
    for (let c = 0; c < 3; c++) frontColor[i * 3 + c] = data[i * 4 + c]!;
  }

  // The network's depths mean something inside the outline only: continue them before they are interpolated across it
  const coarse = layers.size;
  const coarseSolid = new Uint8Array(coarse * coarse);
  const scale = size / coarse;
  for (let y = 0; y < coarse; y++)
    for (let x = 0; x < coarse; x++) {
      const at = Math.floor((y + 0.5) * scale) * size + Math.floor((x + 0.5) * scale);
      coarseSolid[y * coarse + x] = solid[at]!;
    }
  const planes = new Float32Array(coarse * coarse * 5);
  for (let i = 0; i < coarse * coarse; i++) for (let c = 0; c < 5; c++) planes[i * 5 + c] = layers.data[c * coarse * coarse + i]!;
  continueOutward(planes, 5, coarseSolid, coarse);

  const front = new Float32Array(count);
  const back = new Float32Array(count);
  const backColor = new Float32Array(count * 3);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const i = y * size + x;
      const u = Math.min(Math.max((x + 0.5) / scale - 0.5, 0), coarse - 1);
      const v = Math.min(Math.max((y + 0.5) / scale - 0.5, 0), coarse - 1);
      const x0 = Math.min(Math.floor(u), coarse - 2);
      const y0 = Math.min(Math.floor(v), coarse - 2);
      const fx = u - x0;
      const fy = v - y0;
      const p = y0 * coarse + x0;
      // what lies outside the outline has no say where anything inside has
      const weights = [(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy];
      const corners = [p, p + 1, p + coarse, p + coarse + 1];
      const inside = weights.reduce((sum, weight, k) => sum + weight * coarseSolid[corners[k]!]!, 0);
      const mix = (c: number): number => {
        let sum = 0;
        for (let k = 0; k < 4; k++) {
          const weight = inside > 1e-3 ? (weights[k]! * coarseSolid[corners[k]!]!) / inside : weights[k]!;
          sum += weight * planes[corners[k]! * 5 + c]!;
        }
        return sum;
      };
      front[i] = mix(0);
      back[i] = Math.max(mix(1), front[i]! + MIN_THICKNESS);
      for (let c = 0; c < 3; c++) backColor[i * 3 + c] = Math.min(Math.max(mix(2 + c), 0), 1) * 255;
    }
  return { distance, size, solid, front, back, frontColor, backColor };
}

/**
 * Gives every pixel outside the mask the mean of its nearest known neighbours, ring by ring, so that interpolation near
 * the edge never meets meaningless values. In place; does nothing when the mask is empty.
 * @param values [size, size, channels]
 */
export function continueOutward(values: Float32Array, channels: number, mask: Uint8Array, size: number): void {
  const known = mask.slice();
  const queued = mask.slice();
  let ring: number[] = [];
  const visit = (i: number, into: number[]): void => {
    const x = i % size;
    for (const [j, inside] of [
      [i - 1, x > 0],
      [i + 1, x < size - 1],
      [i - size, i >= size],
      [i + size, i < size * (size - 1)],
    ] as const)
      if (inside && !queued[j]) {
        queued[j] = 1;
        into.push(j);
      }
  };
  for (let i = 0; i < known.length; i++) if (known[i]) visit(i, ring);
  while (ring.length > 0) {
    const next: number[] = [];
    for (const i of ring) {
      const x = i % size;
      const y = (i - x) / size;
      let count = 0;
      for (let c = 0; c < channels; c++) values[i * channels + c] = 0;
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const nx = x + dx;
          const ny = y + dy;
          if (nx < 0 || ny < 0 || nx >= size || ny >= size || known[ny * size + nx] !== 1) continue;
          count++;
          for (let c = 0; c < channels; c++) values[i * channels + c]! += values[(ny * size + nx) * channels + c]!;
        }
      for (let c = 0; c < channels; c++) values[i * channels + c]! /= count;
      visit(i, next);
    }
    // known after the ring: a pixel must not learn from its own ring, or the result would depend on the order
    for (const i of ring) known[i] = 1;
    ring = next;
  }
}
