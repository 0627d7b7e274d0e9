import { createImage, orbitCamera, projectPoint, rigCameras } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { buildLayeredBody } from './layered-body.ts';
import { bodyBounds, placeBody, placeCamera, placementOf } from './place-body.ts';
import { renderBody } from './render-body.ts';

const RADIUS = 0.4;
const DISTANCE = 1.5;

/** Ball of RADIUS at the origin, red in front and blue behind, in the frame of a camera at `elevationDeg`. */
function ball(elevationDeg: number) {
  const size = 128;
  const camera = orbitCamera(0, elevationDeg, size);
  const frame = createImage(size, size, 4);
  const data = new Float32Array(5 * size * size);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const dx = (x + 0.5 - camera.cx) / camera.flX;
      const dy = (y + 0.5 - camera.cy) / camera.flY;
      const i = y * size + x;
      // |(dx z, dy z, z - distance)| = radius has two solutions z
      const a = dx * dx + dy * dy + 1;
      const root = DISTANCE * DISTANCE - a * (DISTANCE * DISTANCE - RADIUS * RADIUS);
      if (root < 0) continue;
      data[i] = (DISTANCE - Math.sqrt(root)) / a - DISTANCE;
      data[size * size + i] = (DISTANCE + Math.sqrt(root)) / a - DISTANCE;
      data[4 * size * size + i] = 1;
      frame.data.set([255, 0, 0, 255], i * 4);
    }
  return { body: buildLayeredBody(frame, { size, data }, DISTANCE), camera };
}

describe('renderBody', () => {
  it.each([0, 20, 40])('shows a ball as a disk from everywhere (body camera at %i degrees)', (elevationDeg) => {
    const { body, camera } = ball(elevationDeg);
    for (const target of [...rigCameras(96), orbitCamera(0, elevationDeg, 96)]) {
      const image = renderBody(body, camera, bodyBounds(body, camera), target);
      let both = 0;
      let either = 0;
      for (let y = 0; y < 96; y++)
        for (let x = 0; x < 96; x++) {
          // a ray meets the ball when it passes the origin within the radius
          const dx = (x + 0.5 - target.cx) / target.flX;
          const dy = (y + 0.5 - target.cy) / target.flY;
          const expected = DISTANCE * Math.sqrt(1 - 1 / (dx * dx + dy * dy + 1)) <= RADIUS;
          const got = image.data[(y * 96 + x) * 4 + 3]! > 127;
          if (expected && got) both++;
          if (expected || got) either++;
        }
      expect(both / either).toBeGreaterThan(0.97);
    }
  });

  it('shows the front colour from the front and the back colour from behind', () => {
    const { body, camera } = ball(0);
    const colourAt = (azimuth: number): number[] => {
      const target = orbitCamera(azimuth, 0, 96);
      const { x, y } = projectPoint(target, [0, 0, 0]);
      const at = (Math.floor(y) * 96 + Math.floor(x)) * 4;
      return [...renderBody(body, camera, bodyBounds(body, camera), target).data.slice(at, at + 3)];
    };
    expect(colourAt(0)).toEqual([255, 0, 0]);
    expect(colourAt(180)).toEqual([0, 0, 255]);
  });

  it('turns the way the rig does: what is at +X is seen at azimuth 90', () => {
    const size = 64;
    const camera = orbitCamera(0, 0, size);
    const frame = createImage(size, size, 4);
    const data = new Float32Array(5 * size * size);
    // a slab whose right half (+X seen from the front) is green
    for (let y = 20; y < 44; y++)
      for (let x = 12; x < 52; x++) {
        const i = y * size + x;
        frame.data.set(x < 32 ? [255, 0, 0, 255] : [0, 255, 0, 255], i * 4);
        data[i] = -0.2;
        data[size * size + i] = 0.2;
        data[(x < 32 ? 2 : 3) * size * size + i] = 1;
      }
    const body = buildLayeredBody(frame, { size, data }, DISTANCE);
    const seen = renderBody(body, camera, bodyBounds(body, camera), orbitCamera(90, 0, size));
    const at = (32 * size + 32) * 4;
    expect([...seen.data.slice(at, at + 4)]).toEqual([0, 255, 0, 255]);
  });

  it('looks the same to its own camera after the world is moved, and fills a box of longest side 1', () => {
    const { body, camera } = ball(20);
    const placement = placementOf(bodyBounds(body, camera));
    expect(placement.scale).toBeCloseTo(1 / (2 * RADIUS), 1);
    const placed = placeBody(body, placement);
    const placedCamera = placeCamera(camera, placement);
    const bounds = bodyBounds(placed, placedCamera);
    expect(Math.max(...bounds.max.map((high, r) => high - bounds.min[r]!))).toBeCloseTo(1, 5);
    const before = renderBody(body, camera, bodyBounds(body, camera), camera);
    const after = renderBody(placed, placedCamera, bounds, placedCamera);
    expect(after.data.filter((value, i) => value !== before.data[i]).length).toBeLessThan(before.data.length * 0.005);
  });
});
