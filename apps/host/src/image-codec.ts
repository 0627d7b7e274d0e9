import { type Image, type ImageCodec, ImageDecodeError, ImageTooLargeError, type RgbaImage } from '@gestalt3d/core';
import sharp, { type Metadata } from 'sharp';

/** Above this a photograph brings nothing but memory use. */
export const MAX_PIXELS = 100e6;

const FORMATS = new Set(['jpeg', 'png', 'webp', 'tiff', 'gif', 'heif']);

const raw = (image: Image) => sharp(image.data, { raw: { width: image.width, height: image.height, channels: image.channels } });

/** Node's image codec: sharp (libvips). */
export const imageCodec: ImageCodec = {
  async decode(bytes, name): Promise<RgbaImage> {
    if (bytes.length === 0) throw new ImageDecodeError(name, 'it is empty');
    // sharp's own pixel limit would hide the size that came; the header is read first and costs nothing
    const open = () => sharp(bytes, { failOn: 'truncated', limitInputPixels: false });
    let header: Metadata;
    try {
      header = await open().metadata();
    } catch (error) {
      throw new ImageDecodeError(name, 'not an image', error);
    }
    if (!FORMATS.has(header.format ?? '')) throw new ImageDecodeError(name, `the format ${header.format} is not a photograph's`);
    if (header.width * header.height > MAX_PIXELS) throw new ImageTooLargeError(header.width, header.height, MAX_PIXELS);
    try {
      const { data, info } = await open()
        .rotate()
        .toColourspace('srgb')
        .ensureAlpha()
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      return { width: info.width, height: info.height, channels: 4, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
    } catch (error) {
      throw new ImageDecodeError(name, `damaged or cut short: ${(error as Error).message.split('\n')[0]}`, error);
    }
  },
  encodePng: async (image) => raw(image).png({ compressionLevel: 6 }).toBuffer(),
  encodeJpeg: async (image, quality) => raw(image).removeAlpha().jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer(),
  encodeWebp: async (image, quality) => raw(image).removeAlpha().webp({ quality, effort: 5, smartSubsample: true }).toBuffer(),
};
