import { createImage, EmptyMaskError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { frameInput, OBJECT_SHARE } from './input-frame.ts';

/** A completion whose pixels inside are opaque. */
function picture(inside: (x: number, y: number) => boolean) {
  const image = createImage(200, 200, 4);
  for (let i = 0; i < 200 * 200; i++) if (inside(i % 200, Math.floor(i / 200))) image.data.set([200, 100, 50, 255], i * 4);
  return image;
}
const block = (x: number, y: number) => x >= 60 && x < 120 && y >= 80 && y < 110;

describe('frameInput', () => {
  it('centres the object, its longest side OBJECT_SHARE of the frame', () => {
    const { region } = frameInput(picture(block));
    expect(region).toEqual({ x: 90 - 30 / OBJECT_SHARE, y: 95 - 30 / OBJECT_SHARE, width: 60 / OBJECT_SHARE, height: 60 / OBJECT_SHARE });
  });

  it('leaves specks out, of the box and of the picture', () => {
    const image = picture((x, y) => block(x, y) || (x >= 180 && x < 182 && y >= 190 && y < 192));
    const before = image.data.slice();
    const frame = frameInput(image);
    expect(frame.region).toEqual(frameInput(picture(block)).region);
    expect(frame.at(64)).toEqual(frameInput(picture(block)).at(64));
    expect(image.data).toEqual(before);
  });

  it('keeps a second piece that is no speck', () => {
    const two = (x: number, y: number) => block(x, y) || (x >= 180 && x < 190 && y >= 180 && y < 190);
    expect(frameInput(picture(two)).region.width).toBeCloseTo(130 / OBJECT_SHARE, 9);
  });

  it('refuses a picture of nothing', () => {
    expect(() => frameInput(picture(() => false))).toThrow(EmptyMaskError);
  });
});
