import { createImage, createRng, orbitCamera, type RgbaImage } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
// the benchmark runs on the built packages, which `npm test` builds first
import { analyticTruth, distanceToMesh, footprint } from '../bench/truth.mjs';
import { warpView } from '../bench/warp.mjs';
import { marchingCubes } from '../src/index.ts';
import { SCENES } from '../src/testing/scene.ts';

/** Its red channel says where a pixel came from along x, green along y. */
function ramp(size: number): RgbaImage {
  const image = createImage(size, size, 4);
  for (let i = 0; i < size * size; i++) image.data.set([(i % size) * 2, Math.floor(i / size) * 2, 0, 255], i * 4);
  return image;
}

function sphereMesh(radius: number, shift: number) {
  const n = 64;
  const place = (k: number) => (k / (n - 1) - 0.5) * 1.2;
  const data = new Float32Array(n ** 3);
  for (let i = 0; i < data.length; i++)
    data[i] = Math.hypot(place(i % n) - shift, place(Math.floor(i / n) % n), place(Math.floor(i / n / n))) - radius;
  const { positions, indices } = marchingCubes({ size: [n, n, n], data }, 0);
  return { positions: positions.map(place), indices };
}

describe('warpView', () => {
  const camera = orbitCamera(0, 30, 120);

  it.each([1, 2])('moves pixels by %i px in the root mean square, alike for a seed', (pixels) => {
    const view = { image: ramp(120), camera };
    const warped = warpView(view, pixels, createRng(3)).image.data;
    let squared = 0;
    let count = 0;
    for (let y = 10; y < 110; y++)
      for (let x = 10; x < 110; x++, count++)
        for (let c = 0; c < 2; c++) squared += ((warped[(y * 120 + x) * 4 + c] - view.image.data[(y * 120 + x) * 4 + c]) / 2) ** 2;
    // the border's share of the field is not in the sum, and bytes round
    expect(Math.sqrt(squared / count) / pixels).toBeGreaterThan(0.8);
    expect(Math.sqrt(squared / count) / pixels).toBeLessThan(1.2);
    expect(warpView(view, pixels, createRng(3)).image.data).toEqual(warped);
    expect(warpView(view, pixels, createRng(4)).image.data).not.toEqual(warped);
  });

  it('keeps the camera, and lets no colour in from beside the object', () => {
    const image = createImage(64, 64, 4);
    for (let i = 0; i < 64 * 64; i++) image.data.set(i % 64 < 32 ? [200, 100, 50, 255] : [0, 0, 0, 0], i * 4);
    const warped = warpView({ image, camera }, 2, createRng(1));
    expect(warped.camera).toBe(camera);
    for (let i = 0; i < 64 * 64; i++)
      if (warped.image.data[i * 4 + 3] > 0) expect([...warped.image.data.slice(i * 4, i * 4 + 3)]).toEqual([200, 100, 50]);
  });
});

describe('truth', () => {
  const truth = analyticTruth('sphere', SCENES.sphere);
  const pixel = footprint(256);

  it('has points on the surface that the rig sees, none at the underside', () => {
    let lowest = 0;
    for (let i = 0; i < truth.points.length; i += 3) {
      expect(Math.abs(SCENES.sphere.sdf(truth.points[i], truth.points[i + 1], truth.points[i + 2]))).toBeLessThan(1e-5);
      lowest = Math.min(lowest, truth.points[i + 1]);
    }
    // from elevation e and distance d a ball of radius r is seen down to about r sin(e - acos(r / d))
    expect(lowest).toBeGreaterThan(-0.4 * Math.sin(Math.acos(0.4 / 1.5) - Math.PI / 6) - 0.01);
    expect(lowest).toBeLessThan(-0.2);
  });

  it('measures what is known: the true mesh, one that is too large, one that is shifted', () => {
    const mean = (list: Float64Array) => list.reduce((sum, value) => sum + value, 0) / list.length;
    expect(mean(distanceToMesh(truth.points, sphereMesh(0.4, 0))) / pixel).toBeLessThan(0.05);
    expect(mean(distanceToMesh(truth.points, sphereMesh(0.4 + 2 * pixel, 0))) / pixel).toBeCloseTo(2, 1);
    expect(truth.iou(sphereMesh(0.4, 0))).toBeGreaterThan(0.99);
    // two balls of radius r, centres d apart: 1 - 3 d / 4 r + d^3 / 16 r^3 of each is common
    const common = 1 - (3 * 0.1) / (4 * 0.4) + 0.1 ** 3 / (16 * 0.4 ** 3);
    expect(truth.iou(sphereMesh(0.4, 0.1))).toBeCloseTo(common / (2 - common), 2);
  });
});
