import { type Camera, createImage, NoSurfaceError, orbitCamera, type View } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { RECONSTRUCT_PRESETS } from '../options.ts';
import { renderScene, rigViews, SCENES } from '../testing/scene.ts';
import { finishWorkNow } from '../work.ts';
import { findBounds } from './find-bounds.ts';
import { silhouetteOf } from './hull.ts';
import { prepareProblem } from './prepare-problem.ts';

const bounds = (views: View[]) => finishWorkNow(findBounds(views.map(({ image, camera }) => silhouetteOf(image, camera))));

/** The same camera after the world has moved by `offset` and grown by `scale`. */
function moved(camera: Camera, scale: number, offset: number[]): Camera {
  const worldFromCamera = [...camera.worldFromCamera];
  for (let c = 0; c < 3; c++) worldFromCamera[12 + c] = worldFromCamera[12 + c] * scale + offset[c];
  return { ...camera, worldFromCamera };
}

describe('findBounds', () => {
  it('finds a sphere of radius 0.4 from the rig, anywhere and at any scale', () => {
    const offset = [40, -7, 3];
    const views = rigViews(SCENES.sphere, 48, 1).map(({ image, camera }) => ({ image, camera: moved(camera, 20, offset) }));
    const { min, max } = bounds(views).bounds;
    for (let c = 0; c < 3; c++) {
      expect(min[c]).toBeLessThan(offset[c] - 8);
      expect(max[c]).toBeGreaterThan(offset[c] + 8);
      expect(max[c] - min[c]).toBeLessThan(24);
    }
  });

  it('takes one wrong pose among 16, and two views or one', () => {
    const views = rigViews(SCENES.sphere, 48, 1);
    views[5] = { ...views[5], camera: orbitCamera(300, -40, 48) };
    for (const some of [views, [views[0], views[3]], [views[0]]]) {
      const { min, max } = bounds(some).bounds;
      for (let c = 0; c < 3; c++) {
        expect((min[c] + max[c]) / 2).toBeLessThan(0.5);
        expect(max[c] - min[c]).toBeGreaterThan(0.7);
        expect(max[c] - min[c]).toBeLessThan(3);
      }
    }
  });

  it('refuses views without an object', () => {
    const camera = orbitCamera(0, 30, 16);
    expect(() => bounds([{ image: createImage(16, 16, 4), camera }])).toThrow(NoSurfaceError);
  });
});

describe('prepareProblem', () => {
  it('shrinks large views, drops empty ones with a warning, and lists every pixel once', async () => {
    const camera = orbitCamera(0, 30, 64);
    const views = [...rigViews(SCENES.sphere, 64, 1).slice(0, 5), { image: createImage(64, 64, 4), camera }];
    views[1] = { image: renderScene(SCENES.sphere, orbitCamera(22.5, 30, 96), 1), camera: orbitCamera(22.5, 30, 96) };
    const events: string[] = [];
    const preset = { ...RECONSTRUCT_PRESETS.draft, maxViewSize: 32 };
    const problem = await prepareProblem(views, [1, 2, 1, 1, 1, 1], preset, 1, (event) =>
      events.push(event.kind === 'warning' ? event.code : ''),
    );
    expect(events).toEqual(['view-empty']);
    expect(problem.cameras.length).toBe(5 * 16);
    expect([...problem.viewStart]).toEqual([0, 1024, 2048, 3072, 4096, 5120]);
    expect(problem.cameras[16 + 3]).toBeCloseTo(10 / 6, 5);
    expect(problem.cameras[16 + 7]).toBe(32);
    const both = new Set([...problem.foreground, ...problem.background]);
    expect(both.size).toBe(problem.foreground.length + problem.background.length);
    for (const pixel of problem.foreground) expect(problem.pixels[pixel] >>> 24).toBeGreaterThanOrEqual(128);
    for (let i = 0; i < problem.support.length; i++)
      if (problem.support[i] && !problem.hull[i]) throw new Error('hull smaller than support');
  });
});
