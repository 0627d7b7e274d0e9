import type { RgbaImage } from '@gestalt3d/core';
import { buildLayeredBody, continueOutward, type LayeredBody, type LayerPlanes } from './layered-body.ts';

/** What is solid between a camera's pixels and their depths: samples of a function of space that is above zero inside. */
export interface FrustumVolume {
  /** Samples along each side of the frame. */
  size: number;
  /** Samples along a pixel's ray. */
  depths: number;
  /** [size, size, depths] logits less the threshold, at the middle of their voxels, meaningful everywhere. */
  logits: Float32Array;
  /** Where the first voxel begins, from the plane that depths count from, positive away from the camera; world units. */
  nearest: number;
  /** Length of a voxel along the optical axis, world units. */
  step: number;
}

/** How `bundle.json` says the volume's planes are read: logits above `threshold` are solid, from `nearest` to `farthest` (world units). */
export interface VolumeManifest {
  nearest: number;
  farthest: number;
  threshold: number;
}

/**
 * A body with the network's volume for its inside; the layers tell its front from its back where it is coloured.
 * A picture for which nothing is solid gives the layered body alone.
 * @param planes [5 + depths, size, size]: the layers, then the logits
 */
export function buildVolumeBody(frame: RgbaImage, planes: LayerPlanes, manifest: VolumeManifest, distance: number): LayeredBody {
  const { size } = planes;
  const count = size * size;
  const depths = planes.data.length / count - 5;
  const body = buildLayeredBody(frame, planes, distance);
  const mask = new Uint8Array(count);
  const scale = frame.width / size;
  const logits = new Float32Array(count * depths);
  let some = false;
  for (let i = 0; i < count; i++) {
    mask[i] = body.solid[Math.floor((Math.floor(i / size) + 0.5) * scale) * frame.width + Math.floor(((i % size) + 0.5) * scale)]!;
    for (let d = 0; d < depths; d++) {
      const value = planes.data[(5 + d) * count + i]! - manifest.threshold;
      logits[i * depths + d] = value;
      some ||= mask[i] === 1 && value > 0;
    }
  }
  if (!some) return body;
  continueOutward(logits, depths, mask, size);
  return { ...body, volume: { size, depths, logits, nearest: manifest.nearest, step: (manifest.farthest - manifest.nearest) / depths } };
}

/** Whether the point at frame position (x, y), both 0..1, and depth `offset` is solid: trilinear between the samples. */
export function isSolid({ size, depths, logits, nearest, step }: FrustumVolume, x: number, y: number, offset: number): boolean {
  const depth = (offset - nearest) / step;
  if (depth < 0 || depth >= depths) return false;
  const u = Math.min(Math.max(x * size - 0.5, 0), size - 1);
  const v = Math.min(Math.max(y * size - 0.5, 0), size - 1);
  const w = Math.min(Math.max(depth - 0.5, 0), depths - 1);
  const x0 = Math.min(Math.floor(u), size - 2);
  const y0 = Math.min(Math.floor(v), size - 2);
  const z0 = Math.min(Math.floor(w), depths - 2);
  const fx = u - x0;
  const fy = v - y0;
  const fz = w - z0;
  const at = (y0 * size + x0) * depths + z0;
  const along = (i: number): number => logits[i]! * (1 - fz) + logits[i + 1]! * fz;
  const top = along(at) * (1 - fx) + along(at + depths) * fx;
  const bottom = along(at + size * depths) * (1 - fx) + along(at + (size + 1) * depths) * fx;
  return top * (1 - fy) + bottom * fy > 0;
}

/**
 * Depths at which the ray through the sample nearest to frame position (x, y), both 0..1, enters the solid first and leaves it last;
 * null where it meets none.
 */
export function solidExtent({ size, depths, logits, nearest, step }: FrustumVolume, x: number, y: number): [number, number] | null {
  const at = (Math.floor(y * size) * size + Math.floor(x * size)) * depths;
  let first = 0;
  while (first < depths && logits[at + first]! <= 0) first++;
  if (first === depths) return null;
  let last = depths - 1;
  while (logits[at + last]! <= 0) last--;
  /** Share of the way from a solid sample to its neighbour that is solid; half a voxel at the volume's ends. */
  const share = (k: number, neighbour: number): number =>
    neighbour < 0 || neighbour >= depths ? 0.5 : logits[at + k]! / (logits[at + k]! - logits[at + neighbour]!);
  return [nearest + step * (first + 0.5 - share(first, first - 1)), nearest + step * (last + 0.5 + share(last, last + 1))];
}
