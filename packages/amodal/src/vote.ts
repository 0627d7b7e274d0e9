import { alphaOf, createImage, type Mask, type RgbaImage } from '@gestalt3d/core';

/** Per-pixel majority of the amodal masks; a tie is decided by their mean opacity, and the visible part is always in. */
export function voteOf(images: readonly RgbaImage[], visible: Mask): Mask {
  const { width, height } = visible;
  const vote = createImage(width, height, 1);
  const alphas = images.map(alphaOf);
  for (let i = 0; i < vote.data.length; i++) {
    let inside = 0;
    let sum = 0;
    for (const { data } of alphas) {
      if (data[i]! > 127) inside++;
      sum += data[i]!;
    }
    const tie = 2 * inside === alphas.length && sum > 127 * alphas.length;
    if (2 * inside > alphas.length || tie || visible.data[i]! > 127) vote.data[i] = 255;
  }
  return vote;
}
