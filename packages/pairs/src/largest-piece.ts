import { components, type Mask } from '@gestalt3d/core';

/** Number of pixels of the largest piece of a mask; pixels above 127 that share a side belong together. */
export function largestPiece({ width, height, data }: Mask): number {
  const { sizes } = components(
    data.map((value) => (value > 127 ? 1 : 0)),
    width,
    height,
  );
  return sizes.reduce((most, size) => Math.max(most, size), 0);
}
