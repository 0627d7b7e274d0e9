import { createImage, type Image, ModelCorruptError, OptionError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { fakeBundle } from '../../networks/test/fake-bundle.ts';
import { recognise } from '../src/index.ts';
import { squareOf } from '../src/recognise.ts';
import { paint } from './helpers.ts';

const SIZE = 4;
/** Byte-pair merges that make single tokens of nothing: every letter is one. */
const VOCABULARY = '#version: 0.2\na b\n';
const MANIFEST = {
  preprocessing: { size: SIZE, mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.25, 0.5] },
  logitScale: 2,
  contextLength: 40,
  vocabularySize: 600,
};

/** CLIP whose texts point to red, green or blue by the last letter of the label, and whose pictures are their mean colours. */
async function fakeClip(
  manifest: Record<string, unknown> = MANIFEST,
  vocabulary: Record<string, string> = { 'vocabulary.txt': VOCABULARY },
) {
  const pictures: Float32Array[] = [];
  const texts: number[][] = [];
  const outputs = { embedding: ['B', 3] };
  const model = await fakeBundle(
    manifest,
    {
      image: {
        inputs: { pixels: ['B', 3, SIZE, SIZE] },
        outputs,
        run: ({ pixels }) => {
          const data = pixels!.data as Float32Array;
          pictures.push(data);
          const mean = (c: number): number => data.subarray(c * 16, c * 16 + 16).reduce((a, b) => a + b, 0) / 16;
          return { embedding: { data: Float32Array.from([0, 1, 2], (c) => mean(c) + 3), dims: [1, 3] } };
        },
      },
      text: {
        inputs: { tokens: ['B', 40] },
        dtypes: { tokens: 'int64' },
        outputs,
        run: (feeds) => {
          const tokens = [...feeds.tokens!.data].map(Number);
          texts.push(tokens);
          // the token before the end
          const last = tokens[tokens.indexOf(Math.max(...tokens)) - 1]!;
          return { embedding: { data: Float32Array.from([0, 1, 2], (c) => (last % 3 === c ? 5 : 0)), dims: [1, 3] } };
        },
      },
    },
    vocabulary,
  );
  return { model, pictures, texts };
}

const signal = new AbortController().signal;
const prompt = 'it is {}';

describe('recognise', () => {
  it('is the softmax of scaled cosines, the likeliest first', async () => {
    const { model, texts } = await fakeClip();
    // of the letters x, y, z one each falls to red, green and blue
    const red = paint(8, 8, () => [255, 102, 76]);
    const [found] = await recognise(model, [red], { labels: ['x', 'y', 'z'], prompt }, signal);
    const embedding = [255 / 255 - 0.5, 102 / 255 - 0.4, 76 / 255 - 0.3].map((value, c) => value / [0.2, 0.25, 0.5][c]! + 3);
    const length = Math.hypot(...embedding);
    const axes = texts.map((tokens) => tokens[tokens.indexOf(Math.max(...tokens)) - 1]! % 3);
    expect([...axes].sort()).toEqual([0, 1, 2]);
    const weights = axes.map((axis) => Math.exp((2 * embedding[axis]!) / length));
    const sum = weights.reduce((a, b) => a + b, 0);
    for (const [i, label] of ['x', 'y', 'z'].entries())
      expect(found!.find((row) => row.label === label)!.probability).toBeCloseTo(weights[i]! / sum, 5);
    expect(found!.map(({ probability }) => probability)).toEqual([...found!.map(({ probability }) => probability)].sort((a, b) => b - a));
    expect(axes[['x', 'y', 'z'].indexOf(found![0]!.label)]).toBe(0);
    // start, the words of the prompt, end, zeros
    expect(texts[0]).toHaveLength(40);
    expect(texts[0]!.at(-1)).toBe(0);
    expect(texts[0]![0]).toBe(Math.max(...texts[0]!) - 1);
    expect([model.opened, model.most, model.open]).toEqual([['text', 'image'], 1, 0]);
  });

  it('sees the middle of a photograph, and all of an object with alpha on white', async () => {
    const wide = paint(16, 8, (x) => (x >= 4 && x < 12 ? [51, 102, 204] : [0, 0, 0]));
    const object = createImage(16, 16, 4);
    for (let y = 2; y < 12; y++) for (let x = 6; x < 11; x++) object.data.set([51, 102, 204, 255], (y * 16 + x) * 4);
    expect(squareOf(wide)).toEqual({ x: 4, y: 0, width: 8, height: 8 });
    // ten high, a tenth more on either side
    expect(squareOf(object)).toEqual({ x: 2.5, y: 1, width: 12, height: 12 });
    const opaque: Image<4> = { width: 4, height: 2, channels: 4, data: new Uint8Array(32).fill(255) };
    expect(squareOf(opaque)).toEqual({ x: 1, y: 0, width: 2, height: 2 });
    const { model, pictures } = await fakeClip();
    await recognise(model, [wide, object], { labels: ['x', 'y'], prompt }, signal);
    const colour = (planes: Float32Array, i: number) => [0, 1, 2].map((c) => planes[c * 16 + i]!);
    const normal = (r: number, g: number, b: number) => [(r / 255 - 0.5) / 0.2, (g / 255 - 0.4) / 0.25, (b / 255 - 0.3) / 0.5];
    for (let i = 0; i < 16; i++)
      for (const [c, value] of normal(51, 102, 204).entries()) expect(colour(pictures[0]!, i)[c]).toBeCloseTo(value, 4);
    for (const [c, value] of normal(255, 255, 255).entries()) expect(colour(pictures[1]!, 4)[c]).toBeCloseTo(value, 4);
  });

  it('says what is wrong with labels, prompts and bundles', async () => {
    const { model, pictures } = await fakeClip();
    const asking = (labels: string[], text = prompt) => recognise(model, [paint(4, 4, () => [0, 0, 0])], { labels, prompt: text }, signal);
    for (const labels of [['x'], ['x', 'x'], ['x', ' ']]) await expect(asking(labels)).rejects.toThrow(OptionError);
    await expect(asking(['x', 'y'], 'no place')).rejects.toThrow('{}');
    await expect(asking(['x', 'y'.repeat(60)])).rejects.toThrow('tokens a label');
    expect(pictures).toEqual([]);
    const { model: without } = await fakeClip(MANIFEST, {});
    await expect(recognise(without, [], { labels: ['x', 'y'], prompt }, signal)).rejects.toThrow('--vocabulary');
    const { model: small } = await fakeClip({ ...MANIFEST, vocabularySize: 100 });
    await expect(recognise(small, [], { labels: ['x', 'y'], prompt }, signal)).rejects.toThrow('its weights know 100');
    const { model: other } = await fakeClip({});
    await expect(recognise(other, [], { labels: ['x', 'y'], prompt }, signal)).rejects.toThrow(ModelCorruptError);
  });
});
