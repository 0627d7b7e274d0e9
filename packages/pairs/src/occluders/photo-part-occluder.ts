import { type Image, type RgbaImage, type Rng, resample, withAlpha } from '@gestalt3d/core';
import { drawShape, SHAPES } from './shape-mask.ts';

/** A part of a photograph, cut with a shape: the texture of the real world within an outline that is not its own. */
export function photoPartOccluder(photo: Image<3 | 4>, rng: Rng, size = 160): RgbaImage {
  const shortest = Math.min(photo.width, photo.height);
  const side = Math.max(Math.min(shortest, 8), shortest * (0.25 + 0.6 * rng.uniform()));
  const region = { x: rng.uniform() * (photo.width - side), y: rng.uniform() * (photo.height - side), width: side, height: side };
  const picture = resample<3 | 4>(photo, size, size, region);
  return withAlpha(picture, drawShape(SHAPES[rng.integer(SHAPES.length)]!, size, rng));
}
