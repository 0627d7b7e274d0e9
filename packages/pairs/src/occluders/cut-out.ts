import { boundingBox, createImage, EmptyMaskError, type Image, type Mask, MaskSizeError, type RgbaImage } from '@gestalt3d/core';
import { gaussian } from '../gaussian.ts';

/** Standard deviation in pixels over which a mask's edge is taken to be uncertain. */
const UNSURE = 1.2;
/** Standard deviation in pixels over which colours go on from the sure inside to the edge. */
const REACH = 2;

/**
 * The object of a mask with straight alpha, cut to its box. Its outline lies about a pixel within the mask's, and the colours of its edge are continued from
 * inside: pixels that are a mixture of object and surroundings would show as a halo before another background.
 * @throws MaskSizeError, EmptyMaskError
 */
export function cutOut(photo: Image<3 | 4>, mask: Mask): RgbaImage {
  if (mask.width !== photo.width || mask.height !== photo.height) throw new MaskSizeError(mask, photo);
  const box = boundingBox(mask);
  if (box === undefined) throw new EmptyMaskError('the cut-out');
  const [width, height] = [box.x1 - box.x0, box.y1 - box.y0];
  const inside = new Float32Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) inside[y * width + x] = mask.data[(y + box.y0) * mask.width + x + box.x0]! / 255;
  const soft = gaussian(inside, width, height, UNSURE);
  const sure = soft.map((value) => (value > 0.95 ? 1 : 0));
  const weight = gaussian(sure, width, height, REACH);
  const out = createImage(width, height, 4);
  for (let c = 0; c < 3; c++) {
    const colour = new Float32Array(width * height);
    const at = (i: number) => ((Math.floor(i / width) + box.y0) * photo.width + (i % width) + box.x0) * photo.channels + c;
    for (let i = 0; i < colour.length; i++) colour[i] = sure[i]! * photo.data[at(i)]!;
    const continued = gaussian(colour, width, height, REACH);
    for (let i = 0; i < colour.length; i++)
      out.data[i * 4 + c] = sure[i] === 1 || weight[i]! < 1e-3 ? photo.data[at(i)]! : Math.round(continued[i]! / weight[i]!);
  }
  for (let i = 0; i < soft.length; i++) out.data[i * 4 + 3] = Math.round(255 * Math.min(Math.max((soft[i]! - 0.55) / 0.4, 0), 1));
  return out;
}
