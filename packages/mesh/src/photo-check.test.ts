import { orbitCamera, type RgbaImage } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { fitPhotoCamera } from './fit-photo.ts';
import { withTestColors } from './mesh.test-helper.ts';
import { compareWithPhoto } from './photo-check.ts';
import { renderMesh } from './render.ts';
import { sphereMesh, torusMesh } from './shapes.ts';

const mesh = withTestColors(sphereMesh(0.5, 64, 32));
const camera = orbitCamera(0, 20, 200, { distance: 2, focalPerWidth: 1 });
const whole = renderMesh(mesh, camera, { mode: 'unlit' });
/** The right part is behind something. */
const occluded: RgbaImage = { ...whole, data: whole.data.map((value, i) => (i % 4 === 3 && (i >> 2) % 200 > 120 ? 0 : value)) };

describe('compareWithPhoto', () => {
  it('finds nothing wrong with the mesh that was photographed', () => {
    const result = compareWithPhoto(mesh, { image: whole, camera })!;
    expect(result.visibleIou).toBeGreaterThan(0.99);
    expect(result.silhouettePx).toBeLessThan(0.3);
    expect(result.colorError).toBeLessThan(3);
  });

  it('leaves out what something hides, where the completion says so', () => {
    const blind = compareWithPhoto(mesh, { image: occluded, camera })!;
    const told = compareWithPhoto(mesh, { image: occluded, camera }, { image: whole, camera })!;
    expect(blind.visibleIou).toBeLessThan(0.8);
    expect(told.visibleIou).toBeGreaterThan(0.98);
    expect(told.silhouettePx).toBeLessThan(0.5);
  });

  it('measures a shift in pixels of the photograph', () => {
    const moved = { ...camera, cx: camera.cx + 6 };
    const result = compareWithPhoto(mesh, { image: whole, camera: moved })!;
    // around a circle, the mean distance of an outline that moved by d is 2 d / pi
    expect(result.silhouettePx).toBeGreaterThan(3);
    expect(result.silhouettePx).toBeLessThan(4.7);
    expect(result.visibleIou).toBeLessThan(0.97);
  });

  it('calls another object’s colours wrong', () => {
    const other = { ...mesh, colors: mesh.colors!.map((value) => 255 - value) };
    expect(compareWithPhoto(other, { image: whole, camera })!.colorError).toBeGreaterThan(40);
  });

  it('has nothing to say without an object', () => {
    expect(compareWithPhoto(mesh, { image: { ...whole, data: new Uint8Array(whole.data.length) }, camera })).toBeUndefined();
  });
});

describe('fitPhotoCamera', () => {
  it('finds the frame again', () => {
    const torus = torusMesh();
    const shifted = { ...camera, cx: 80, cy: 120 };
    const photo = renderMesh(torus, shifted, { mode: 'clay' });
    const found = fitPhotoCamera(torus, photo, 20);
    const result = compareWithPhoto(torus, { image: photo, camera: found })!;
    expect(result.visibleIou).toBeGreaterThan(0.96);
  });
});
