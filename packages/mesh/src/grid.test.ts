import { createImage } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { distanceToZero } from './distance.ts';
import { drawText, textWidth } from './font.ts';
import { makeContactSheet } from './grid.ts';
import { drawPrompt } from './overlay.ts';

describe('drawText', () => {
  it('draws letters as letters', () => {
    const image = createImage(textWidth('Tg'), 8, 3);
    drawText(image, 'Tg', 0, 0, [1, 1, 1]);
    const rows = Array.from({ length: 8 }, (_, y) =>
      Array.from({ length: image.width }, (_, x) => (image.data[(y * image.width + x) * 3] ? '#' : '.')).join(''),
    );
    expect(rows).toEqual([
      '#####......', //
      '..#........',
      '..#....####',
      '..#...#...#',
      '..#...#...#',
      '..#....####',
      '..#.......#',
      '.......###.',
    ]);
  });

  it('knows every printable character, and is clipped at the border', () => {
    for (let code = 33; code < 127; code++) {
      const image = createImage(5, 8, 3);
      drawText(image, String.fromCharCode(code), 0, 0, [255, 255, 255]);
      expect(image.data.some((value) => value > 0)).toBe(true);
    }
    drawText(createImage(4, 4, 3), 'outside', -3, 2, [0, 0, 0], 3);
  });
});

describe('makeContactSheet', () => {
  it('lays out rows of different lengths and kinds of pictures', () => {
    const opaque = createImage(50, 100, 3);
    const clear = createImage(64, 32, 4);
    const mask = createImage(10, 10, 1);
    const rows = [
      { title: 'one', images: [{ image: opaque, caption: 'a' }, { image: clear }] },
      { title: '', images: [{ image: mask }] },
    ];
    const sheet = makeContactSheet(rows, { tile: 40, gap: 4, title: 'all' });
    expect(sheet.width).toBe(4 + 2 * 44);
    expect(sheet.height).toBeGreaterThan(80);
    expect(makeContactSheet([]).width).toBeGreaterThan(0);
    expect(sheet).toEqual(makeContactSheet(rows, { tile: 40, gap: 4, title: 'all' }));
  });
});

describe('drawPrompt', () => {
  it('tints the mask, outlines it and marks points and box', () => {
    const photo = createImage(64, 64, 3);
    const mask = createImage(64, 64, 1);
    for (let y = 20; y < 40; y++) mask.data.fill(255, y * 64 + 20, y * 64 + 40);
    const image = drawPrompt(photo, { points: [{ x: 50, y: 50, positive: false }], box: { x0: 2, y0: 2, x1: 62, y1: 62 } }, mask);
    const at = (x: number, y: number) => [...image.data.subarray((y * 64 + x) * 3, (y * 64 + x) * 3 + 3)];
    expect(at(30, 30)).toEqual([20, 50, 97]);
    expect(at(19, 30)[0]).toBeGreaterThan(200);
    expect(at(2, 10)).toEqual([255, 190, 40]);
    expect(at(50, 50)).toEqual([255, 255, 255]);
    expect(at(50, 47)).toEqual([222, 56, 56]);
    expect(() => drawPrompt(photo, undefined, createImage(8, 8, 1))).toThrow(/mask of the picture's size/);
  });
});

describe('distanceToZero', () => {
  it('is the exact distance, by brute force', () => {
    const [width, height] = [13, 9];
    const pixels = Uint8Array.from({ length: width * height }, (_, i) => ((i * 37) % 11 < 9 ? 1 : 0));
    const got = distanceToZero(pixels, width, height);
    for (let i = 0; i < pixels.length; i++) {
      let want = Infinity;
      for (let j = 0; j < pixels.length; j++)
        if (pixels[j] === 0) want = Math.min(want, Math.hypot((i % width) - (j % width), Math.floor(i / width) - Math.floor(j / width)));
      expect(got[i]).toBeCloseTo(want, 5);
    }
  });
});
