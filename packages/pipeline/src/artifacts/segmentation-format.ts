import { alphaOf, createImage, type ImageCodec, type Mask, type RgbaImage, type Segmentation } from '@gestalt3d/core';
import type { ArtifactFormat } from './artifact-format.ts';

/** A decoded grey (or RGBA) picture as a mask: alpha where it is used, else the red channel. */
export function maskFromImage(image: RgbaImage): Mask {
  const alpha = alphaOf(image);
  if (alpha.data.some((value) => value < 255)) return alpha;
  const mask = createImage(image.width, image.height, 1);
  for (let i = 0; i < mask.data.length; i++) mask.data[i] = image.data[i * 4]!;
  return mask;
}

export const loadMask = async (bytes: Uint8Array, name: string, codec: ImageCodec): Promise<Mask> =>
  maskFromImage(await codec.decode(bytes, name));

export const segmentationFormat: ArtifactFormat<Segmentation> = {
  save: async (value, codec) => new Map([['mask.png', await codec.encodePng(value.mask)]]),
  load: async (read, codec) => ({ mask: await loadMask(await read('mask.png'), 'mask.png', codec) }),
};
