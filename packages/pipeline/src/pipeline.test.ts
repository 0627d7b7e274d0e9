import {
  createImage,
  EmptyMaskError,
  type ImageCodec,
  orbitCamera,
  type RgbaImage,
  STAGE_NAMES,
  type StageContext,
  type StageEvent,
  type StageName,
} from '@gestalt3d/core';
import { boxMesh } from '@gestalt3d/mesh';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AssetRecord } from './asset-record.ts';
import { createMemoryStore } from './memory-store.test-helper.ts';
import { type ModelChoice, type PipelineDeps, type RunRequest, runPipeline } from './pipeline.ts';
import { type ModelRecord, RunFolder } from './run-folder.ts';
import { resolveRunOptions } from './run-options.ts';

/** Eight bytes of size, then the pixels: enough of a codec to keep pictures apart. */
const codec: ImageCodec = {
  encodePng: async (image) => {
    const out = new Uint8Array(12 + image.data.length);
    new Uint32Array(out.buffer, 0, 3).set([image.width, image.height, image.channels]);
    out.set(image.data, 12);
    return out;
  },
  encodeJpeg: async () => new Uint8Array([1]),
  decode: async (bytes) => {
    const [width, height, channels] = new Uint32Array(bytes.slice(0, 12).buffer);
    const image = createImage(width!, height!, 4);
    for (let i = 0; i < width! * height!; i++)
      for (let c = 0; c < 4; c++)
        image.data[i * 4 + c] =
          channels === 4 ? bytes[12 + i * 4 + c]! : c === 3 ? 255 : bytes[12 + i * channels! + (channels === 3 ? c : 0)]!;
    return image;
  },
};

const picture = (value: number): RgbaImage => ({
  width: 8,
  height: 8,
  channels: 4,
  data: new Uint8Array(256).map((_, i) => (i % 4 === 3 ? 255 : value)),
});
const mask = () => ({ width: 8, height: 8, channels: 1 as const, data: new Uint8Array(64).fill(255) });

/** A model behind a stage, when an option chooses an imported one. */
function modelOf(stage: StageName, choice?: ModelChoice): ModelRecord | undefined {
  const id =
    stage === 'segment' ? choice?.segmenter : stage === 'complete' ? choice?.completionModel : stage === 'views' ? choice?.views : '';
  return id === 'sam' || id === 'pix2gestalt' || id === 'syncdreamer'
    ? { id, revision: '1', licence: `licence of ${id}`, terms: `terms of ${id}`, source: `home of ${id}`, sha256: '0' }
    : undefined;
}

describe('runPipeline', () => {
  let ran: StageName[];
  let recorded: unknown[];
  /** Options that each stage was run with. */
  let asked: Partial<Record<StageName, unknown>>;
  let store: ReturnType<typeof createMemoryStore>;
  /** Called when a stage runs. */
  let inside: (stage: StageName, context: StageContext) => void;

  const deps = (): PipelineDeps => {
    const stage =
      <T>(name: StageName, make: (context: StageContext) => T) =>
      async () => ({
        name,
        version: '1',
        defaults: {} as never,
        run: async (input: { record?: unknown }, options: unknown, context: StageContext) => {
          ran.push(name);
          asked[name] = options;
          if (name === 'mesh') recorded.push(input.record);
          inside(name, context);
          return make(context);
        },
      });
    const mesh = boxMesh([1, 1, 1]);
    return {
      codec,
      identity: async (name, choice) => `${name} ${modelOf(name, choice)?.id}`,
      context: { spawnWorker: null, threads: 1 },
      openGpu: async () => null,
      describeHost: () => ({}),
      modelOf: async (name, choice) => modelOf(name, choice),
      version: '1',
      stages: {
        segment: stage('segment', () => ({ mask: mask() })),
        complete: stage('complete', ({ rng }) => ({
          crop: { x: 0, y: 0, size: 8 },
          completions: [0, 1].map((i) => ({ image: picture(rng.fork(i).integer(200)), seed: i })),
          vote: mask(),
          visible: mask(),
        })),
        views: stage('views', () => ({
          views: [0, 180].map((azimuth) => ({ image: picture(9), camera: orbitCamera(azimuth, 30, 8) })),
          elevationDeg: 20,
          photoCamera: orbitCamera(0, 20, 8),
        })),
        reconstruct: stage('reconstruct', () => ({
          field: {
            kind: 'hash-grid' as const,
            config: {},
            data: new Float32Array(3),
            bounds: { min: [0, 0, 0] as [number, number, number], max: [1, 1, 1] as [number, number, number] },
          },
          mesh,
          stats: {},
        })),
        mesh: stage('mesh', () => ({ mesh, glb: new Uint8Array([7]), report: { triangles: 12 } })),
      },
    };
  };
  const run = async (
    request: Partial<Omit<RunRequest, 'options'>> & { options?: Record<string, unknown> } = {},
    signal = new AbortController().signal,
  ) => {
    ran = [];
    asked = {};
    const events: StageEvent[] = [];
    const { options, ...rest } = request;
    const folder = await RunFolder.open(store);
    await runPipeline(folder, { ...rest, options: resolveRunOptions({ samples: 2, ...options }) }, deps(), signal, (event) =>
      events.push(event),
    );
    return events;
  };
  const input = { photo: picture(100), prompt: { points: [{ x: 1, y: 1, positive: true }] } };

  beforeEach(() => {
    store = createMemoryStore();
    recorded = [];
    inside = () => {};
  });

  it('runs every stage once and reuses all of them the next time', async () => {
    await run(input);
    expect(ran).toEqual([...STAGE_NAMES]);
    const events = await run(input);
    expect(ran).toEqual([]);
    expect(events.map((event) => event.kind === 'end' && event.reused)).toEqual(Array(5).fill(true));
  });

  it.each([
    [{ options: { triangles: 500 } }, ['mesh']],
    [{ options: { printable: true } }, ['mesh']],
    // the asset's record holds the options and the prompt, so the last stage follows even where all before came out the same
    [{ options: { preset: 'fine' } }, ['reconstruct', 'mesh']],
    [{ options: { completion: 1 } }, ['views', 'mesh']],
    [{ options: { elevationDeg: 10 } }, ['views', 'mesh']],
    [{ from: 'reconstruct' }, ['reconstruct', 'mesh']],
    // another model: what it gives is the same here, so that only the record changes
    [{ options: { segmenter: 'sam' } }, ['segment', 'mesh']],
    [{ options: { completionModel: 'pix2gestalt' } }, ['complete', 'mesh']],
    [{ options: { views: 'syncdreamer', viewsSteps: 20 } }, ['views', 'mesh']],
    [{ prompt: { points: [{ x: 2, y: 2, positive: true }] } }, ['segment', 'mesh']],
  ] as const)('repeats only what %j changes', async (change, expected) => {
    await run(input);
    await run({ ...input, ...(change as object) });
    expect(ran).toEqual(expected);
  });

  it('records what made the asset: options as each stage had them, prompt and photograph, no device', async () => {
    await run({ ...input, options: { elevationDeg: 10, preset: 'fine', device: 'cpu' } });
    const first = recorded[0] as { gestalt3d: AssetRecord };
    expect(first.gestalt3d).toMatchObject({
      schemaVersion: 1,
      version: '1',
      photo: { width: 8, height: 8 },
      prompt: input.prompt,
      options: { elevationDeg: 10, preset: 'fine', samples: 2 },
    });
    expect(first.gestalt3d.options).not.toHaveProperty('device');
    // the mesh stage alone, with other options for what came before
    await run({ first: 'mesh', until: 'mesh', options: { triangles: 500 } });
    const second = recorded[1] as { gestalt3d: AssetRecord };
    expect(second.gestalt3d.options).toMatchObject({ elevationDeg: 10, preset: 'fine', triangles: 500 });
    expect(JSON.stringify(recorded)).not.toMatch(/milliseconds|startedAt|memory:/);
  });

  it('hands the settings of imported models to their stages, and their licences to the asset', async () => {
    await run({ ...input, options: { elevationDeg: 10 } });
    expect(asked.complete).toEqual({ samples: 2 });
    expect(asked.views).toEqual({ elevationDeg: 10, member: 'auto' });
    await run({
      ...input,
      options: {
        completionModel: 'pix2gestalt',
        completionSteps: 50,
        completionSampler: 'unipc',
        views: 'syncdreamer',
        viewsGuidance: 1.5,
        elevationDeg: 10,
      },
    });
    expect(ran).toEqual(['complete', 'views', 'mesh']);
    expect(asked.complete).toEqual({ samples: 2, frame: 'photo', steps: 50, guidance: null, sampler: 'unipc' });
    expect(asked.views).toEqual({ elevationDeg: 10, steps: null, guidance: 1.5, sampler: 'ddim' });
    const { gestalt3d } = recorded.at(-1) as { gestalt3d: AssetRecord };
    expect(gestalt3d.models.complete).toMatchObject({ licence: 'licence of pix2gestalt', terms: 'terms of pix2gestalt' });
    expect(gestalt3d.models.views).toMatchObject({ licence: 'licence of syncdreamer', source: 'home of syncdreamer' });
    expect(gestalt3d.models.segment).toBeUndefined();
  });

  it('runs a single stage on what the folder holds, and says what is missing', async () => {
    await run({ ...input, until: 'complete' });
    await run({ first: 'views', until: 'views' });
    expect(ran).toEqual(['views']);
    await expect(run({ first: 'mesh', until: 'mesh' })).rejects.toMatchObject({ code: 'run-folder', stage: 'mesh' });
  });

  it('names the stage that failed and keeps those before it', async () => {
    inside = (stage) => {
      if (stage === 'views') throw new EmptyMaskError('the completion');
    };
    await expect(run(input)).rejects.toMatchObject({ code: 'empty-mask', stage: 'views' });
    inside = () => {};
    await run(input);
    expect(ran).toEqual(['views', 'reconstruct', 'mesh']);
  });

  it('passes an abort through unchanged and writes nothing of the stage it hit', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    inside = (stage) => {
      if (stage === 'reconstruct') controller.abort(reason);
    };
    await expect(run(input, controller.signal)).rejects.toBe(reason);
    expect(store.files.has('surface/field.bin')).toBe(false);
  });

  it('gives a sample the same numbers whatever else is asked for', async () => {
    await run(input);
    const first = store.files.get('completion-0.png');
    store = createMemoryStore();
    await run({ ...input, options: { samples: 5, completion: 1 } });
    expect(store.files.get('completion-0.png')).toEqual(first);
  });

  it('asks for a prompt when there is none', async () => {
    await expect(run({ photo: picture(1) })).rejects.toMatchObject({ code: 'prompt-missing', stage: 'segment' });
  });
});
