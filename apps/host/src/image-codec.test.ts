import { ImageDecodeError, ImageTooLargeError } from '@gestalt3d/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { imageCodec } from './image-codec.ts';

/** 32 x 16: left half orange, right half blue. */
const picture = () => {
  const data = new Uint8Array(32 * 16 * 3);
  for (let i = 0; i < 512; i++) data.set(i % 32 < 16 ? [240, 130, 20] : [20, 60, 200], i * 3);
  return sharp(data, { raw: { width: 32, height: 16, channels: 3 } });
};
const near = (got: Uint8Array, at: number, want: number[], tolerance = 12): void => {
  for (const [c, value] of want.entries()) expect(Math.abs(got[at * 4 + c]! - value)).toBeLessThanOrEqual(tolerance);
};

describe('imageCodec.decode', () => {
  it.each([
    ['jpeg', () => picture().jpeg({ quality: 95 }).toBuffer()],
    ['png', () => picture().png().toBuffer()],
    ['palette png', () => picture().png({ palette: true }).toBuffer()],
    ['16-bit png', () => picture().toColourspace('rgb16').png().toBuffer()],
    ['webp', () => picture().webp({ lossless: true }).toBuffer()],
    // CMYK has no wide blue: only the hue is expected to survive
    ['cmyk jpeg', () => picture().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer(), 70],
  ] as const)('reads %s as 8-bit sRGB RGBA', async (_name, make, tolerance = 12) => {
    const image = await imageCodec.decode(await make(), 'x');
    expect([image.width, image.height, image.channels]).toEqual([32, 16, 4]);
    near(image.data, 8 * 32 + 4, [240, 130, 20, 255], tolerance);
    near(image.data, 8 * 32 + 28, [20, 60, 200, 255], tolerance);
  });

  it('turns an EXIF-rotated picture upright', async () => {
    const image = await imageCodec.decode(await picture().withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer(), 'x');
    expect([image.width, image.height]).toEqual([16, 32]);
    // orientation 6: shown turned by 90 degrees clockwise, so the left half becomes the top
    near(image.data, 4 * 16 + 8, [240, 130, 20]);
    near(image.data, 28 * 16 + 8, [20, 60, 200]);
  });

  it('reads grey pictures and keeps alpha', async () => {
    const grey = await imageCodec.decode(await picture().greyscale().png().toBuffer(), 'x');
    expect(grey.data[0]).toBe(grey.data[1]);
    const clear = await sharp({ create: { width: 4, height: 4, channels: 4, background: { r: 1, g: 2, b: 3, alpha: 0 } } })
      .png()
      .toBuffer();
    expect((await imageCodec.decode(clear, 'x')).data[3]).toBe(0);
  });

  it.each([
    ['nothing', async () => new Uint8Array()],
    ['text', async () => new TextEncoder().encode('GIF of a cat, I promise')],
    ['an SVG', async () => new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    ['a truncated jpeg', async () => (await picture().resize(320).jpeg().toBuffer()).subarray(0, 700)],
    ['a truncated png', async () => (await picture().resize(320).png({ compressionLevel: 0 }).toBuffer()).subarray(0, 9000)],
  ] as const)('refuses %s', async (_name, make) => {
    await expect(imageCodec.decode(await make(), 'photo.jpg')).rejects.toThrow(ImageDecodeError);
  });

  it('refuses 30,000 x 30,000 pixels by the header alone', async () => {
    const header = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    header.writeUInt32BE(30_000, 16);
    header.writeUInt32BE(30_000, 20);
    const { crc32 } = await import('node:zlib');
    const crc = typeof crc32 === 'function' ? crc32(header.subarray(12, 29)) : pngCrc(header.subarray(12, 29));
    header.writeUInt32BE(crc >>> 0, 29);
    await expect(imageCodec.decode(header, 'huge.png')).rejects.toThrow(ImageTooLargeError);
  });

  it('gives back what it encodes', async () => {
    const image = await imageCodec.decode(await picture().png().toBuffer(), 'x');
    expect((await imageCodec.decode(await imageCodec.encodePng(image), 'x')).data).toEqual(image.data);
  });
});

/** CRC-32 of PNG chunks (Node 20.11 has no zlib.crc32). */
function pngCrc(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}
