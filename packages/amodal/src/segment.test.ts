import {
  createRng,
  EmptyMaskError,
  MaskSizeError,
  maskArea,
  OptionError,
  type Prompt,
  PromptMissingError,
  PromptOutsideImageError,
} from '@gestalt3d/core';
import type { ModelBundle, TensorValue } from '@gestalt3d/onnx';
import { describe, expect, it } from 'vitest';
import { backend, contextOf, iou, maskWhere, paint, tinyBundle } from '../test/helpers.ts';
import { createSegmentStage } from './segment.ts';

const [W, H] = [320, 240];
const apple = (x: number, y: number) => Math.hypot((x - 150) / 60, (y - 120) / 50) < 1;
const box = (x: number, y: number) => x > 230 && x < 300 && y > 60 && y < 180;
const noise = createRng(9);
const grain = Array.from({ length: W * H }, () => noise.normal() * 8);
/** A red object and a green one before a brownish gradient, with grain. */
const photo = paint(W, H, (x, y) => {
  const g = grain[y * W + x]!;
  const [r, gr, b] = apple(x, y) ? [190, 50, 50] : box(x, y) ? [40, 120, 60] : [120 + x / 10, 100 + y / 10, 90];
  return [r + g, gr + g, b + g];
});
const truth = maskWhere(W, H, apple);
const click: Prompt = { points: [{ x: 150, y: 120, positive: true }] };

function run(prompt: Prompt, stage = createSegmentStage()) {
  return stage.run({ photo, prompt }, stage.defaults, contextOf(1));
}

describe('segment stage without a network', () => {
  it('finds the object under a click', async () => {
    expect(iou((await run(click)).mask, truth)).toBeGreaterThan(0.95);
  });

  it('finds the object in a loose box', async () => {
    const { mask } = await run({ points: [], box: { x0: 80, y0: 60, x1: 222, y1: 185 } });
    expect(iou(mask, truth)).toBeGreaterThan(0.95);
  });

  it('follows the edges of a photograph larger than it works on', async () => {
    const k = 4;
    const big = paint(W * k, H * k, (x, y) => (apple(x / k, y / k) ? [190, 50, 50] : [120, 110, 90]));
    const stage = createSegmentStage();
    const prompt = { points: [], box: { x0: 80 * k, y0: 60 * k, x1: 222 * k, y1: 185 * k } };
    const { mask } = await stage.run({ photo: big, prompt }, stage.defaults, contextOf(1));
    expect(mask.width).toBe(W * k);
    expect(
      iou(
        mask,
        maskWhere(W * k, H * k, (x, y) => apple(x / k, y / k)),
      ),
    ).toBeGreaterThan(0.98);
  });

  it('leaves out what a negative point lies on', async () => {
    const both = { x0: 80, y0: 50, x1: 310, y1: 190 };
    const { mask } = await run({ points: [{ x: 265, y: 120, positive: false }, ...click.points], box: both });
    expect(mask.data[120 * W + 265]).toBe(0);
    expect(mask.data[120 * W + 150]).toBe(255);
  });

  it('takes a mask as it is', async () => {
    const soft = { ...truth, data: truth.data.map((v) => (v > 0 ? 200 : 20)) };
    expect(iou((await run({ points: [], mask: soft })).mask, truth)).toBe(1);
  });
});

it('starts from what the network says when there is one', async () => {
  const stage = createSegmentStage({ model: { bundle: await tinyBundle('segment'), backend } });
  expect(iou((await run(click, stage)).mask, truth)).toBeGreaterThan(0.95);
  expect(iou((await run({ points: [], box: { x0: 84, y0: 64, x1: 216, y1: 176 } }, stage)).mask, truth)).toBeGreaterThan(0.95);
});

it('does not forget what the first points found when one more point leads the network astray', async () => {
  const size = 64;
  /** What is red; everything as soon as there are three points. */
  const astray = {
    spec: {},
    runSingle: async ({ image, prompt }: Record<string, TensorValue>) => {
      const pixels = image!.data as Float32Array;
      const marked = (prompt!.data as Float32Array).reduce((sum, v) => sum + v, 0);
      return Float32Array.from({ length: size * size }, (_, i) => (marked > 30 || pixels[i]! - pixels[size * size + i]! > 0.6 ? 4 : -4));
    },
    dispose: async () => {},
  };
  const bundle = {
    manifest: { graphs: { segmenter: {} } },
    graph: () => ({ inputs: [{ dims: ['B', 3, size, size] }] }),
    open: async () => astray,
  } as unknown as ModelBundle;
  const points = [
    { x: 150, y: 120, positive: true },
    { x: 180, y: 130, positive: true },
    { x: 30, y: 200, positive: false },
  ];
  const stage = createSegmentStage({ model: { bundle, backend } });
  expect(iou((await run({ points: points.slice(0, 2) }, stage)).mask, truth)).toBeGreaterThan(0.95);
  expect(iou((await run({ points }, stage)).mask, truth)).toBeGreaterThan(0.95);
});

it('refuses prompts that say nothing', async () => {
  const none = maskWhere(W, H, () => false);
  await expect(run({ points: [] })).rejects.toThrow(PromptMissingError);
  await expect(run({ points: [{ x: 5, y: 5, positive: false }] })).rejects.toThrow(PromptMissingError);
  await expect(run({ points: [{ x: W, y: 5, positive: true }] })).rejects.toThrow(PromptOutsideImageError);
  await expect(run({ points: [], box: { x0: -1, y0: 0, x1: 10, y1: 10 } })).rejects.toThrow(PromptOutsideImageError);
  await expect(run({ points: [], box: { x0: 20, y0: 0, x1: 10, y1: 10 } })).rejects.toThrow(PromptOutsideImageError);
  await expect(run({ points: [], mask: none })).rejects.toThrow(EmptyMaskError);
  await expect(run({ points: [], mask: { ...none, width: H, height: W } })).rejects.toThrow(MaskSizeError);
  const stage = createSegmentStage();
  await expect(stage.run({ photo, prompt: click }, { resolution: 1 }, contextOf(1))).rejects.toThrow(OptionError);
  await expect(stage.run({ photo, prompt: click }, stage.defaults, contextOf(1, AbortSignal.abort(new Error('no'))))).rejects.toThrow('no');
});

it('works on tiny pictures and on flat ones', async () => {
  const stage = createSegmentStage();
  const flat = paint(40, 30, () => [90, 90, 90]);
  const { mask } = await stage.run(
    { photo: flat, prompt: { points: [], box: { x0: 10, y0: 8, x1: 30, y1: 24 } } },
    stage.defaults,
    contextOf(1),
  );
  expect(maskArea(mask)).toBeGreaterThan(100);
  // nothing stands out under a click there
  const click = stage.run({ photo: flat, prompt: { points: [{ x: 1, y: 1, positive: true }] } }, stage.defaults, contextOf(1));
  await expect(click).rejects.toThrow(EmptyMaskError);
});
