import { createImage, type RgbImage } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { cutFromWhite, insideOf, pictureOf, planesOf } from './latent-pictures.ts';

const pixels = (width: number, ...colours: number[][]): RgbImage => ({
  width,
  height: colours.length / width,
  channels: 3,
  data: Uint8Array.from(colours.flat()),
});

describe('pictures and the planes of the autoencoder', () => {
  it('puts what is transparent on white, straight alpha', () => {
    const image = createImage(2, 1, 4);
    image.data.set([255, 0, 102, 255, 0, 0, 0, 51]);
    // a fifth of black on white is 0.8
    const expected = [1, 0.6, -1, 0.6, -0.2, 0.6];
    for (const [i, value] of planesOf(image).entries()) expect(value).toBeCloseTo(expected[i]!, 6);
  });

  it('cuts off to 8 bits instead of rounding, and limits', () => {
    expect([...pictureOf(Float32Array.of(0, 0.999, -3), 1).data]).toEqual([127, 254, 0]);
    const every = Float32Array.from({ length: 12 }, (_, i) => (i - 5) / 4);
    for (const [i, value] of planesOf(pictureOf(every, 2)).entries()) {
      const limited = Math.min(Math.max(every[i]!, -1), 1);
      expect(limited - value).toBeGreaterThanOrEqual(-1e-6);
      expect(limited - value).toBeLessThan(2 / 255);
    }
  });
});

describe('the object of a picture on white', () => {
  it('is where the luma with exchanged red and blue is at most 250', () => {
    const inside = (r: number, g: number, b: number): number => insideOf(pixels(1, [r, g, b]))[0]!;
    expect([inside(255, 255, 255), inside(251, 251, 251), inside(250, 250, 250), inside(0, 0, 0)]).toEqual([0, 0, 1, 1]);
    // with the usual weights it would be the other way round
    expect([inside(240, 255, 255), inside(255, 255, 236)]).toEqual([0, 1]);
    // 250.51, 250.30 and 250.89 before rounding to the nearest
    expect([inside(255, 255, 240), inside(255, 247, 255), inside(255, 248, 255)]).toEqual([0, 1, 0]);
  });

  it('has at its outline the share and the colour of the object without the white', () => {
    // an object of (155, 55, 255) that covers 60 % of the middle pixel
    const row = pixels(3, [155, 55, 255], [195, 135, 255], [255, 255, 255]);
    const cut = cutFromWhite(row, insideOf(row));
    expect([...cut.data]).toEqual([155, 55, 255, 255, 155, 55, 255, 153, 0, 0, 0, 0]);
    // fainter than half still counts as inside for every mask made of it
    const faint = pixels(3, [155, 55, 255], [245, 235, 255], [255, 255, 255]);
    expect([...cutFromWhite(faint, insideOf(faint)).data.slice(4, 8)]).toEqual([155, 55, 255, 128]);
  });
});
