/**
 * 8-bit image, row by row from the top left, channels interleaved.
 * Colour is sRGB; alpha (channel 3) is straight, not premultiplied.
 */
export interface Image<C extends 1 | 3 | 4 = 1 | 3 | 4> {
  width: number;
  height: number;
  channels: C;
  /** [height, width, channels] */
  data: Uint8Array;
}
export type RgbImage = Image<3>;
export type RgbaImage = Image<4>;
/** One channel: 255 where the object is, 0 elsewhere. Values between are soft edges; "inside" means > 127. */
export type Mask = Image<1>;

/** Axis-aligned box in pixels: x0, y0 inside, x1, y1 just outside. */
export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export function createImage<C extends 1 | 3 | 4>(width: number, height: number, channels: C): Image<C> {
  return { width, height, channels, data: new Uint8Array(width * height * channels) };
}

/** Smallest box that holds every pixel above 127 of a mask, or of an RGBA image's alpha; undefined if there is none. */
export function boundingBox(image: Mask | RgbaImage): Box | undefined {
  const { width, height, channels, data } = image;
  const box = { x0: width, y0: height, x1: 0, y1: 0 };
  for (let y = 0, i = channels - 1; y < height; y++)
    for (let x = 0; x < width; x++, i += channels) {
      if (data[i]! <= 127) continue;
      if (x < box.x0) box.x0 = x;
      if (x >= box.x1) box.x1 = x + 1;
      if (y < box.y0) box.y0 = y;
      box.y1 = y + 1;
    }
  return box.x1 > box.x0 ? box : undefined;
}

/** Number of pixels above 127. */
export function maskArea(mask: Mask): number {
  let area = 0;
  for (const value of mask.data) if (value > 127) area++;
  return area;
}

/** Alpha channel of an RGBA image as a mask. */
export function alphaOf(image: RgbaImage): Mask {
  const mask = createImage(image.width, image.height, 1);
  for (let i = 0; i < mask.data.length; i++) mask.data[i] = image.data[i * 4 + 3]!;
  return mask;
}

/** RGB of `image` with `mask` as alpha. Sizes must agree. */
export function withAlpha(image: Image<3 | 4>, mask: Mask): RgbaImage {
  const out = createImage(image.width, image.height, 4);
  const { channels } = image;
  for (let i = 0; i < mask.data.length; i++) {
    for (let c = 0; c < 3; c++) out.data[i * 4 + c] = image.data[i * channels + c]!;
    out.data[i * 4 + 3] = mask.data[i]!;
  }
  return out;
}
