import {
  type Asset,
  type CompletionSet,
  createImage,
  type ImageCodec,
  type Mask,
  type MultiView,
  NoSurfaceError,
  orbitCamera,
  type RgbaImage,
  rigCameras,
  type Stage,
  type Surface,
} from '@gestalt3d/core';
import {
  type EvaluationEvents,
  type EvaluationObject,
  type EvaluationOptions,
  type EvaluationReport,
  planSamples,
  resolveEvaluationOptions,
  runEvaluation,
} from '@gestalt3d/evaluation';
import { boxMesh, joinParts, sphereMesh } from '@gestalt3d/mesh';
import type { PipelineDeps } from '@gestalt3d/pipeline';
import { beforeAll, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../pipeline/src/memory-store.test-helper.ts';

const objectOf = (
  id: string,
  mesh: { positions: Float32Array; indices: Uint32Array },
  color: [number, number, number],
): EvaluationObject => ({
  id,
  name: id.toUpperCase(),
  hash: `hash-${id}`,
  load: async () => joinParts([{ ...mesh, material: { color, repeat: true } }]),
});
const OBJECTS = [objectOf('ball', sphereMesh(0.5, 24, 12), [40, 90, 200]), objectOf('box', boxMesh(1, 0.7, 0.6), [200, 60, 40])];

/** Pictures as their own bytes, so that nothing is lost and no codec is needed. */
const codec: ImageCodec = {
  encodePng: async ({ width, height, channels, data }) => {
    const bytes = new Uint8Array(6 + data.length);
    bytes.set(new Uint8Array(Uint16Array.of(width, height, channels).buffer));
    bytes.set(data, 6);
    return bytes;
  },
  encodeJpeg: async (image) => codec.encodePng(image),
  decode: async (bytes) => {
    const [width, height, channels] = new Uint16Array(bytes.slice(0, 6).buffer) as unknown as [number, number, number];
    const image = createImage(width, height, 4);
    for (let i = 0; i < width * height; i++)
      for (let c = 0; c < 4; c++)
        image.data[i * 4 + c] = c === 3 && channels < 4 ? 255 : bytes[6 + i * channels + (channels === 1 ? 0 : c)]!;
    return image;
  },
};

/** Stages that answer at once: completions are the visible part or all of the crop, every surface is a ball. */
function fakes(onRun: (stage: string) => void = () => {}, surface: () => void = () => {}): PipelineDeps {
  const stage =
    <In, Out>(name: string, run: (input: In) => Out): (() => Promise<Stage<In, Out, never>>) =>
    async () =>
      ({
        name,
        version: '1',
        defaults: {},
        run: async (input: In) => {
          onRun(name);
          return run(input);
        },
      }) as unknown as Stage<In, Out, never>;
  const stages = {
    segment: stage('segment', () => ({})),
    complete: stage('complete', ({ photo, mask }: { photo: RgbaImage; mask: Mask }): CompletionSet => {
      const image = (grow: boolean): RgbaImage => {
        const data = photo.data.slice();
        for (let i = 0; i < mask.data.length; i++) data[i * 4 + 3] = grow ? 255 : mask.data[i]!;
        return { ...photo, data };
      };
      const completions = [false, true, false, false].map((grow, seed) => ({ image: image(grow), seed }));
      return { crop: { x: 0, y: 0, size: photo.width }, completions, vote: mask, visible: mask };
    }),
    views: stage(
      'views',
      (): MultiView => ({
        views: rigCameras(64).map((camera) => ({ image: createImage(64, 64, 4), camera })),
        elevationDeg: 20,
        photoCamera: orbitCamera(0, 20, 256),
      }),
    ),
    reconstruct: stage('reconstruct', (): Surface => {
      surface();
      return { mesh: sphereMesh(0.45, 24, 12) } as Surface;
    }),
    mesh: stage('mesh', ({ surface: { mesh } }: { surface: Surface }): Asset => ({ mesh, glb: new Uint8Array(0), report: {} })),
  };
  return {
    stages: stages as unknown as PipelineDeps['stages'],
    codec,
    identity: async (name) => `${name} 1`,
    context: { spawnWorker: null, threads: 1 },
    openGpu: async () => null,
    modelOf: async () => undefined,
    version: '0',
    describeHost: () => ({ gestalt3d: '0', node: 'v0', platform: 'test', cpu: {}, peakMemoryBytes: Math.random() }),
  };
}

const SILENT: EvaluationEvents = { onSample: () => {}, onVariant: () => {}, onSkip: () => {} };
const INPUT = {
  objects: OBJECTS,
  occluders: OBJECTS,
  backdrops: { photos: [], hash: 'none' },
  unreadable: [{ what: 'broken.glb', reason: 'cut short' }],
};
const OPTIONS = resolveEvaluationOptions({ samples: 1, device: 'cpu' });
const run = (deps: PipelineDeps, store = createMemoryStore(), signal = new AbortController().signal, options = OPTIONS, events = SILENT) =>
  runEvaluation(INPUT, options, deps, store, signal, events);

describe('runEvaluation', { timeout: 240_000 }, () => {
  const finished = createMemoryStore();
  const copyOf = ({ files }: { files: Map<string, Uint8Array> }) => createMemoryStore(new Map(files));
  let report: EvaluationReport;
  const skipped: string[] = [];
  beforeAll(async () => {
    report = await run(fakes(), finished, undefined, OPTIONS, { ...SILENT, onSkip: (what) => skipped.push(what) });
  }, 240_000);

  it('reports every variant, with null where a figure does not apply, and what was left out', () => {
    expect(JSON.parse(new TextDecoder().decode(finished.files.get('report.json')))).toEqual(report);
    expect(report.samples.map(({ id }) => id)).toEqual(['000-ball']);
    expect(skipped).toEqual(['broken.glb']);
    expect(report.skipped).toEqual(INPUT.unreadable);
    for (const name of ['visible', 'completed', 'best3', 'vote', 'whole'] as const)
      for (const key of ['chamfer', 'iou', 'psnr', 'ssim', 'maskIou'] as const)
        expect(report.summary[name]![key], `${name} ${key}`).toEqual(expect.any(Number));
    for (const key of ['chamfer', 'iou', 'psnr', 'ssim'] as const) expect(report.summary.hull![key]).toBeNull();
    expect(report.summary.hull!.maskIou).toEqual(expect.any(Number));
    expect(report.summary.drawn!.iou).toBeNull();
    expect(report.summary.inflated!.maskIou).toBeNull();
    expect(report.summary.inflated!.iou).toEqual(expect.any(Number));
    expect(report.summary.trueViews).toBeNull();
    expect(report.summary.whole!.maskIou).toBe(1);
    expect(report.byBand.map(({ samples }) => samples)).toEqual([1, 0, 0, 0]);
    const { band, hidden, variants } = report.samples[0]!;
    expect(hidden).toBeGreaterThanOrEqual(band[0]!);
    expect(hidden).toBeLessThan(band[1]!);
    // the first completion is the visible part, the second the whole picture: the best of three by the true mask is the first
    expect(variants.completed!.mask.iou).toBeCloseTo(variants.visible!.mask.iou, 12);
    expect(variants.best3!.solid).toEqual(variants.completed!.solid);
    // of the four, three are the visible part and one is the whole photograph
    const { both, either } = variants.visible!.mask;
    expect(variants.drawn!.mask).toMatchObject({ both: 3 * both + either, either: 3 * either + 256 ** 2 });
    expect(variants.drawn!.mask.iou).toBeCloseTo((3 * (both / either) + either / 256 ** 2) / 4, 12);
    expect(Math.abs(variants.visible!.mask.iou - (1 - hidden))).toBeLessThan(0.02);
    // the fake surface is a ball of radius 0.45, the truth one of radius 0.5
    expect(Math.abs(variants.whole!.solid!.chamfer - 0.05)).toBeLessThan(0.006);
    expect(Math.abs(variants.whole!.solid!.iou - 0.9 ** 3)).toBeLessThan(0.03);
    expect(variants.whole!.solid!.scaled.scale).toBeCloseTo(1 / 0.9, 2);
    expect(variants.whole!.solid!.scaled.iou).toBeGreaterThan(0.95);
  });

  it('writes pages whose pictures are there', () => {
    const pages = ['report.md', 'index.html'].map((name) => new TextDecoder().decode(finished.files.get(name)));
    for (const page of pages) expect(page).toContain('000-ball');
    const pictures = [...pages[1]!.matchAll(/src="([^"]+)"/g)].map(([, file]) => decodeURIComponent(file!));
    expect(pictures.length).toBeGreaterThan(12);
    for (const file of pictures) expect(finished.files.has(file), file).toBe(true);
  });

  it('repeats nothing, and writes the same bytes again', async () => {
    const again: string[] = [];
    const store = copyOf(finished);
    await run(
      fakes((stage) => again.push(stage)),
      store,
    );
    expect(again).toEqual([]);
    for (const name of ['report.json', 'report.md', 'index.html']) expect(store.files.get(name)).toEqual(finished.files.get(name));
  });

  it('goes on after an abort from where it was', async () => {
    const store = copyOf(finished);
    for (const name of ['completed', 'vote']) store.files.delete(`samples/000-ball/${name}.json`);
    const controller = new AbortController();
    const first: string[] = [];
    const stop = fakes((stage) => {
      first.push(stage);
      if (stage === 'mesh') controller.abort(new DOMException('stopped', 'AbortError'));
    });
    await expect(run(stop, store, controller.signal)).rejects.toThrow('stopped');
    expect(first).toEqual(['views', 'reconstruct', 'mesh']);
    const second: string[] = [];
    await run(
      fakes((stage) => second.push(stage)),
      store,
    );
    // a fake does not look at the signal, so what it was about got finished; completions were kept
    expect(second).toEqual(['views', 'reconstruct', 'mesh']);
    expect(store.files.get('report.json')).toEqual(finished.files.get('report.json'));
  });

  it('measures anew what follows from something else, and what was cut short', async () => {
    const store = copyOf(finished);
    const again: string[] = [];
    const deps = fakes((stage) => again.push(stage));
    const few = { ...OPTIONS, only: ['visible', 'completed'] as EvaluationOptions['only'] };
    await run({ ...deps, identity: async (name) => (name === 'complete' ? 'complete 2' : `${name} 1`) }, store, undefined, few);
    expect(again).toEqual(['complete', 'views', 'reconstruct', 'mesh']);
    store.files.set('samples/000-ball/visible.json', finished.files.get('samples/000-ball/visible.json')!.slice(0, 40));
    again.length = 0;
    await run(deps, store, undefined, { ...few, only: ['visible'] });
    expect(again).toEqual(['views', 'reconstruct', 'mesh']);
  });

  it('counts a sample without a surface as nothing, and says so', async () => {
    const nothing = () => {
      throw new NoSurfaceError('nothing solid');
    };
    const { samples, summary } = await run(fakes(undefined, nothing), createMemoryStore(), undefined, { ...OPTIONS, only: ['completed'] });
    const { completed } = samples[0]!.variants;
    expect(completed!.failure).toContain('nothing solid');
    expect(completed!.solid!.iou).toBe(0);
    expect(completed!.solid!.chamfer).toBeGreaterThan(0.1);
    expect(summary.completed!.failed).toBe(1);
    expect(samples[0]!.reasons[0]).toContain('no surface');
    expect(summary.visible).toBeNull();
  });
});

describe('planSamples', () => {
  const ids = Array.from({ length: 30 }, (_, i) => `object-${i}`);
  it('60 samples: every object twice in two bands, all bands alike, the start of a longer plan is the shorter plan', () => {
    const plan = planSamples(ids, 7, null);
    expect(plan).toHaveLength(60);
    const bands = [0, 0, 0, 0];
    for (const { band } of plan) bands[band]!++;
    expect(Math.max(...bands) - Math.min(...bands)).toBeLessThanOrEqual(2);
    for (let k = 0; k < 30; k++) expect(Math.abs(plan[k]!.band - plan[k + 30]!.band)).toBe(2);
    expect(planSamples(ids, 7, 6)).toEqual(plan.slice(0, 6));
    expect(new Set(plan.map(({ seed }) => seed)).size).toBe(60);
    expect(planSamples(ids, 8, 1)[0]!.seed).not.toBe(plan[0]!.seed);
  });
});

describe('resolveEvaluationOptions', () => {
  it.each([
    [{ samples: 0 }, 'samples'],
    [{ preset: 'quick' }, 'preset'],
    [{ only: ['whole', 'sides'] }, 'only'],
    [{ seed: -1 }, 'seed'],
    [{ device: 'tpu' }, 'device'],
  ])('refuses %o', (given, name) => expect(() => resolveEvaluationOptions(given)).toThrow(name));
  it('keeps variants in their own order', () =>
    expect(resolveEvaluationOptions({ only: ['whole', 'visible'] }).only).toEqual(['visible', 'whole']));
});
