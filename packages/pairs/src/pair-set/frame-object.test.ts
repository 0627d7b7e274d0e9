import { boundingBox, createRng, type Mask } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { plain } from '../test-scene.test-helper.ts';
import { frameObject } from './frame-object.ts';

const photo = plain(400, 300, 3, 90, 120, 150);
function box(x0: number, y0: number, x1: number, y1: number): Mask {
  const mask = plain(200, 150, 1, 0);
  for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) mask.data[y * 200 + x] = 255;
  return mask;
}

describe('frameObject', () => {
  it('keeps the whole object within a square inside the photograph, for 50 seeds and a mask of half the size', () => {
    for (let seed = 0; seed < 50; seed++) {
      const { scene, amodal, crop } = frameObject(photo, box(60, 40, 110, 80), 128, createRng(seed))!;
      expect(crop.x).toBeGreaterThanOrEqual(0);
      expect(crop.y).toBeGreaterThanOrEqual(0);
      expect(crop.x + crop.size).toBeLessThanOrEqual(400);
      expect(crop.y + crop.size).toBeLessThanOrEqual(300);
      const { x0, y0, x1, y1 } = boundingBox(amodal)!;
      expect(Math.min(x0, y0)).toBeGreaterThan(0);
      expect(Math.max(x1, y1)).toBeLessThan(128);
      // 100 x 80 photograph pixels
      expect(Math.abs((x1 - x0) * (crop.size / 128) - 100)).toBeLessThan(3);
      expect(Math.abs((y1 - y0) * (crop.size / 128) - 80)).toBeLessThan(3);
      expect(scene.data.every((value, i) => value === [90, 120, 150][i % 3])).toBe(true);
    }
  });

  it('is black beyond the photograph where the object is wider than the photograph is high', () => {
    const { scene, crop } = frameObject(photo, box(10, 40, 190, 80), 128, createRng(0))!;
    expect(crop.size).toBeGreaterThan(360);
    expect([...scene.data.subarray(0, 3)]).toEqual([0, 0, 0]);
    const middle = (64 * 128 + 64) * 3;
    expect([...scene.data.subarray(middle, middle + 3)]).toEqual([90, 120, 150]);
  });

  it('refuses an object of a few pixels, and an empty mask', () => {
    expect(frameObject(photo, box(60, 40, 66, 46), 128, createRng(0))).toBeUndefined();
    expect(frameObject(photo, box(0, 0, 0, 0), 128, createRng(0))).toBeUndefined();
  });
});
