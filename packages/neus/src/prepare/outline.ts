import { components, createImage, type Mask, type RgbaImage } from '@gestalt3d/core';

/** Opaque pieces below this share of the largest are specks. */
const SPECK_SHARE = 1 / 200;
/** Pieces and holes below this many pixels are a mask's noise ... */
const SMALL_PIXELS = 7;
/** ... if there are at least this many of them: a few are parts of the object, or gaps in it. */
const MANY = 10;

/** What of a view is object, freed from a mask's noise. */
export interface Outline {
  /** 255 where the object is: alpha >= 128 without specks, pinholes filled. Where it differs from the alpha nobody knows what is there. */
  mask: Mask;
  /** Pixels in which it differs. */
  doubtful: number;
}

/**
 * Outline of a view. One speck of a wrong mask would stretch the object's bounds, and a few of them fill its visual hull, which asks whether
 * anything of the object is in sight of a cell.
 */
export function outlineOf({ width, height, data }: RgbaImage): Outline {
  const mask = createImage(width, height, 1);
  for (let i = 0; i < mask.data.length; i++) mask.data[i] = data[i * 4 + 3] >= 128 ? 255 : 0;
  const pieces = piecesOf(mask);
  const least = Math.max(pieces.largest * SPECK_SHARE, pieces.small >= MANY ? SMALL_PIXELS : 0);
  let doubtful = dropBelow(mask, pieces, least);
  invert(mask);
  const holes = piecesOf(mask);
  if (holes.small >= MANY) doubtful += dropBelow(mask, holes, SMALL_PIXELS);
  invert(mask);
  return { mask, doubtful };
}

interface Pieces {
  /** Of each pixel, 0 outside. */
  labels: Int32Array;
  /** Pixels of each label. */
  sizes: number[];
  largest: number;
  /** How many are below SMALL_PIXELS. */
  small: number;
}

function piecesOf({ data, width, height }: Mask): Pieces {
  const { labels, sizes } = components(data, width, height);
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  return { labels, sizes, largest, small: sizes.filter((size) => size > 0 && size < SMALL_PIXELS).length };
}

/** Removes the pieces of less than `least` pixels; the largest stays. Returns how many pixels went. */
function dropBelow({ data }: Mask, { labels, sizes, largest }: Pieces, least: number): number {
  const limit = Math.min(largest, least);
  let dropped = 0;
  for (let i = 0; i < labels.length; i++)
    if (labels[i] > 0 && sizes[labels[i]] < limit) {
      data[i] = 0;
      dropped++;
    }
  return dropped;
}

function invert({ data }: Mask): void {
  for (let i = 0; i < data.length; i++) data[i] = 255 - data[i];
}
