import { EmptyMaskError, MaskSizeError, ModelCorruptError, maskArea, OptionError } from '@gestalt3d/core';
import { createSchedule, linearSqrtSchedule } from '@gestalt3d/diffusion';
import type { ModelBundle, TensorValue } from '@gestalt3d/onnx';
import { describe, expect, it } from 'vitest';
import { backend, contextOf, maskWhere, paint, tinyBundle } from '../test/helpers.ts';
import { conditionOf, createCompleteStage, cropOf } from './complete.ts';
import { readCompletionModel } from './scheduler.ts';

const [W, H] = [200, 150];
/** A warm disc on grey, its lower part behind a blue bar. */
const disc = (x: number, y: number) => Math.hypot(x - 100, y - 70) < 40;
const bar = (_x: number, y: number) => y > 88 && y < 130;
const photo = paint(W, H, (x, y) => (bar(x, y) ? [20, 40, 200] : disc(x, y) ? [200, 120 + (x % 8) * 4, 60] : [90, 90, 90]));
const mask = maskWhere(W, H, (x, y) => disc(x, y) && !bar(x, y));

describe('complete stage', () => {
  it('keeps the visible part, adds a hidden part that goes on in its colours, and votes', async () => {
    const stage = createCompleteStage({ bundle: await tinyBundle('complete'), backend });
    const context = contextOf(4);
    const set = await stage.run({ photo, mask }, stage.defaults, context);
    expect(set.completions).toHaveLength(4);
    const { width: side } = set.visible;
    expect(side).toBe(256);
    const scale = set.crop.size / side;
    let seen = 0;
    let error = 0;
    let transparent = 0;
    // the colour of what hides it
    let cold = 0;
    for (const { image } of set.completions) {
      let hidden = 0;
      for (let i = 0; i < side * side; i++) {
        if (set.visible.data[i] === 255) {
          const x = Math.floor(set.crop.x + ((i % side) + 0.5) * scale);
          const y = Math.floor(set.crop.y + (Math.floor(i / side) + 0.5) * scale);
          if (image.data[i * 4 + 3] !== 255) transparent++;
          for (const c of [0, 2]) error += (image.data[i * 4 + c]! - photo.data[(y * W + x) * 3 + c]!) ** 2;
          seen += 2;
        } else if (set.visible.data[i] === 0 && image.data[i * 4 + 3]! > 250) {
          hidden++;
          if (image.data[i * 4]! < image.data[i * 4 + 2]! + 50) cold++;
        }
      }
      expect(hidden / maskArea(set.visible)).toBeGreaterThan(0.1);
    }
    expect(transparent).toBe(0);
    expect(cold).toBe(0);
    expect(10 * Math.log10(255 ** 2 / (error / seen))).toBeGreaterThan(30);
    expect(maskArea(set.vote)).toBeGreaterThan(1.1 * maskArea(set.visible));
    const progress = context.events.filter((event) => event.kind === 'progress');
    expect(progress.at(-1)).toMatchObject({ done: 28, total: 28, unit: 'step' });
    expect(context.events.filter((event) => event.kind === 'preview').map((event) => event.index)).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it('draws the same sample whatever the number of samples, and another for another seed', async () => {
    const stage = createCompleteStage({ bundle: await tinyBundle('complete'), backend });
    const run = (samples: number, seed: number) =>
      stage.run({ photo, mask }, { ...stage.defaults, samples, steps: 3, guidance: 2 }, contextOf(seed));
    const [one, six, other] = [await run(1, 4), await run(6, 4), await run(1, 5)];
    expect(six.completions).toHaveLength(6);
    expect(new Set(six.completions.map((c) => c.seed)).size).toBe(6);
    expect(one.completions[0]!.seed).toBe(six.completions[0]!.seed);
    let apart = 0;
    one.completions[0]!.image.data.forEach((v, i) => {
      apart = Math.max(apart, Math.abs(v - six.completions[0]!.image.data[i]!));
    });
    expect(apart).toBeLessThanOrEqual(1);
    expect(other.completions[0]!.image.data).not.toEqual(one.completions[0]!.image.data);
  });

  it('starts from the estimate of a bundle that has one, with as much noise as the model says', async () => {
    const plain = await tinyBundle('complete');
    const { scheduler, graphs } = plain.manifest;
    const manifest = {
      ...plain.manifest,
      graphs: { ...graphs, prior: graphs.denoiser! },
      scheduler: { ...(scheduler as object), startAt: 40, estimate: { bias: 0, sharpness: 1, spread: 0 } },
    };
    const denoiser = await plain.open('denoiser', backend);
    const seen: { t: number; mean: number; spread: number }[] = [];
    const given: unknown[] = [];
    let estimates = 0;
    let open = 0;
    const bundle = {
      id: plain.id,
      manifest,
      open: async (role: string) => ({
        spec: { inputs: [{ name: 'x' }, { name: 'prior' }] },
        runSingle: async (inputs: Record<string, TensorValue>) => {
          if (role === 'prior') {
            estimates++;
            // colour 0.5, and as the logit of alpha what makes 2 alpha - 1 = 0.5: the picture is 0.375, 0.375, 0.375, 0.5
            return new Float32Array(4 * 32 * 32).fill(0.5).fill(Math.log(3), 3 * 32 * 32);
          }
          const { prior, ...rest } = inputs;
          given.push([prior!.dims[0], prior!.data[4 * 32 * 32], prior!.data[2 * 4 * 32 * 32]]);
          const x = inputs.x!.data as Float32Array;
          const mean = x.reduce((sum, v) => sum + v / x.length, 0);
          seen.push({ t: inputs.t!.data[0] as number, mean, spread: Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2 / x.length, 0)) });
          return denoiser.runSingle(rest);
        },
        dispose: async () => void open--,
        opened: open++,
      }),
    } as unknown as ModelBundle;
    const stage = createCompleteStage({ bundle, backend });
    const set = await stage.run({ photo, mask }, { ...stage.defaults, samples: 2, steps: 2, eta: 0, guidance: 2 }, contextOf(4));
    await denoiser.dispose();
    // null condition for two samples, then the estimate for two
    expect(given[0]).toEqual([4, 0, 0.5]);
    expect([estimates, open]).toEqual([1, 0]);
    expect(seen.map(({ t }) => t)).toEqual([39, 19]);
    const alpha = createSchedule({ kind: 'cosine', timesteps: 1000, s: 0.008 }).alphasCumprod[39]!;
    expect(seen[0]!.mean).toBeCloseTo(((3 * 0.375 + 0.5) / 4) * Math.sqrt(alpha), 2);
    expect(seen[0]!.spread).toBeCloseTo(Math.hypot(Math.sqrt(1 - alpha), (0.125 * Math.sqrt(3)) / 4), 2);
    expect(set.completions[0]!.image.data).not.toEqual(set.completions[1]!.image.data);
  });

  it('stops when told', async () => {
    const stage = createCompleteStage({ bundle: await tinyBundle('complete'), backend });
    const controller = new AbortController();
    const context = contextOf(1, controller.signal);
    context.emit = (event) => event.kind === 'progress' && controller.abort(new Error('enough'));
    await expect(stage.run({ photo, mask }, stage.defaults, context)).rejects.toThrow('enough');
  });

  it('refuses what it cannot work with', async () => {
    const stage = createCompleteStage({ bundle: await tinyBundle('complete'), backend });
    const run = (m: typeof mask, options = {}) => stage.run({ photo, mask: m }, { ...stage.defaults, ...options }, contextOf(1));
    await expect(run(maskWhere(W, H, () => false))).rejects.toThrow(EmptyMaskError);
    await expect(run(maskWhere(W, H - 1, () => true))).rejects.toThrow(MaskSizeError);
    for (const options of [{ samples: 0 }, { samples: 2.5 }, { guidance: -1 }, { steps: 0 }, { eta: 2 }])
      await expect(run(mask, options)).rejects.toThrow(OptionError);
  });
});

it('the crop is centred on the visible part and may leave the photograph', () => {
  const corner = maskWhere(W, H, (x, y) => x < 40 && y < 20);
  const crop = cropOf(corner, 2);
  expect(crop).toEqual({ x: -20, y: -30, size: 80 });
  const cond = conditionOf(photo, corner, { x: crop.x, y: crop.y, width: crop.size, height: crop.size }, 16);
  const at = (channel: number, x: number, y: number) => cond[(channel * 16 + y) * 16 + x]!;
  // outside the photograph everything is 0; inside the colours are there, and the visible ones twice
  for (let c = 0; c < 8; c++) expect(at(c, 0, 0)).toBeCloseTo(0, 6);
  expect(at(7, 8, 10)).toBe(1);
  expect(at(3, 8, 8)).toBe(1);
  expect(at(0, 8, 8)).toBeCloseTo(90 / 127.5 - 1, 2);
  expect(at(4, 15, 15)).toBeCloseTo(90 / 127.5 - 1, 2);
  expect(at(0, 15, 15)).toBeCloseTo(0, 6);
});

it('reads the scheduler from the manifest and says what is wrong with it', async () => {
  const bundle = await tinyBundle('complete');
  expect(readCompletionModel(bundle)).toMatchObject({ prediction: 'x0', rule: 'trailing', steps: 7, limit: [-1, 1], size: 32 });
  const broken = { id: 'x', manifest: { ...bundle.manifest, scheduler: { kind: 'sigmoid', prediction: 'v', rule: 'trailing', steps: 0 } } };
  expect(() => readCompletionModel(broken as unknown as ModelBundle)).toThrow(ModelCorruptError);
  expect(() => readCompletionModel(broken as unknown as ModelBundle)).toThrow(/kind.*steps.*eta.*guidance/);
  expect(createSchedule({ kind: 'linear-sqrt' })).toEqual(linearSqrtSchedule());
});
