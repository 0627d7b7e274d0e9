import { describe, expect, it } from 'vitest';
import { backoffDelay } from './backoff.ts';
import { photoSquare, posesOf } from './cameras.ts';
import { formatAge, formatBytes, formatCount, formatDuration } from './format.ts';
import { boxBetween, fitWithin, toPhoto } from './geometry.ts';
import { hiddenShare, insideOf, outlineOf, strokeSoft } from './mask.ts';

describe('geometry', () => {
  const photo = { width: 400, height: 200 };
  const frame = { left: 100, top: 50, width: 200, height: 100 };

  it('maps the screen to photograph pixels and stays inside', () => {
    expect(toPhoto({ x: 200, y: 100 }, frame, photo)).toEqual({ x: 200, y: 100 });
    expect(toPhoto({ x: 0, y: 900 }, frame, photo)).toEqual({ x: 0.5, y: 199.5 });
  });

  it('makes whole boxes from corners in any order', () => {
    expect(boxBetween({ x: 30.7, y: 90.2 }, { x: 10.2, y: 20.9 }, photo)).toEqual({ x0: 10, y0: 20, x1: 31, y1: 91 });
    expect(boxBetween({ x: 399.9, y: 10 }, { x: 399.9, y: 10 }, photo)).toEqual({ x0: 399, y0: 10, x1: 400, y1: 11 });
  });

  it('fits without growing', () => {
    expect(fitWithin({ width: 4000, height: 1000 }, 1200)).toEqual({ width: 1200, height: 300 });
    expect(fitWithin(photo, 1200)).toEqual(photo);
  });
});

describe('masks', () => {
  it('are read from brightness or from alpha', () => {
    expect([...insideOf([255, 255, 255, 255, 0, 0, 0, 255])]).toEqual([1, 0]);
    expect([...insideOf([0, 0, 0, 255, 9, 9, 9, 0])]).toEqual([1, 0]);
  });

  it('have an outline that is the set without its inner part', () => {
    const inside = new Uint8Array(25).fill(1);
    const outline = outlineOf(inside, 5, 5, 1);
    expect(outline.reduce((sum, value) => sum + value, 0)).toBe(16);
    expect(outline[12]).toBe(0);
  });

  it('are stroked softly', () => {
    const pixels = new Uint8ClampedArray(25 * 4);
    strokeSoft(
      pixels,
      Uint8Array.from({ length: 25 }, (_, i) => (i === 12 ? 1 : 0)),
      5,
      5,
      [255, 0, 0, 255],
    );
    expect([pixels[12 * 4 + 3], pixels[11 * 4 + 3], pixels[6 * 4 + 3], pixels[0 * 4 + 3]]).toEqual([64, 32, 16, 0]);
    expect(pixels[12 * 4]).toBe(255);
  });

  it('know the hidden share', () => {
    expect(hiddenShare(Uint8Array.of(1, 1, 1, 1, 0), Uint8Array.of(1, 1, 1, 0, 0))).toBe(0.25);
    expect(hiddenShare(new Uint8Array(3), new Uint8Array(3))).toBe(0);
  });
});

describe('cameras', () => {
  const frame = (x: number, y: number, z: number) => ({
    fl_y: 140,
    h: 128,
    transform_matrix: [
      [1, 0, 0, x],
      [0, 1, 0, y],
      [0, 0, 1, z],
      [0, 0, 0, 1],
    ],
  });

  it('come from transforms.json as poses around the object', () => {
    const { photo, ring } = posesOf({
      frames: [frame(0, 0, 1.5), frame(1.5, 0, 0)],
      photo: { ...frame(0, 0.75, 1.299), fl_y: 900, h: 500 },
    });
    expect(ring.map((pose) => Math.round(pose.azimuthDeg))).toEqual([0, 90]);
    expect(photo.elevationDeg).toBeCloseTo(30, 1);
    // a right angle of view would show the focal length to each side
    expect(photoSquare({ fl_x: 100, cx: 300, cy: 200 }, 90)).toEqual({
      x: expect.closeTo(200),
      y: expect.closeTo(100),
      size: expect.closeTo(200),
    });
    // the ring's width of look, not the photograph's
    expect(photo.fovDeg).toBeCloseTo(49.1, 1);
  });

  it('fall back to the rig where the file says nothing', () => {
    expect(posesOf(null).photo).toMatchObject({ azimuthDeg: 0, distance: 1.5 });
    expect(posesOf({ frames: [{}, { transform_matrix: 'no' }] }).ring).toEqual([]);
  });
});

describe('words', () => {
  it('for sizes, times and counts', () => {
    expect([formatBytes(12), formatBytes(820_400), formatBytes(1_440_000)]).toEqual(['12 B', '820 kB', '1.4 MB']);
    expect([formatDuration(840), formatDuration(12_300), formatDuration(125_000)]).toEqual(['0.8 s', '12 s', '2 min 05 s']);
    expect(formatCount(19998)).toBe('19\u202f998');
  });

  it('for age', () => {
    const now = Date.parse('2026-11-23T12:00:00Z');
    expect(formatAge('2026-11-23T11:59:40Z', now)).toBe('just now');
    expect(formatAge('2026-11-23T09:00:00Z', now)).toBe('3 h ago');
    expect(formatAge('nonsense', now)).toBe('');
  });
});

it('waits longer after each failure, up to a limit', () => {
  const delays = [0, 1, 2, 3, 4, 5, 20].map((attempt) => backoffDelay(attempt, () => 1));
  expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000]);
  expect(backoffDelay(0, () => 0)).toBe(375);
});
