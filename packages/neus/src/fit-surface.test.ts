import { existsSync } from 'node:fs';
import { createImage, createRng, NoSurfaceError, OptionError, orbitCamera, type StageContext, type StageMessage } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { openField } from './field.ts';
import { fitSurface, reconstructStage } from './fit-surface.ts';
import { meshTopology } from './isosurface/topology.ts';
import { spawnBuiltWorker } from './testing/built-worker.test-helper.ts';
import { rigViews, SCENES } from './testing/scene.ts';

const views = rigViews(SCENES.sphere, 32, 2);
const quick = { preset: 'draft', steps: 60, rays: 256, levels: 4, meshResolution: 40 } as const;

function context(overrides: Partial<StageContext> = {}): StageContext & { events: StageMessage[] } {
  const events: StageMessage[] = [];
  return {
    signal: new AbortController().signal,
    emit: (event) => events.push(event),
    rng: createRng(3),
    gpu: null,
    spawnWorker: null,
    threads: 1,
    events,
    ...overrides,
  };
}

describe('fitSurface', () => {
  it('finds a sphere: closed, in place, with its colours; and says what it does', async () => {
    const ctx = context();
    const surface = await reconstructStage.run({ views }, quick, ctx);
    const { positions, indices } = surface.mesh;
    expect(meshTopology(positions, indices)).toMatchObject({ closed: true, euler: 2, components: 1 });
    let error = 0;
    for (let i = 0; i < positions.length; i += 3) error += Math.abs(SCENES.sphere.sdf(positions[i], positions[i + 1], positions[i + 2]));
    // a pixel is 0.043 here
    expect(error / (positions.length / 3)).toBeLessThan(0.03);
    const point = Float32Array.from([0, 0.2, Math.sqrt(0.16 - 0.04)]);
    const rgb = new Float32Array(3);
    (await openField(surface.field)).evaluate(point, new Float32Array(1), rgb);
    const expected = SCENES.sphere.rgb(point[0], point[1], point[2]);
    for (let c = 0; c < 3; c++) expect(Math.abs(rgb[c] - expected[c])).toBeLessThan(0.2);
    const steps = ctx.events.filter((event) => event.kind === 'progress');
    expect(steps.at(-1)).toMatchObject({ done: 60, total: 60, unit: 'step' });
    expect(ctx.events.some((event) => event.kind === 'metric' && event.name === 'psnr')).toBe(true);
  });

  it.each([
    ['hole', 1],
    ['torus', 1],
    ['touching', 0],
  ])('finds %s: one closed part of genus %i, to a fraction of a pixel where it faces up', async (name, genus) => {
    const size = 64;
    const options = { preset: 'draft', steps: 160, rays: 512, levels: 6, meshResolution: 64 } as const;
    const { mesh } = await fitSurface(rigViews(SCENES[name], size, 2), options, context());
    const { closed, euler, components } = meshTopology(mesh.positions, mesh.indices);
    expect({ closed, components, genus: 1 - euler / 2 }).toEqual({ closed: true, components: 1, genus });
    let error = 0;
    let count = 0;
    for (let i = 0; i < mesh.positions.length; i += 3) {
      if (mesh.normals![i + 1] < 0.3) continue;
      error += Math.abs(SCENES[name].sdf(mesh.positions[i], mesh.positions[i + 1], mesh.positions[i + 2]));
      count++;
    }
    // the bound, in pixels of the view at the object
    expect(error / count / (1.5 / (1.09375 * size))).toBeLessThan(0.6);
  });

  it('gives the same bits for a seed on one thread and on two workers', async (test) => {
    if (!existsSync(new URL('../dist/cpu/fit-worker.js', import.meta.url))) test.skip('the package is not built');
    const options = { ...quick, steps: 6, meshResolution: 16 };
    const one = await fitSurface(views, options, context());
    const two = await fitSurface(views, options, context({ spawnWorker: spawnBuiltWorker, threads: 2 }));
    const other = await fitSurface(views, options, context({ rng: createRng(4) }));
    expect(two.field.data).toEqual(one.field.data);
    expect(two.mesh.positions).toEqual(one.mesh.positions);
    expect(other.field.data).not.toEqual(one.field.data);
    // a second usually; two threads that wait for each other crawl when a machine is overloaded
  }, 240_000);

  it('stops soon after an abort', async () => {
    const abort = new AbortController();
    let asked = 0;
    const ctx = context({
      signal: abort.signal,
      emit: (event) => {
        if (event.kind === 'progress' && event.done > 5 && !asked) {
          asked = performance.now();
          abort.abort(new Error('enough'));
        }
      },
    });
    await expect(fitSurface(views, { ...quick, steps: 5000 }, ctx)).rejects.toThrow('enough');
    expect(performance.now() - asked).toBeLessThan(1000);
  });

  it('names bad input', async () => {
    const empty = [{ image: createImage(16, 16, 4), camera: orbitCamera(0, 30, 16) }];
    await expect(fitSurface(empty, quick, context())).rejects.toThrow(NoSurfaceError);
    await expect(fitSurface([], quick, context())).rejects.toThrow(NoSurfaceError);
    await expect(fitSurface(views, { preset: 'ultra' as 'fine' }, context())).rejects.toThrow(OptionError);
    await expect(fitSurface(views, { ...quick, steps: 0 }, context())).rejects.toThrow(OptionError);
    await expect(fitSurface(views, { ...quick, weights: [1] }, context())).rejects.toThrow(OptionError);
  });
});
