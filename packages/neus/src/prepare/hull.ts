import { type Bounds, type Box, boundingBox, type Camera, cameraFromWorld, type Mask, type RgbaImage } from '@gestalt3d/core';
import type { Work } from '../work.ts';

/** A view's silhouette, for counting opaque pixels in rectangles. */
export interface Silhouette {
  camera: Camera;
  /** World to camera, column-major. */
  fromWorld: Float64Array;
  /** Summed-area table of the object's pixels. [height + 1, width + 1] */
  sums: Uint32Array;
  /** Where they are; undefined if there are none. */
  box: Box | undefined;
}

/** @param image the object is where the mask, or the alpha, is at least 128 */
export function silhouetteOf(image: Mask | RgbaImage, camera: Camera): Silhouette {
  const { width, height, channels, data } = image;
  const stride = width + 1;
  const sums = new Uint32Array(stride * (height + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    for (let x = 0; x < width; x++) {
      if (data[(y * width + x + 1) * channels - 1] >= 128) row++;
      sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
    }
  }
  return { camera, fromWorld: cameraFromWorld(camera), sums, box: boundingBox(image) };
}

/** What a view says about a ball. 1: object in sight, 0: only background in sight, undefined: no verdict (outside the picture or behind the camera). */
export function verdict(view: Silhouette, x: number, y: number, z: number, radius: number): 0 | 1 | undefined {
  const m = view.fromWorld;
  const depth = -(m[2] * x + m[6] * y + m[10] * z + m[14]);
  if (depth <= radius) return undefined;
  const { width, height, flX, flY, cx, cy } = view.camera;
  const px = cx + (flX * (m[0] * x + m[4] * y + m[8] * z + m[12])) / depth;
  const py = cy - (flY * (m[1] * x + m[5] * y + m[9] * z + m[13])) / depth;
  const rx = (flX * radius) / depth;
  const ry = (flY * radius) / depth;
  const x0 = Math.floor(px - rx);
  const x1 = Math.ceil(px + rx);
  const y0 = Math.floor(py - ry);
  const y1 = Math.ceil(py + ry);
  if (x1 <= 0 || y1 <= 0 || x0 >= width || y0 >= height) return undefined;
  const a = Math.max(0, x0);
  const b = Math.min(width, x1);
  const c = Math.max(0, y0);
  const d = Math.min(height, y1);
  const stride = width + 1;
  const count = view.sums[d * stride + b] - view.sums[c * stride + b] - view.sums[d * stride + a] + view.sums[c * stride + a];
  if (count > 0) return 1;
  return x0 < 0 || y0 < 0 || x1 > width || y1 > height ? undefined : 0;
}

/** When a cell counts as possibly solid. */
export interface HullRule {
  /** Views that must see the object in the cell's surroundings: a corner that few cameras have in frame is not proof of anything. */
  minSeen: number;
  /** Views that may see background only. */
  tolerance: number;
}

/** Conservative visual hull on an edge^3 grid over a cube, x fastest: 1 where the rule holds. */
export function* visualHull(
  views: readonly Silhouette[],
  min: readonly number[],
  edgeWorld: number,
  edge: number,
  { minSeen, tolerance }: HullRule,
): Work<Uint8Array> {
  const hull = new Uint8Array(edge ** 3);
  const cell = edgeWorld / edge;
  const radius = (Math.sqrt(3) / 2) * cell;
  for (let k = 0, at = 0; k < edge; k++)
    for (let j = 0; j < edge; j++) {
      for (let i = 0; i < edge; i++, at++) {
        const x = min[0] + (i + 0.5) * cell;
        const y = min[1] + (j + 0.5) * cell;
        const z = min[2] + (k + 0.5) * cell;
        let seen = 0;
        let missed = 0;
        for (const view of views) {
          const answer = verdict(view, x, y, z, radius);
          if (answer === 1) seen++;
          else if (answer === 0 && ++missed > tolerance) break;
        }
        if (missed <= tolerance && seen >= minSeen) hull[at] = 1;
      }
      yield;
    }
  return hull;
}

/** World bounds of the set cells, and their count. */
export function hullBounds(hull: Uint8Array, min: readonly number[], edgeWorld: number, edge: number): { bounds: Bounds; count: number } {
  const low = [edge, edge, edge];
  const high = [0, 0, 0];
  let count = 0;
  for (let k = 0, at = 0; k < edge; k++)
    for (let j = 0; j < edge; j++)
      for (let i = 0; i < edge; i++, at++) {
        if (!hull[at]) continue;
        count++;
        const index = [i, j, k];
        for (let c = 0; c < 3; c++) {
          low[c] = Math.min(low[c], index[c]);
          high[c] = Math.max(high[c], index[c] + 1);
        }
      }
  const world = (index: number[]): [number, number, number] =>
    [0, 1, 2].map((c) => min[c] + (index[c] * edgeWorld) / edge) as [number, number, number];
  return { bounds: { min: world(low), max: world(high) }, count };
}

/** The grid grown by `cells` along each axis (a cube of 2 cells + 1). */
export function dilate(grid: Uint8Array, edge: number, cells: number): Uint8Array {
  let from = grid;
  for (const stride of [1, edge, edge * edge]) {
    const to = new Uint8Array(from.length);
    for (let at = 0; at < from.length; at++) {
      if (!from[at]) continue;
      const index = Math.floor(at / stride) % edge;
      const low = Math.max(-index, -cells);
      const high = Math.min(edge - 1 - index, cells);
      for (let d = low; d <= high; d++) to[at + d * stride] = 1;
    }
    from = to;
  }
  return from;
}
