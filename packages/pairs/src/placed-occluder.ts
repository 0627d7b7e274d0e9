import { createImage, type RgbaImage, resample } from '@gestalt3d/core';
import { gaussian } from './gaussian.ts';

/** Where an occluder lies in a photograph. */
export interface Placement {
  /** Photograph pixels: where the centre of the occluder's picture comes to lie. */
  x: number;
  y: number;
  /** Photograph pixels per occluder pixel. */
  scale: number;
  /** Clockwise as seen. */
  angleRad: number;
  /** Mirrored left to right, before it is turned. */
  flipped: boolean;
}

/** An occluder as it lies in the photograph, cut to the part of it that it can reach. */
export interface PlacedOccluder {
  /** Corner of the window in photograph pixels; the window lies inside the photograph. */
  x: number;
  y: number;
  width: number;
  height: number;
  /** [height, width, 4], 0..255: colours times alpha (each 0..255 at alpha 1), and alpha times 255. */
  premultiplied: Float32Array;
  /** Share of the occluder's area that lies inside the photograph. */
  inside: number;
}

/** Occluder position, in its own pixels from its centre, of a photograph position given from the placement's centre. */
export function toOccluder({ scale, angleRad, flipped }: Placement): (dx: number, dy: number) => [x: number, y: number] {
  const cos = Math.cos(angleRad) / scale;
  const sin = Math.sin(angleRad) / scale;
  return (dx, dy) => {
    const x = cos * dx + sin * dy;
    return [flipped ? -x : x, cos * dy - sin * dx];
  };
}

/** Pixels that the blur of the edge may add on each side. */
const MARGIN = 8;

/**
 * Draws the occluder into a window of a photograph of `width` x `height` pixels: area average where it shrinks, bilinear otherwise.
 * @param sigma standard deviation in pixels of a blur of the whole, its edge included
 */
export function placeOccluder(occluder: RgbaImage, placement: Placement, width: number, height: number, sigma: number): PlacedOccluder {
  // 1. shrunk first, so that turning can be bilinear
  const factor = Math.min(1, placement.scale);
  const small =
    factor < 1
      ? resample(occluder, Math.max(1, Math.round(occluder.width * factor)), Math.max(1, Math.round(occluder.height * factor)))
      : occluder;
  const source = padded(small);
  const local = toOccluder({ ...placement, scale: placement.scale / factor });
  // 2. the window: the turned picture's box and what blur adds, cut to the photograph
  const [cos, sin] = [Math.abs(Math.cos(placement.angleRad)), Math.abs(Math.sin(placement.angleRad))];
  const halfX = ((cos * occluder.width + sin * occluder.height) * placement.scale) / 2 + MARGIN;
  const halfY = ((sin * occluder.width + cos * occluder.height) * placement.scale) / 2 + MARGIN;
  const x0 = Math.floor(placement.x - halfX);
  const y0 = Math.floor(placement.y - halfY);
  const full = { width: Math.ceil(placement.x + halfX) - x0, height: Math.ceil(placement.y + halfY) - y0 };
  // 3. drawn whole, because what lies outside the photograph is blurred into it as well
  const drawn = sampleAll(source, full, placement.x - x0, placement.y - y0, local);
  const planes = [0, 1, 2, 3].map((c) => gaussian(drawn[c]!, full.width, full.height, sigma));
  const window = {
    x: Math.max(0, x0),
    y: Math.max(0, y0),
    width: Math.max(0, Math.min(width, x0 + full.width) - Math.max(0, x0)),
    height: Math.max(0, Math.min(height, y0 + full.height) - Math.max(0, y0)),
  };
  const premultiplied = new Float32Array(window.width * window.height * 4);
  let inside = 0;
  for (let y = 0; y < window.height; y++)
    for (let x = 0; x < window.width; x++) {
      const from = (y + window.y - y0) * full.width + x + window.x - x0;
      const to = (y * window.width + x) * 4;
      for (let c = 0; c < 4; c++) premultiplied[to + c] = planes[c]![from]!;
      inside += planes[3]![from]!;
    }
  const total = planes[3]!.reduce((sum, value) => sum + value, 0);
  return { ...window, premultiplied, inside: total > 0 ? inside / total : 0 };
}

/** One transparent pixel all round, so that bilinear sampling fades out. */
function padded(image: RgbaImage): RgbaImage {
  const out = createImage(image.width + 2, image.height + 2, 4);
  for (let y = 0; y < image.height; y++) {
    const from = y * image.width * 4;
    out.data.set(image.data.subarray(from, from + image.width * 4), ((y + 1) * out.width + 1) * 4);
  }
  return out;
}

function sampleAll(
  { width, height, data }: RgbaImage,
  window: { width: number; height: number },
  centreX: number,
  centreY: number,
  local: (dx: number, dy: number) => [number, number],
): Float32Array[] {
  const planes = [0, 1, 2, 3].map(() => new Float32Array(window.width * window.height));
  for (let y = 0; y < window.height; y++)
    for (let x = 0; x < window.width; x++) {
      const [lx, ly] = local(x + 0.5 - centreX, y + 0.5 - centreY);
      const u = lx + width / 2 - 0.5;
      const v = ly + height / 2 - 0.5;
      const column = Math.floor(u);
      const row = Math.floor(v);
      if (column < 0 || row < 0 || column >= width - 1 || row >= height - 1) continue;
      const to = y * window.width + x;
      for (let corner = 0; corner < 4; corner++) {
        const right = corner & 1;
        const below = corner >> 1;
        const at = ((row + below) * width + column + right) * 4;
        const weight = (right === 1 ? u - column : column + 1 - u) * (below === 1 ? v - row : row + 1 - v) * data[at + 3]!;
        if (weight === 0) continue;
        for (let c = 0; c < 3; c++) planes[c]![to]! += (weight * data[at + c]!) / 255;
        planes[3]![to]! += weight;
      }
    }
  return planes;
}
