import { orbitCamera, projectPoint, reframeCamera } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { changeCamera, NO_CHANGE, refineCamera } from './refine-camera.ts';
import { renderMesh } from './render.ts';
import { boxMesh, marchField } from './shapes.ts';

const mesh = marchField(
  (x, y, z) => Math.min(Math.hypot(x, y + 0.1, z) - 0.3, Math.max(Math.abs(x - 0.25) - 0.2, Math.abs(y) - 0.1, Math.abs(z) - 0.1)),
  24,
);
const camera = orbitCamera(0, 20, 200, { distance: 2, focalPerWidth: 1 });

describe('changeCamera', () => {
  it('changes nothing by no change', () => {
    const same = changeCamera(camera, NO_CHANGE, mesh);
    same.worldFromCamera.forEach((value, i) => {
      expect(value).toBeCloseTo(camera.worldFromCamera[i], 6);
    });
    expect([same.flX, same.cx, same.cy]).toEqual([camera.flX, expect.closeTo(camera.cx, 4), expect.closeTo(camera.cy, 4)]);
  });

  it('moves up around the middle of the mesh, which stays where it is in the picture', () => {
    const box = boxMesh();
    const up = changeCamera(camera, { ...NO_CHANGE, elevationDeg: 5 }, box);
    const expected = orbitCamera(0, 25, 200, { distance: 2, focalPerWidth: 1 });
    up.worldFromCamera.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.worldFromCamera[i], 6);
    });
    expect(projectPoint(up, [0, 0, 0]).x).toBeCloseTo(100, 6);
  });

  it('is the same change in every frame', () => {
    const change = { scale: 1.03, shiftX: 0.01, shiftY: -0.02, elevationDeg: 3, rollDeg: 2 };
    const frame = { scale: 2.5, dx: -30, dy: 12, width: 400, height: 400 };
    const point = [0.1, 0.2, 0.05];
    const a = projectPoint(reframeCamera(changeCamera(camera, change, mesh), frame), point);
    const b = projectPoint(changeCamera(reframeCamera(camera, frame), change, mesh), point);
    expect([a.x, a.y]).toEqual([expect.closeTo(b.x, 6), expect.closeTo(b.y, 6)]);
  });
});

describe('refineCamera', () => {
  it.each([
    { ...NO_CHANGE, shiftX: 0.02, shiftY: -0.015 },
    { ...NO_CHANGE, scale: 0.95 },
    { ...NO_CHANGE, scale: 1.04, shiftX: 0.01, rollDeg: 2 },
  ])('finds %j again', (change) => {
    const image = renderMesh(mesh, changeCamera(camera, change, mesh), { mode: 'clay' });
    const found = refineCamera(mesh, { image, camera });
    expect(found.iouBefore).toBeLessThan(0.97);
    expect(found.iou).toBeGreaterThan(0.98);
    expect(Math.abs(found.change.scale - change.scale)).toBeLessThan(0.012);
    expect(Math.hypot(found.change.shiftX - change.shiftX, found.change.shiftY - change.shiftY)).toBeLessThan(0.006);
  });

  it('leaves a camera that fits alone', () => {
    const image = renderMesh(mesh, camera, { mode: 'clay' });
    expect(refineCamera(mesh, { image, camera }).change).toEqual(NO_CHANGE);
  });
});
