import { alphaOf, boundingBox, type Mask, type RgbaImage, type Rng, resample } from '@gestalt3d/core';
import { type Placement, toOccluder } from './placed-occluder.ts';

/** Longest side in cells of the grids on which placements are tried. */
const GRID = 64;

/** An object and an occluder on coarse grids: what the search for a placement reads. */
export interface Search {
  photo: { width: number; height: number };
  /** Cells of the object: centre in photograph pixels and weight; weights sum to 1. */
  cells: { x: Float32Array; y: Float32Array; weight: Float32Array };
  /** Of the object, in photograph pixels. */
  centre: { x: number; y: number };
  radius: number;
  area: number;
  occluder: { mask: Mask; width: number; height: number; area: number };
}

/** @returns undefined if nothing of the object or of the occluder is opaque */
export function prepareSearch(amodal: Mask, occluder: RgbaImage): Search | undefined {
  const box = boundingBox(amodal);
  if (box === undefined || boundingBox(occluder) === undefined) return undefined;
  const region = { x: box.x0, y: box.y0, width: box.x1 - box.x0, height: box.y1 - box.y0 };
  const step = Math.max(1, Math.max(region.width, region.height) / GRID);
  const columns = Math.max(1, Math.round(region.width / step));
  const rows = Math.max(1, Math.round(region.height / step));
  const grid = resample(amodal, columns, rows, region);
  const cells = { x: [] as number[], y: [] as number[], weight: [] as number[] };
  let total = 0;
  for (const [i, value] of grid.data.entries()) {
    if (value === 0) continue;
    cells.x.push(region.x + (((i % columns) + 0.5) * region.width) / columns);
    cells.y.push(region.y + ((Math.floor(i / columns) + 0.5) * region.height) / rows);
    cells.weight.push(value);
    total += value;
  }
  const shrink = Math.min(1, GRID / Math.max(occluder.width, occluder.height));
  const mask = resample(
    alphaOf(occluder),
    Math.max(1, Math.round(occluder.width * shrink)),
    Math.max(1, Math.round(occluder.height * shrink)),
  );
  const opaque = mask.data.reduce((sum, value) => sum + value, 0) / 255;
  return {
    photo: { width: amodal.width, height: amodal.height },
    cells: {
      x: Float32Array.from(cells.x),
      y: Float32Array.from(cells.y),
      weight: Float32Array.from(cells.weight, (value) => value / total),
    },
    centre: { x: region.x + region.width / 2, y: region.y + region.height / 2 },
    radius: Math.hypot(region.width, region.height) / 2,
    area: (total / 255) * ((region.width * region.height) / (columns * rows)),
    occluder: {
      mask,
      width: occluder.width,
      height: occluder.height,
      area: opaque * ((occluder.width * occluder.height) / (mask.width * mask.height)),
    },
  };
}

/** Share of the object that the occluder covers, on the grids. */
export function coveredShare({ cells, occluder }: Search, placement: Placement): number {
  const { mask } = occluder;
  const local = toOccluder(placement);
  const [sx, sy] = [mask.width / occluder.width, mask.height / occluder.height];
  let share = 0;
  for (let i = 0; i < cells.x.length; i++) {
    const [x, y] = local(cells.x[i]! - placement.x, cells.y[i]! - placement.y);
    const column = Math.floor((x + occluder.width / 2) * sx);
    const row = Math.floor((y + occluder.height / 2) * sy);
    if (column < 0 || row < 0 || column >= mask.width || row >= mask.height) continue;
    share += (cells.weight[i]! * mask.data[row * mask.width + column]!) / 255;
  }
  return share;
}

/** An occluder is not enlarged beyond this: its pixels would show. */
const MAX_ENLARGEMENT = 2.5;
/** Longest side of the occluder's picture, in longest sides of the photograph. */
const MAX_SIDE = 1;
/** Share of the tries that would come from above the object that are mirrored to come from below: what is in front stands lower in the picture. */
const FROM_BELOW = 0.7;

/**
 * One random placement that hides about `target` of the object: the occluder, of a size that can do so, comes from a random direction until it
 * covers that much.
 * @param maxAngleRad largest turn in either direction
 * @returns undefined if it does not cover enough even where it covers most
 */
export function findPlacement(search: Search, target: number, maxAngleRad: number, rng: Rng): Placement | undefined {
  const { centre, radius, photo, occluder } = search;
  const largest = Math.min(MAX_ENLARGEMENT, (MAX_SIDE * Math.max(photo.width, photo.height)) / Math.max(occluder.width, occluder.height));
  const angleRad = (2 * rng.uniform() - 1) * maxAngleRad;
  const flipped = rng.uniform() < 0.5;
  const wanted = Math.sqrt(((0.1 + target * (1.1 + 1.6 * rng.uniform())) * search.area) / occluder.area);
  const direction = 2 * Math.PI * rng.uniform();
  const dx = Math.cos(direction);
  const dy = Math.sin(direction) < 0 && rng.uniform() < FROM_BELOW ? -Math.sin(direction) : Math.sin(direction);
  const aside = (2 * rng.uniform() - 1) * 0.4 * radius;
  const at = (distance: number, scale: number): Placement => ({
    x: centre.x + dx * distance - dy * aside,
    y: centre.y + dy * distance + dx * aside,
    scale,
    angleRad,
    flipped,
  });
  for (let scale = Math.min(wanted, largest); ; scale = Math.min(scale * 1.25, largest)) {
    const far = radius + (scale * Math.hypot(occluder.width, occluder.height)) / 2 + Math.abs(aside);
    // where along the way it first covers enough
    const steps = 24;
    let near: number | undefined;
    for (let k = 1; k <= steps; k++)
      if (coveredShare(search, at(far * (1 - k / steps), scale)) >= target) {
        near = far * (1 - k / steps);
        break;
      }
    if (near === undefined) {
      if (scale >= largest) return undefined;
      continue;
    }
    let [enough, short] = [near, near + far / steps];
    for (let k = 0; k < 10; k++) {
      const middle = (enough + short) / 2;
      if (coveredShare(search, at(middle, scale)) >= target) enough = middle;
      else short = middle;
    }
    return at(enough, scale);
  }
}
