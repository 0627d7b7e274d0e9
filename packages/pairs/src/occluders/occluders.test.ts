import { alphaOf, boundingBox, createRng, EmptyMaskError, MaskSizeError, maskArea } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { largestPiece } from '../largest-piece.ts';
import { plain, testScene } from '../test-scene.test-helper.ts';
import { cutOut } from './cut-out.ts';
import { photoPartOccluder } from './photo-part-occluder.ts';
import { drawShape, SHAPES } from './shape-mask.ts';
import { shapeOccluder } from './shape-occluder.ts';
import { smoothNoise } from './smooth-noise.ts';

describe.each(SHAPES)('a %s', (shape) => {
  it('is one piece of a sensible size within its picture, for 20 seeds', () => {
    for (let seed = 0; seed < 20; seed++) {
      const mask = drawShape(shape, 96, createRng(seed));
      const area = maskArea(mask);
      expect(area / 96 ** 2, `seed ${seed}`).toBeGreaterThan(0.05);
      expect(area / 96 ** 2, `seed ${seed}`).toBeLessThan(0.85);
      expect(largestPiece(mask), `seed ${seed}`).toBeGreaterThan(0.98 * area);
    }
  });

  it('is coloured, and the same for the same seed', () => {
    const image = shapeOccluder(createRng(4), 64, shape);
    expect(image).toEqual(shapeOccluder(createRng(4), 64, shape));
    expect(image).not.toEqual(shapeOccluder(createRng(5), 64, shape));
    expect(maskArea(alphaOf(image))).toBeGreaterThan(100);
  });
});

it('has a hole in a ring', () => {
  const mask = drawShape('ring', 96, createRng(1));
  expect(mask.data[48 * 96 + 48]).toBe(0);
});

describe('photoPartOccluder', () => {
  it('takes the colours of the photograph', () => {
    const image = photoPartOccluder(plain(300, 200, 3, 12, 34, 56), createRng(2));
    for (let i = 0; i < image.data.length; i += 4) expect([...image.data.subarray(i, i + 3)]).toEqual([12, 34, 56]);
    expect(boundingBox(image)).toBeDefined();
  });
  it('takes a photograph of any size', () => {
    for (const [w, h] of [
      [1, 1],
      [5, 400],
      [17, 9],
    ] as const)
      expect(photoPartOccluder(plain(w, h, 4, 9, 9, 9, 255), createRng(0)).width).toBe(160);
  });
});

describe('cutOut', () => {
  const red = plain(40, 40, 3, 200, 0, 0);
  const mask = plain(40, 40, 1, 0);
  for (let y = 10; y < 30; y++)
    for (let x = 10; x < 30; x++) {
      mask.data[y * 40 + x] = 255;
      // a mixed rim, as a lens leaves it
      if (x > 10 && x < 29 && y > 10 && y < 29) red.data.set([0, 0, 220], (y * 40 + x) * 3);
    }

  it('leaves the mixed rim behind: no red in the opaque part of a blue square', () => {
    const image = cutOut(red, mask);
    for (let i = 0; i < image.data.length; i += 4) {
      if (image.data[i + 3]! < 30) continue;
      expect(image.data[i]!).toBeLessThan(20);
      expect(image.data[i + 2]!).toBeGreaterThan(190);
    }
    const area = maskArea(alphaOf(image));
    expect(area).toBeLessThan(400);
    expect(area).toBeGreaterThan(280);
  });

  it('refuses a mask of another size or without object', () => {
    expect(() => cutOut(red, plain(3, 3, 1, 255))).toThrow(MaskSizeError);
    expect(() => cutOut(red, plain(40, 40, 1, 0))).toThrow(EmptyMaskError);
  });

  it('keeps the inside as it is', () => {
    const { scene, amodal } = testScene(2);
    const box = boundingBox(amodal)!;
    const image = cutOut(scene, amodal);
    const [x, y] = [(box.x1 - box.x0) >> 1, (box.y1 - box.y0) >> 1];
    const from = ((y + box.y0) * scene.width + x + box.x0) * 3;
    expect([...image.data.subarray((y * image.width + x) * 4, (y * image.width + x) * 4 + 4)]).toEqual([
      ...scene.data.subarray(from, from + 3),
      255,
    ]);
  });
});

it('spreads noise over 0..1 without jumps', () => {
  const noise = smoothNoise(64, 1, 4, createRng(0));
  expect(Math.min(...noise)).toBe(0);
  expect(Math.max(...noise)).toBeCloseTo(1, 5);
  for (let i = 1; i < 64; i++) expect(Math.abs(noise[i]! - noise[i - 1]!)).toBeLessThan(0.15);
});
