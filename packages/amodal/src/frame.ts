import { createImage, type Mask, type RgbaImage, type RgbImage, resample } from '@gestalt3d/core';

/** A part of the photograph (in its pixels) seen at a working size. */
export interface Frame {
  x: number;
  y: number;
  /** Photograph pixels per working pixel, the same in both directions. */
  scale: number;
  width: number;
  height: number;
}

/** The whole or a part of a picture such that its longest side has at most `longest` working pixels; never enlarges by more than `zoom`. */
export function frameOf(region: { x: number; y: number; width: number; height: number }, longest: number, zoom = 1): Frame {
  const side = Math.max(region.width, region.height);
  const scale = side / Math.max(1, Math.min(longest, Math.round(side * zoom)));
  return {
    x: region.x,
    y: region.y,
    scale,
    width: Math.max(1, Math.round(region.width / scale)),
    height: Math.max(1, Math.round(region.height / scale)),
  };
}

/** A box grown by a share of its longest side, clipped to the picture. */
export function growRegion(
  box: { x0: number; y0: number; x1: number; y1: number },
  share: number,
  size: { width: number; height: number },
): { x: number; y: number; width: number; height: number } {
  const margin = share * Math.max(box.x1 - box.x0, box.y1 - box.y0);
  const x0 = Math.max(0, Math.floor(box.x0 - margin));
  const y0 = Math.max(0, Math.floor(box.y0 - margin));
  const x1 = Math.min(size.width, Math.ceil(box.x1 + margin));
  const y1 = Math.min(size.height, Math.ceil(box.y1 + margin));
  return { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
}

/** Index of the working pixel under a photograph position, clamped to the frame. */
export function pixelUnder(frame: Frame, x: number, y: number): number {
  const clamp = (value: number, limit: number) => Math.min(Math.max(Math.floor(value), 0), limit - 1);
  return clamp((y - frame.y) / frame.scale, frame.height) * frame.width + clamp((x - frame.x) / frame.scale, frame.width);
}

/** Colours of a frame, [height, width, 3], 0..255. */
export function coloursOf(photo: RgbImage | RgbaImage, frame: Frame): Float32Array {
  const region = { x: frame.x, y: frame.y, width: frame.width * frame.scale, height: frame.height * frame.scale };
  const picture = resample<3 | 4>(photo, frame.width, frame.height, region);
  const out = new Float32Array(frame.width * frame.height * 3);
  const { channels, data } = picture;
  for (let i = 0; i < frame.width * frame.height; i++) for (let c = 0; c < 3; c++) out[i * 3 + c] = data[i * channels + c]!;
  return out;
}

/** The photograph at a size that is quick to work on. Box average by a whole factor. */
export function shrink(photo: RgbImage | RgbaImage, longest: number): { image: RgbImage; factor: number } {
  const factor = Math.max(1, Math.floor(Math.max(photo.width, photo.height) / longest));
  const width = Math.floor(photo.width / factor);
  const height = Math.floor(photo.height / factor);
  const image = createImage(width, height, 3);
  const { channels, data } = photo;
  const area = factor * factor;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let [r, g, b] = [0, 0, 0];
      for (let j = 0; j < factor; j++) {
        let at = ((y * factor + j) * photo.width + x * factor) * channels;
        for (let i = 0; i < factor; i++, at += channels) {
          r += data[at]!;
          g += data[at + 1]!;
          b += data[at + 2]!;
        }
      }
      const to = (y * width + x) * 3;
      image.data[to] = r / area + 0.5;
      image.data[to + 1] = g / area + 0.5;
      image.data[to + 2] = b / area + 0.5;
    }
  return { image, factor };
}

/** A mask from soft values 0..1. */
export function maskOf(values: Float32Array, width: number, height: number): Mask {
  const mask = createImage(width, height, 1);
  for (let i = 0; i < values.length; i++) mask.data[i] = Math.round(Math.min(Math.max(values[i]!, 0), 1) * 255);
  return mask;
}
