import {
  breathe,
  type Mask,
  OptionError,
  type Prompt,
  type RgbaImage,
  type RgbImage,
  type Segmentation,
  type Stage,
  type StageContext,
} from '@gestalt3d/core';
import type { InferenceBackend, ModelBundle } from '@gestalt3d/onnx';
import { clickPrior, connection, type Look, TRUST } from './click.ts';
import { frameOf, growRegion, shrink } from './frame.ts';
import { checkMask, checkPrompt, givenMask } from './prompt.ts';
import { type Prior, refine } from './refine.ts';
import { type Evidence, openSegmenter, type Segmenter } from './segmenter.ts';
import { upsampleLabels } from './upsample.ts';

export interface SegmentInput {
  photo: RgbImage | RgbaImage;
  prompt: Prompt;
}

export interface SegmentOptions {
  /** Longest side in pixels of the picture that edges are sought in. */
  resolution: number;
}

export interface SegmentDeps {
  /** The network that proposes a coarse mask; without it boxes and clicks start from colours alone. */
  model?: { bundle: ModelBundle; backend: InferenceBackend };
}

/** Longest side of the copy of the photograph that everything but the last upsampling works on. */
const WORKING_COPY = 1200;

/** Points that are followed one by one; earlier ones are taken together. */
const STEPS = 6;

/** The visible part of the object that points, a box or a mask mean. */
export function createSegmentStage({ model }: SegmentDeps = {}): Stage<SegmentInput, Segmentation, SegmentOptions> {
  return {
    name: 'segment',
    version: '2',
    defaults: { resolution: 400 },
    async run(input, options, context) {
      context.signal.throwIfAborted();
      checkPrompt(input.prompt, input.photo);
      if (!(options.resolution >= 64 && options.resolution <= 2048))
        throw new OptionError('resolution', 'a number of pixels from 64 to 2048', String(options.resolution));
      if (model === undefined || input.prompt.mask !== undefined) return segment(input, options, context, undefined);
      const segmenter = await openSegmenter(model.bundle, model.backend);
      try {
        return await segment(input, options, context, segmenter);
      } finally {
        await segmenter.dispose();
      }
    },
  };
}

async function segment(
  { photo, prompt }: SegmentInput,
  options: Readonly<SegmentOptions>,
  context: StageContext,
  segmenter: Segmenter | undefined,
): Promise<Segmentation> {
  const { signal } = context;
  if (prompt.mask !== undefined) return { mask: givenMask(prompt.mask) };
  const total = 3;
  const { image, factor } = shrink(photo, WORKING_COPY);
  const small = scalePrompt(prompt, factor, image);
  const looks: Look[] = [];
  for (const grown of growing(small)) looks.push({ prompt: grown, evidence: await segmenter?.look(image, grown, signal) });
  const prior =
    small.box !== undefined
      ? boxPrior(image, small, small.box, options.resolution, looks[0]!.evidence)
      : clickPrior(image, looks, options.resolution);
  context.emit({ kind: 'progress', done: 1, total, unit: 'step' });
  await breathe(signal);
  const labels = refine(image, small, prior);
  context.emit({ kind: 'progress', done: 2, total, unit: 'step' });
  await breathe(signal);
  const { frame } = prior;
  const mask: Mask = upsampleLabels(labels, { ...frame, x: frame.x * factor, y: frame.y * factor, scale: frame.scale * factor }, photo);
  checkMask(mask, prompt.box === undefined ? 'the points' : 'the box');
  context.emit({ kind: 'progress', done: 3, total, unit: 'step' });
  return { mask };
}

/** Points come one after the other, each for what was wrong so far: the prompts on the way, from the first with a positive point. A box needs no way. */
function growing(prompt: Prompt): Prompt[] {
  const { points, box } = prompt;
  if (box !== undefined) return [prompt];
  const first = points.findIndex((point) => point.positive);
  const from = Math.max(first + 1, points.length - STEPS + 1);
  return Array.from({ length: points.length - from + 1 }, (_, i) => ({ points: points.slice(0, from + i) }));
}

function scalePrompt(prompt: Prompt, factor: number, image: { width: number; height: number }): Prompt {
  const points = prompt.points.map(({ x, y, positive }) => ({ x: x / factor, y: y / factor, positive }));
  if (prompt.box === undefined) return { points };
  const { x0, y0, x1, y1 } = prompt.box;
  return {
    points,
    box: { x0: x0 / factor, y0: y0 / factor, x1: Math.min(x1 / factor, image.width), y1: Math.min(y1 / factor, image.height) },
  };
}

/** A box: likely inside its inscribed ellipse, unlikely in its corners, what its points are connected with, and what the network says. */
function boxPrior(image: RgbImage, prompt: Prompt, box: NonNullable<Prompt['box']>, resolution: number, evidence?: Evidence): Prior {
  const frame = frameOf(growRegion(box, 0.2, image), resolution, 2);
  const logOdds = new Float32Array(frame.width * frame.height);
  const logits = evidence?.logitsOn(frame);
  const connected = connection(image, prompt, box);
  const [rx, ry] = [(box.x1 - box.x0) / 2, (box.y1 - box.y0) / 2];
  for (let y = 0; y < frame.height; y++)
    for (let x = 0; x < frame.width; x++) {
      const dx = (frame.x + (x + 0.5) * frame.scale - box.x0 - rx) / rx;
      const dy = (frame.y + (y + 0.5) * frame.scale - box.y0 - ry) / ry;
      const i = y * frame.width + x;
      logOdds[i] = Math.max(-2, 2 * (1.05 - dx * dx - dy * dy)) + TRUST * (logits?.[i] ?? 0) + (connected?.(frame, i) ?? 0);
    }
  return { frame, logOdds };
}
