import { createImage, createRng, orbitCamera, rigCameras } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { bodyBounds, placeBody, placeCamera, placementOf } from './place-body.ts';
import { renderBody } from './render-body.ts';
import { buildVolumeBody, isSolid, solidExtent } from './volume-body.ts';

const SIZE = 64;
const DEPTHS = 48;
const DISTANCE = 1.5;
const MANIFEST = { nearest: -0.96, farthest: 0.84, threshold: 0.25 };
const STEP = (MANIFEST.farthest - MANIFEST.nearest) / DEPTHS;

/** The volume of a function of space (above zero inside) in the frame of a camera at azimuth 0, elevation 0; everything within the outline. */
function volumeOf(inside: (x: number, y: number, z: number) => number) {
  const camera = orbitCamera(0, 0, SIZE);
  const frame = createImage(SIZE, SIZE, 4);
  const count = SIZE * SIZE;
  const data = new Float32Array((5 + DEPTHS) * count);
  for (let y = 0; y < SIZE; y++)
    for (let x = 0; x < SIZE; x++) {
      const i = y * SIZE + x;
      frame.data.set([200, 100, 50, 255], i * 4);
      data[i] = -0.3;
      data[count + i] = 0.3;
      for (let d = 0; d < DEPTHS; d++) {
        const offset = MANIFEST.nearest + (d + 0.5) * STEP;
        const depth = DISTANCE + offset;
        const value = inside(((x + 0.5 - camera.cx) / camera.flX) * depth, (-(y + 0.5 - camera.cy) / camera.flY) * depth, -offset);
        data[(5 + d) * count + i] = value + MANIFEST.threshold;
      }
    }
  return { body: buildVolumeBody(frame, { size: SIZE, data }, MANIFEST, DISTANCE), camera };
}

const ball = (radius: number) => (x: number, y: number, z: number) => 10 * (radius - Math.hypot(x, y, z));

describe('a body given by a volume', () => {
  it('shows a ball as a disk from everywhere', () => {
    const radius = 0.35;
    const { body, camera } = volumeOf(ball(radius));
    const bounds = bodyBounds(body, camera);
    for (const target of rigCameras(64)) {
      const image = renderBody(body, camera, bounds, target);
      let both = 0;
      let either = 0;
      for (let i = 0; i < 64 * 64; i++) {
        const dx = ((i % 64) + 0.5 - target.cx) / target.flX;
        const dy = (Math.floor(i / 64) + 0.5 - target.cy) / target.flY;
        const expected = DISTANCE * Math.sqrt(1 - 1 / (dx * dx + dy * dy + 1)) <= radius;
        const got = image.data[i * 4 + 3]! > 127;
        if (expected && got) both++;
        if (expected || got) either++;
      }
      expect(both / either).toBeGreaterThan(0.96);
    }
    for (const value of [...bounds.max, ...bounds.min]) expect(Math.abs(Math.abs(value) - radius)).toBeLessThan(0.02);
  });

  it('shows what two layers cannot: the gap between two plates, seen from the side', () => {
    // half plates one before the other: from the front nothing tells that there is air between them
    const plates = (x: number, y: number, z: number): number =>
      10 * Math.min(Math.max(0.1 - Math.abs(z - 0.3), 0.1 - Math.abs(z + 0.3)), 0.4 - Math.abs(x), 0.4 - Math.abs(y));
    const { body, camera } = volumeOf(plates);
    const side = orbitCamera(90, 0, 64);
    const image = renderBody(body, camera, bodyBounds(body, camera), side);
    const alphaAt = (z: number): number => image.data[(32 * 64 + Math.round(side.cx - (z / DISTANCE) * side.flX)) * 4 + 3]!;
    expect([0.3, 0, -0.3].map(alphaAt)).toEqual([255, 0, 255]);
  });

  it('keeps its shape when the world is placed anew', () => {
    const { body, camera } = volumeOf(ball(0.3));
    const placement = placementOf(bodyBounds(body, camera));
    const placed = placeBody(body, placement);
    const placedCamera = placeCamera(camera, placement);
    const bounds = bodyBounds(placed, placedCamera);
    expect(Math.max(...bounds.max.map((high, r) => high - bounds.min[r]!))).toBeCloseTo(1, 5);
    const before = renderBody(body, camera, bodyBounds(body, camera), camera);
    const after = renderBody(placed, placedCamera, bounds, placedCamera);
    expect(after.data.filter((value, i) => value !== before.data[i]).length).toBeLessThan(before.data.length * 0.005);
  });

  it('falls back on its layers where nothing is solid', () => {
    expect(volumeOf(() => -1).body.volume).toBeUndefined();
  });

  it('is as solid at its samples as they say, and its extent bounds what is solid', () => {
    const rng = createRng(11);
    const n = 4;
    const logits = rng.fillNormal(new Float32Array(n * n * 8));
    const volume = { size: n, depths: 8, logits, nearest: -1, step: 0.25 };
    for (let i = 0; i < n * n; i++) {
      const x = ((i % n) + 0.5) / n;
      const y = (Math.floor(i / n) + 0.5) / n;
      for (let d = 0; d < 8; d++) expect(isSolid(volume, x, y, -1 + (d + 0.5) * 0.25)).toBe(logits[i * 8 + d]! > 0);
      const ends = solidExtent(volume, x, y);
      for (let k = 0; k < 200; k++) {
        const offset = -1.1 + (k / 200) * 2.2;
        if (isSolid(volume, x, y, offset)) expect(offset >= ends![0] - 1e-6 && offset <= ends![1] + 1e-6).toBe(true);
      }
    }
  });
});
