import { createImage, type Image, type RgbaImage, type RgbImage } from '@gestalt3d/core';

/**
 * A picture as the autoencoder takes it; what is transparent becomes white.
 * @returns [3, height, width] in -1..1
 */
export function planesOf({ width, height, channels, data }: Image<3 | 4>): Float32Array {
  const count = width * height;
  const planes = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    const alpha = channels === 4 ? data[i * 4 + 3]! / 255 : 1;
    for (let c = 0; c < 3; c++) planes[c * count + i] = 2 * ((data[i * channels + c]! / 255) * alpha + 1 - alpha) - 1;
  }
  return planes;
}

/** The autoencoder's output [3, size, size] as 8 bits: limited to -1..1 and cut off, not rounded, as both originals do. */
export function pictureOf(planes: Float32Array, size: number): RgbImage {
  const picture = createImage(size, size, 3);
  const count = size * size;
  for (let i = 0; i < count; i++)
    for (let c = 0; c < 3; c++) picture.data[i * 3 + c] = Math.min(Math.max((planes[c * count + i]! + 1) / 2, 0), 1) * 255;
  return picture;
}

/** Brightest luma of an object on white. */
const WHITE = 250;

/**
 * Where a picture on white shows something: pix2gestalt's mask of a completion (`get_mask_from_pred`, the variant of its evaluation), luma in 15-bit
 * fixed point with the weights of red and blue exchanged, as there. Pure white inside an object counts as outside.
 * @returns 1 inside, 0 outside, [height, width]
 */
export function insideOf({ width, height, data }: RgbImage): Uint8Array {
  const inside = new Uint8Array(width * height);
  for (let i = 0; i < inside.length; i++) {
    const luma = (3735 * data[i * 3]! + 19235 * data[i * 3 + 1]! + 9798 * data[i * 3 + 2]! + 16384) >> 15;
    inside[i] = luma <= WHITE ? 1 : 0;
  }
  return inside;
}

/** Alpha of the faintest pixel that counts as inside: its mask (above 127) stays what `insideOf` says. */
const FAINTEST = 128;

/**
 * The object of a picture on white with alpha. A pixel at the outline is a mixture of object and white: how much is told by the darkest pixel
 * beside it, and the white is taken out of its colour. Alpha is 0 outside, 128..255 inside.
 * @param inside as `insideOf` gives it, perhaps with parts taken away
 */
export function cutFromWhite({ width, height, data }: RgbImage, inside: Uint8Array): RgbaImage {
  const out = createImage(width, height, 4);
  const departure = (i: number): number => 255 - Math.min(data[i * 3]!, data[i * 3 + 1]!, data[i * 3 + 2]!);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (inside[i] === 0) continue;
      let outline = false;
      let most = departure(i);
      for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++)
        for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
          const j = v * width + u;
          if (inside[j] === 0) outline = true;
          else most = Math.max(most, departure(j));
        }
      const share = outline ? departure(i) / most : 1;
      out.data[i * 4 + 3] = Math.max(FAINTEST, Math.round(255 * share));
      for (let c = 0; c < 3; c++) out.data[i * 4 + c] = Math.max(0, Math.round(255 - (255 - data[i * 3 + c]!) / share));
    }
  return out;
}
