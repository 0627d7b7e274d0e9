import {
  createImage,
  createRng,
  ModelCorruptError,
  OptionError,
  orbitCamera,
  projectPoint,
  rigCameras,
  type StageContext,
  type StageMessage,
} from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { type FakeBundle, fakeBundle } from '../../networks/test/fake-bundle.ts';
import { createSyncDreamerStage, DEFAULT_ELEVATION_DEG, SYNCDREAMER_DEFAULTS } from '../src/index.ts';
import { cameraOf } from '../src/syncdreamer-model.ts';
import { viewVectors } from '../src/syncdreamer-stage.ts';

const [SIZE, N, VALUES, V] = [16, 4, 64, 3];
const [G, DEPTH, WIDTH] = [4, 4, 5];

/** World to camera of the original's rig: elevation 30 degrees, distance 1.5, z up, OpenCV's axes. */
function poseOf(azimuthDeg: number): number[] {
  const a = (azimuthDeg * Math.PI) / 180;
  const [ca, sa, ce, se] = [Math.cos(a), Math.sin(a), Math.cos(Math.PI / 6), 0.5];
  return [-sa, ca, 0, 0, se * ca, se * sa, -ce, 0, -ca * ce, -sa * ce, -se, 1.5];
}

const K = [(280 * SIZE) / 256, 0, SIZE / 2, 0, (280 * SIZE) / 256, SIZE / 2, 0, 0, 1];
const MANIFEST = {
  preprocessing: { size: SIZE, crop: 200 },
  latent: { channels: 4, size: N, scaleFactor: 0.18215 },
  scheduler: { kind: 'linear-sqrt', timesteps: 1000, prediction: 'eps', rule: 'syncdreamer', steps: 50, eta: 1, guidance: 2 },
  rig: {
    elevationDeg: 30,
    poses: [0, 120, 240].flatMap(poseOf),
    intrinsics: [K, K, K].flat(),
    azimuthRad: [0, (2 * Math.PI) / 3, (-2 * Math.PI) / 3],
  },
  volume: { size: G, halfSide: 0.5, frustumDepth: DEPTH, near: 1.5 - 0.86603, far: 1.5 + 0.86603 },
};

type Feeds = Record<string, { data: Float32Array; dims: readonly number[] }>;
type Role = 'context' | 'vaeEncoder' | 'spatialVolume' | 'frustumVolume' | 'unet' | 'vaeDecoder';

async function fakeModel(manifest: Record<string, unknown> = MANIFEST): Promise<FakeBundle & { calls: Record<Role, Feeds[]> }> {
  const calls = { context: [], vaeEncoder: [], spatialVolume: [], frustumVolume: [], unet: [], vaeDecoder: [] } as Record<Role, Feeds[]>;
  const noted =
    (role: Role, run: (feeds: Feeds) => Feeds) =>
    (feeds: unknown): Feeds => {
      calls[role].push(feeds as Feeds);
      return run(feeds as Feeds);
    };
  const tensor = (dims: number[], value: (i: number) => number) => ({
    dims,
    data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
  });
  const fake = await fakeBundle(manifest, {
    context: {
      inputs: { image: [1, 3, SIZE, SIZE], view: ['V', 4] },
      outputs: { context: ['V', 1, WIDTH] },
      run: noted('context', () => ({ context: tensor([V, 1, WIDTH], (i) => Math.floor(i / WIDTH) + 1) })),
    },
    vaeEncoder: {
      inputs: { image: ['B', 3, SIZE, SIZE] },
      outputs: { mean: ['B', 4, N, N], logVariance: ['B', 4, N, N] },
      run: noted('vaeEncoder', () => ({
        mean: tensor([1, 4, N, N], (i) => i / VALUES),
        // exp(0.5 * 20) where it is not limited further, and a half
        logVariance: tensor([1, 4, N, N], (i) => (i === 0 ? 99 : 2 * Math.log(0.5))),
      })),
    },
    spatialVolume: {
      inputs: { z: [V, 4, N, N], t: [1], view: [V, 4], index: [V, 4, G ** 3], weight: [V, 4, G ** 3] },
      dtypes: { index: 'int32' },
      outputs: { volume: [1, 2, G, G, G] },
      run: noted('spatialVolume', ({ z }) => ({ volume: tensor([1, 2, G, G, G], () => z!.data.reduce((a, b) => a + b, 0)) })),
    },
    frustumVolume: {
      inputs: { volume: [1, 2, G, G, G], t: [1], view: ['F', 4], index: ['F', 8, DEPTH * N * N], weight: ['F', 8, DEPTH * N * N] },
      dtypes: { index: 'int32' },
      outputs: { volume4: ['F', 1, 2, N, N] },
      run: noted('frustumVolume', ({ volume, view }) => ({
        volume4: tensor([view!.dims[0]!, 1, 2, N, N], () => volume!.data[0]!),
      })),
    },
    unet: {
      inputs: { z: ['V', 4, N, N], t: ['V'], context: ['V', 1, WIDTH], concat: ['V', 4, N, N], volume4: ['V', 1, 2, N, N] },
      outputs: { eps: ['V', 4, N, N], epsNull: ['V', 4, N, N] },
      run: noted('unet', ({ z, context, concat, volume4 }) => {
        const dims = [...z!.dims];
        const row = (i: number) => Math.floor(i / VALUES);
        return {
          eps: tensor(
            dims,
            (i) => 0.3 * z!.data[i]! + 0.01 * concat!.data[i]! + 0.001 * volume4!.data[0]! + 0.1 * context!.data[row(i) * WIDTH]!,
          ),
          epsNull: tensor(dims, (i) => 0.3 * z!.data[i]!),
        };
      }),
    },
    vaeDecoder: {
      inputs: { z: ['B', 4, N, N] },
      outputs: { image: ['B', 3, SIZE, SIZE] },
      run: noted('vaeDecoder', () => ({
        // a dark square and, far from it, one grey pixel of dirt
        image: tensor([1, 3, SIZE, SIZE], (i) => {
          const [x, y] = [i % SIZE, Math.floor(i / SIZE) % SIZE];
          return x >= 1 && x < 15 && y < 15 ? -0.5 : x === 15 && y === 15 ? 0 : 1;
        }),
      })),
    },
  });
  return Object.assign(fake, { calls });
}

/** A red square with a soft left edge in a transparent frame. */
const completion = createImage(40, 40, 4);
for (let y = 10; y < 30; y++) for (let x = 10; x < 30; x++) completion.data.set([200, 30, 10, 255], (y * 40 + x) * 4);
const input = { completion, crop: { x: 50, y: 20, size: 80 }, photo: { width: 200, height: 150 } };

function contextOf(seed: number, signal = new AbortController().signal): StageContext & { events: StageMessage[] } {
  const events: StageMessage[] = [];
  return { signal, emit: (event) => void events.push(event), rng: createRng(seed), gpu: null, spawnWorker: null, threads: 1, events };
}

describe('the rig of SyncDreamer', () => {
  it('becomes this project’s cameras, pixel centres at + 0.5', () => {
    for (const [i, ours] of rigCameras(256).entries()) {
      const camera = cameraOf(poseOf(22.5 * i), [280, 0, 128, 0, 280, 128, 0, 0, 1], 256);
      for (const [k, value] of ours.worldFromCamera.entries()) expect(camera.worldFromCamera[k]).toBeCloseTo(value, 6);
      expect(camera).toMatchObject({ width: 256, height: 256, flX: 280, flY: 280, cx: 128.5, cy: 128.5 });
    }
    // the original's view 0 stands at (1.299, 0, 0.75), z up; its corner (0.5, 0.5, 0.5) projects by K [R | t]
    const view = cameraOf(poseOf(0), [280, 0, 128, 0, 280, 128, 0, 0, 1], 256);
    for (const [k, value] of [0, 0.75, 1.299038].entries()) expect(view.worldFromCamera[12 + k]).toBeCloseTo(value, 5);
    const [u, v, depth] = [0.5, 0.25 - 0.4330127, 1.5 - 0.4330127 - 0.25];
    const seen = projectPoint(view, [0.5, 0.5, 0.5]);
    expect(seen.depth).toBeCloseTo(depth, 6);
    expect(seen.x).toBeCloseTo(128.5 + (280 * u) / depth, 5);
    expect(seen.y).toBeCloseTo(128.5 + (280 * v) / depth, 5);
  });

  it('tells the networks the elevation less its own in radians, sine and cosine of the azimuth, and 0', () => {
    const values = viewVectors({ azimuthRad: [0, Math.PI / 2, -Math.PI], rigElevationDeg: 30 }, 20);
    const expected = [-0.1745329, 0, 1, 0, -0.1745329, 1, 0, 0, -0.1745329, 0, -1, 0];
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, 6);
  });
});

describe('the composition of SyncDreamer', () => {
  it('sees the object centred on white, and a sample of its latents, not scaled', async () => {
    const fake = await fakeModel();
    const stage = createSyncDreamerStage(fake.bundle, fake.backend);
    await stage.run(input, { ...stage.defaults, elevationDeg: 20, steps: 2 }, contextOf(1));
    const image = fake.calls.vaeEncoder[0]!.image!.data;
    expect(fake.calls.context[0]!.image!.data).toEqual(image);
    // 200 of 256 of the frame: 12.5 of 16 pixels
    const at = (c: number, x: number, y: number): number => image[(c * SIZE + y) * SIZE + x]!;
    for (const c of [0, 1, 2]) {
      expect(at(c, 0, 8)).toBe(1);
      expect(at(c, 8, 15)).toBe(1);
      expect(at(c, 8, 8)).toBeCloseTo(([200, 30, 10][c]! / 255) * 2 - 1, 6);
    }
    expect(fake.calls.context[0]!.view!.data).toEqual(viewVectors({ ...MANIFEST.rig, rigElevationDeg: 30 }, 20));
    const { concat } = fake.calls.unet[0]!;
    const noise = createRng(1).fork('posterior').fillNormal(new Float32Array(VALUES));
    for (let i = 0; i < VALUES; i++) {
      const deviation = i === 0 ? Math.exp(10) : 0.5;
      expect(concat!.data[i]! / deviation).toBeCloseTo((i / VALUES + deviation * noise[i]!) / deviation, 4);
      // every view has the same
      expect(concat!.data[VALUES + i]).toBe(concat!.data[i]);
    }
  });

  it('walks as the original: all views together, every timestep visited, no noise in the last step', async () => {
    const fake = await fakeModel();
    const stage = createSyncDreamerStage(fake.bundle, fake.backend);
    const context = contextOf(3);
    await stage.run(input, { ...stage.defaults, elevationDeg: 30, steps: 2 }, context);
    const { spatialVolume, frustumVolume, unet, vaeDecoder } = fake.calls;
    expect(spatialVolume.map(({ t }) => t!.data[0])).toEqual([501, 1]);
    // three views in groups of two, each with its own vectors, tables and context
    expect(frustumVolume.map(({ view }) => view!.dims[0])).toEqual([2, 1, 2, 1]);
    const views = viewVectors({ ...MANIFEST.rig, rigElevationDeg: 30 }, 30);
    expect(frustumVolume[1]!.view!.data).toEqual(views.slice(8));
    expect(unet[1]!.context!.data).toEqual(new Float32Array(WIDTH).fill(3));
    expect(frustumVolume[1]!.weight!.data).not.toEqual(frustumVolume[0]!.weight!.data.slice(0, frustumVolume[1]!.weight!.data.length));

    let product = 1;
    const abar = Array.from({ length: 1000 }, (_, i) => {
      product *= 1 - (Math.sqrt(0.00085) + (i / 999) * (Math.sqrt(0.012) - Math.sqrt(0.00085))) ** 2;
      return product;
    });
    const rng = createRng(3).fork('latents');
    const normals = (): Float32Array => rng.fillNormal(new Float32Array(V * VALUES));
    const { concat } = unet[0]!;
    let x = [...normals()];
    for (const [t, previous] of [
      [501, 1],
      [1, 0],
    ] as const) {
      const [a, before] = [abar[t]!, abar[previous]!];
      const sigma = Math.sqrt(((1 - before) / (1 - a)) * (1 - a / before));
      const noise = t === 1 ? undefined : normals();
      // one volume of all latents as they were before this step
      const shared = x.reduce((sum, value) => sum + value, 0);
      x = x.map((value, i) => {
        const beside = 0.01 * concat!.data[i % VALUES]! + 0.001 * shared + 0.1 * (Math.floor(i / VALUES) + 1);
        const eps = 0.3 * value + 2 * beside;
        const clean = (value - Math.sqrt(1 - a) * eps) / Math.sqrt(a);
        const direction = Math.sqrt(Math.max(1 - before - sigma ** 2, 1e-7));
        return Math.sqrt(before) * clean + direction * eps + (noise ? sigma * noise[i]! : 0);
      });
    }
    const z = vaeDecoder.flatMap((feeds) => [...feeds.z!.data]);
    for (const [i, value] of x.entries()) expect(Math.abs(z[i]! - value)).toBeLessThan(1e-3 * (1 + Math.abs(value)));
    expect(context.events.filter((event) => event.kind === 'progress' && event.unit === 'step')).toHaveLength(2);
    expect(context.events.filter((event) => event.kind === 'preview').map(({ index }) => index)).toEqual([0, 1, 2]);
  });

  it('gives views with cameras and alpha, without specks, and the photograph’s camera', async () => {
    const fake = await fakeModel();
    const stage = createSyncDreamerStage(fake.bundle, fake.backend);
    const context = contextOf(3);
    const { views, elevationDeg, photoCamera } = await stage.run(input, { ...stage.defaults, steps: 2 }, context);
    expect(elevationDeg).toBe(DEFAULT_ELEVATION_DEG);
    expect(context.events).toContainEqual({ kind: 'info', message: expect.stringContaining('--elevation') });
    expect(context.events.some(({ kind }) => kind === 'warning')).toBe(false);
    const high = contextOf(3);
    await stage.run(input, { ...stage.defaults, steps: 2, elevationDeg: 50 }, high);
    expect(high.events).toContainEqual({ kind: 'warning', code: 'elevation', message: expect.stringContaining('50') });
    expect(views).toHaveLength(V);
    for (const { image } of views) {
      let area = 0;
      for (let i = 3; i < image.data.length; i += 4) if (image.data[i]! > 127) area++;
      expect(area).toBe(14 * 15);
      expect([...image.data.slice((8 * SIZE + 8) * 4, (8 * SIZE + 8) * 4 + 4)]).toEqual([63, 63, 63, 255]);
    }
    // the object's middle (20, 20 of 40) lies at 50 + 40, 20 + 40 of the photograph
    const seen = projectPoint(photoCamera!, [0, 0, 0]);
    expect([seen.x, seen.y]).toEqual([expect.closeTo(90, 3), expect.closeTo(60, 3)]);
    expect(seen.depth).toBeCloseTo(1.5, 5);
    expect(photoCamera!.worldFromCamera[13]).toBeCloseTo(orbitCamera(0, DEFAULT_ELEVATION_DEG, 1).worldFromCamera[13]!, 5);
  });

  it('loads the networks of the loop alone, releases them when it is stopped, and repeats with a seed', async () => {
    const fake = await fakeModel();
    const stage = createSyncDreamerStage(fake.bundle, fake.backend);
    expect(stage.defaults).toEqual(SYNCDREAMER_DEFAULTS);
    const run = (seed: number, options: object = {}, context = contextOf(seed)) =>
      stage.run(input, { ...stage.defaults, elevationDeg: 20, steps: 3, ...options }, context);
    await run(1);
    expect(fake.opened).toEqual(['context', 'vaeEncoder', 'spatialVolume', 'frustumVolume', 'unet', 'vaeDecoder']);
    expect([fake.most, fake.open]).toEqual([3, 0]);
    const latents = () => fake.calls.vaeDecoder.splice(0).map(({ z }) => z!.data);
    const first = latents();
    await run(1);
    expect(latents()).toEqual(first);
    await run(2);
    expect(latents()).not.toEqual(first);

    for (const [sampler, steps] of [
      ['ddim', 50],
      ['unipc', 20],
      ['dpm-solver++2m', 20],
    ] as const) {
      fake.calls.spatialVolume.length = 0;
      await run(1, { steps: null, sampler });
      expect(fake.calls.spatialVolume).toHaveLength(steps);
    }
    expect(fake.calls.spatialVolume[0]!.t!.data[0]).toBe(999);

    fake.opened.length = 0;
    await expect(run(1, { steps: 1001 })).rejects.toThrow(OptionError);
    expect(fake.opened).toEqual([]);
    const controller = new AbortController();
    const context = contextOf(1, controller.signal);
    const emit = context.emit;
    context.emit = (event) => {
      emit(event);
      if (event.kind === 'progress') controller.abort(new Error('stop'));
    };
    await expect(run(1, {}, context)).rejects.toThrow('stop');
    expect(fake.open).toBe(0);
  });

  it('refuses a bundle whose rig does not fit together', async () => {
    const { poses, ...rig } = MANIFEST.rig;
    const short = await fakeModel({ ...MANIFEST, rig: { ...rig, poses: poses.slice(12) } });
    expect(() => createSyncDreamerStage(short.bundle, short.backend)).toThrow('expected 3 poses and intrinsics, got 2 and 3');
    const none = await fakeModel({ ...MANIFEST, rig, volume: {} });
    expect(() => createSyncDreamerStage(none.bundle, none.backend)).toThrow(ModelCorruptError);
  });
});
