import { createImage, createRng, NoSurfaceError, orbitCamera, rigCameras, type StageMessage, type View } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { RECONSTRUCT_PRESETS } from '../options.ts';
import type { FitProblem } from '../problem.ts';
import { renderScene, rigViews, SCENES, type Scene } from '../testing/scene.ts';
import { prepareProblem } from './prepare-problem.ts';

const SIZE = 64;
const torus = rigViews(SCENES.torus, SIZE, 1);
const plate = rigViews(SCENES.plate, SIZE, 1);

/** A problem, and the codes and texts of the warnings on the way to it. */
async function prepare(views: readonly View[], maxViewSize = 512): Promise<{ problem: FitProblem; codes: string[]; text: string }> {
  const events: StageMessage[] = [];
  const preset = { ...RECONSTRUCT_PRESETS.draft, maxViewSize };
  const problem = await prepareProblem(views, undefined, preset, 1, (event) => events.push(event));
  const warnings = events.filter((event) => event.kind === 'warning');
  return { problem, codes: warnings.map(({ code }) => code), text: warnings.map(({ message }) => message).join('\n') };
}
const viewCount = ({ cameras }: FitProblem) => cameras.length / 16;
const edgeOf = ({ bounds }: FitProblem) => bounds.max[0] - bounds.min[0];
const withCamera = (view: View, change: (camera: View['camera']) => Partial<View['camera']>): View => ({
  ...view,
  camera: { ...view.camera, ...change(view.camera) },
});
const posed = (view: View, change: (value: number, index: number) => number): View =>
  withCamera(view, ({ worldFromCamera }) => ({ worldFromCamera: worldFromCamera.map(change) }));
/** Flips the mask of a share of the pixels. */
function flipped(views: readonly View[], share: number): View[] {
  const rng = createRng(5);
  return views.map(({ image, camera }) => {
    const data = image.data.slice();
    for (let i = 3; i < data.length; i += 4) if (rng.uniform() < share) data[i] = 255 - data[i];
    return { image: { ...image, data }, camera };
  });
}

describe('views as they come', () => {
  it('says nothing about good views of any scene, sixteen or eight', async () => {
    for (const [name, scene] of Object.entries(SCENES)) {
      const views = rigViews(scene, SIZE, 1);
      for (const some of [views, views.filter((_, i) => i % 2 === 0)])
        expect({ name, codes: (await prepare(some)).codes }).toEqual({ name, codes: [] });
    }
  });

  it('takes 4 and 64 views, and views of 512 and 1024 px', async () => {
    expect((await prepare([0, 4, 8, 12].map((i) => torus[i]))).codes).toEqual([]);
    const many = rigCameras(SIZE, { count: 64, elevationDeg: 30, azimuthStepDeg: 5.625, distance: 1.5, focalPerWidth: 280 / 256 });
    const dense = await prepare(many.map((camera) => ({ image: renderScene(SCENES.torus, camera, 1), camera })));
    expect(dense.codes).toEqual([]);
    expect(viewCount(dense.problem)).toBe(64);
    const reference = await prepare(torus);
    for (const size of [512, 1024]) {
      const { problem, codes } = await prepare(
        [0, 3, 6, 9, 12].map((i) => enlarged(torus[i], size)),
        256,
      );
      expect(codes).toEqual([]);
      expect(problem.cameras[7]).toBe(256);
      expect(Math.abs(edgeOf(problem) / edgeOf(reference.problem) - 1)).toBeLessThan(0.15);
    }
  });

  it('is not misled by 5 % of flipped mask pixels, and says so', async () => {
    const clean = await prepare(torus);
    const noisy = await prepare(flipped(torus, 0.05));
    expect(noisy.codes).toEqual(['mask-noisy']);
    expect(Math.abs(edgeOf(noisy.problem) / edgeOf(clean.problem) - 1)).toBeLessThan(0.03);
    const cells = ({ support }: FitProblem) => support.reduce((sum, value) => sum + value, 0);
    expect(Math.abs(cells(noisy.problem) / cells(clean.problem) - 1)).toBeLessThan(0.1);
    // a flipped pixel is in neither list: at most those that hide at an outline are believed
    const opaque = (problem: FitProblem) => problem.foreground.length;
    expect(Math.abs(opaque(noisy.problem) / opaque(clean.problem) - 0.95)).toBeLessThan(0.02);
  });

  it('finds the view with a wrong pose, by its number, and leaves it out', async () => {
    for (const [views, wrong] of [
      [torus, 5],
      [plate, 9],
      [plate.filter((_, i) => i % 2 === 0), 3],
    ] as const) {
      const { problem, codes, text } = await prepare(
        views.map((view, i) => (i === wrong ? { ...view, camera: orbitCamera(20, -50, SIZE) } : view)),
      );
      expect(codes).toEqual(['view-disagrees']);
      expect(text).toMatch(new RegExp(`^view ${wrong}: `));
      expect(viewCount(problem)).toBe(views.length - 1);
    }
  });

  it('finds two, and names no innocent where it cannot know', async () => {
    const two = plate.map((view, i) =>
      i === 3 ? { ...view, camera: orbitCamera(80, 85, SIZE) } : i === 12 ? { ...view, camera: orbitCamera(20, -60, SIZE) } : view,
    );
    const { text } = await prepare(two);
    expect(text).toMatch(/^views 3, 12: /);
    const lot = plate.map((view, i) => (i % 2 ? { ...view, camera: orbitCamera(i * 40, (i * 37) % 90, SIZE) } : view));
    const { problem, codes } = await prepare(lot);
    expect(codes).toEqual(['views-disagree']);
    expect(viewCount(problem)).toBe(16);
  });

  it('leaves out empty and unusable views and says which and why', async () => {
    const views = [...torus];
    views[1] = { image: createImage(SIZE, SIZE, 4), camera: torus[1].camera };
    views[2] = posed(torus[2], (value, i) => (i === 5 ? Number.NaN : value));
    views[3] = withCamera(torus[3], () => ({ flX: 0 }));
    views[4] = posed(torus[4], (value, i) => (i < 4 ? 0 : value));
    views[5] = posed(torus[5], (value, i) => (i < 4 ? -value : value));
    views[6] = withCamera(torus[6], () => ({ cy: Infinity }));
    views[7] = {
      ...torus[7],
      image: { ...torus[7].image, data: Float32Array.from(torus[7].image.data, () => Number.NaN) as unknown as Uint8Array },
    };
    views[8] = { ...torus[8], image: createImage(SIZE, SIZE / 2, 4) };
    views[9] = { ...torus[9], image: { ...torus[9].image, data: torus[9].image.data.subarray(4) } };
    views[10] = posed(torus[10], (value, i) => (i < 4 ? value + 0.2 * torus[10].camera.worldFromCamera[4 + i] : value));
    const { problem, codes, text } = await prepare(views);
    expect(codes).toEqual(['view-empty', ...Array(9).fill('view-unusable')]);
    for (let i = 1; i <= 10; i++) expect(text).toContain(`view ${i}: `);
    expect(text).toMatch(/view 3: .*focal length flX, got 0/);
    expect(text).toMatch(/view 5: .*mirrored/);
    expect(viewCount(problem)).toBe(6);
  });

  it('says what is wrong when no view is left, or they show different places', async () => {
    await expect(prepare(torus.map((view) => posed(view, () => Number.NaN)))).rejects.toThrow(
      /none of 16 views is usable; all 16 views: .*16 finite numbers/,
    );
    const apart = (views: readonly View[]) => views.map((view, k) => posed(view, (value, i) => (i === 12 ? value + 50 * k : value)));
    await expect(prepare(apart(torus))).rejects.toThrow(NoSurfaceError);
    await expect(prepare(apart([torus[0], torus[5]]))).rejects.toThrow('do not meet');
    const backwards = torus.map((view) => posed(view, (value, i) => (i >= 4 && i < 12 ? -value : value)));
    await expect(prepare(backwards)).rejects.toThrow('look along -Z');
  });

  it('warns of few views and of a single colour', async () => {
    expect((await prepare([torus[0], torus[4], torus[8]])).codes).toEqual(['few-views']);
    const white: Scene = { ...SCENES.torus, rgb: () => [1, 1, 1] };
    expect((await prepare(rigViews(white, SIZE, 1))).codes).toEqual(['one-color']);
  });
});

/** The same view with each pixel as a block. */
function enlarged({ image, camera }: View, size: number): View {
  const out = createImage(size, size, 4);
  const factor = image.width / size;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const from = (Math.floor(y * factor) * image.width + Math.floor(x * factor)) * 4;
      out.data.set(image.data.subarray(from, from + 4), (y * size + x) * 4);
    }
  const scale = 1 / factor;
  const { flX, flY, cx, cy } = camera;
  return {
    image: out,
    camera: { ...camera, width: size, height: size, flX: flX * scale, flY: flY * scale, cx: cx * scale, cy: cy * scale },
  };
}
