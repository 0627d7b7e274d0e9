import { EmptyMaskError, ModelCorruptError, maskArea, PromptOutsideImageError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { fakeBundle } from '../../networks/test/fake-bundle.ts';
import { createSamStage } from '../src/index.ts';
import { contextOf, maskWhere, paint } from './helpers.ts';

/** Side of the padded picture, of the decoder's masks. */
const [SIZE, SIDE] = [64, 16];
const MANIFEST = {
  preprocessing: { size: SIZE, mean: [123.675, 116.28, 103.53], deviation: [58.395, 57.12, 57.375] },
  threshold: 0,
};

type Feeds = Record<string, { data: Float32Array; dims: readonly number[] }>;

/** @param logit of the first of four masks at a pixel of the padded picture, 0..1 */
async function fakeSam(logit: (u: number, v: number) => number, manifest: Record<string, unknown> = MANIFEST) {
  const calls: { image: Feeds[]; decoder: Feeds[] } = { image: [], decoder: [] };
  const fake = await fakeBundle(manifest, {
    image: {
      inputs: { image: [1, 3, SIZE, SIZE] },
      outputs: { embedding: [1, 2, 4, 4] },
      run: (feeds) => {
        calls.image.push(feeds as never);
        return { embedding: { data: new Float32Array(32).fill(7), dims: [1, 2, 4, 4] } };
      },
    },
    decoder: {
      inputs: { embedding: [1, 2, 4, 4], points: [1, 'N', 2], labels: [1, 'N'], mask: [1, 1, SIDE, SIDE], hasMask: [1] },
      outputs: { masks: [1, 4, SIDE, SIDE], quality: [1, 4] },
      run: (feeds) => {
        calls.decoder.push(feeds as never);
        const masks = Float32Array.from({ length: 4 * SIDE ** 2 }, (_, i) =>
          // the other three say the opposite
          i < SIDE ** 2 ? logit(((i % SIDE) + 0.5) / SIDE, (Math.floor(i / SIDE) + 0.5) / SIDE) : 1,
        );
        return { masks: { data: masks, dims: [1, 4, SIDE, SIDE] }, quality: { data: new Float32Array(4), dims: [1, 4] } };
      },
    },
  });
  return Object.assign(fake, { calls });
}

// 4 : 3, so that the padded picture's lower quarter is empty
const photo = paint(200, 150, (x, y) => [x, y, 7]);
const points = [
  { x: 50, y: 75, positive: true },
  { x: 120, y: 30, positive: false },
];

describe('the segment stage on SAM', () => {
  it('pads the photograph to the right and below, and asks with points in the padded picture’s pixels', async () => {
    const fake = await fakeSam((u) => (u < 0.5 ? 3 : -3));
    const stage = createSamStage(fake);
    const { mask } = await stage.run({ photo, prompt: { points } }, {}, contextOf(1));
    expect(fake.opened).toEqual(['image', 'decoder']);
    expect([fake.most, fake.open]).toEqual([1, 0]);
    const image = fake.calls.image[0]!.image!.data;
    const at = (c: number, x: number, y: number): number => image[(c * SIZE + y) * SIZE + x]!;
    // 200 x 150 become 64 x 48
    expect(at(2, 63, 47)).toBeCloseTo((7 - 103.53) / 57.375, 5);
    for (const c of [0, 1, 2]) expect([at(c, 0, 48), at(c, 63, 63)]).toEqual([0, 0]);
    const colour = at(0, 32, 5) * 58.395 + 123.675;
    expect(Math.abs(colour - 32.5 * 3.125 + 0.5)).toBeLessThan(1);

    const { embedding, points: asked, labels, hasMask } = fake.calls.decoder[0]!;
    expect(embedding!.data[5]).toBe(7);
    // without a box a padding point comes last
    const expected = [50, 75, 120, 30, 0, 0].map((value) => (value * 64) / 200);
    for (const [i, value] of expected.entries()) expect(asked!.data[i]).toBeCloseTo(value, 5);
    expect([...labels!.data]).toEqual([1, 0, -1]);
    expect([...hasMask!.data]).toEqual([0]);
    for (let y = 0; y < 150; y += 10) for (let x = 0; x < 200; x++) expect(mask.data[y * 200 + x]).toBe(x < 100 ? 255 : 0);
  });

  it('asks with the corners of a box', async () => {
    const fake = await fakeSam((_, v) => 0.375 - v);
    const { mask } = await createSamStage(fake).run(
      { photo, prompt: { points: [points[0]!], box: { x0: 10, y0: 20, x1: 190, y1: 140 } } },
      {},
      contextOf(1),
    );
    const { points: asked, labels } = fake.calls.decoder[0]!;
    for (const [i, value] of [50, 75, 10, 20, 190, 140].entries()) expect(asked!.data[i]).toBeCloseTo((value * 64) / 200, 5);
    expect([...labels!.data]).toEqual([1, 2, 3]);
    // 0.375 of the padded height is half of the picture's
    for (let y = 0; y < 150; y++) expect(mask.data[y * 200 + 33]).toBe(y < 75 ? 255 : 0);
  });

  it('takes a mask as it is and loads nothing for it', async () => {
    const fake = await fakeSam(() => 0);
    const given = maskWhere(200, 150, (x) => x < 20);
    const { mask } = await createSamStage(fake).run({ photo, prompt: { points: [], mask: given } }, {}, contextOf(1));
    expect(mask).toEqual(given);
    expect(maskArea(mask)).toBe(20 * 150);
    expect(fake.opened).toEqual([]);
  });

  it('says what is wrong: nothing found, a point outside, another bundle, an abort', async () => {
    const fake = await fakeSam(() => -1);
    const stage = createSamStage(fake);
    await expect(stage.run({ photo, prompt: { points } }, {}, contextOf(1))).rejects.toThrow(EmptyMaskError);
    const outside = { points: [{ x: 200, y: 0, positive: true }] };
    await expect(stage.run({ photo, prompt: outside }, {}, contextOf(1))).rejects.toThrow(PromptOutsideImageError);
    await expect(stage.run({ photo, prompt: { points } }, {}, contextOf(1, AbortSignal.abort(new Error('stop'))))).rejects.toThrow('stop');
    const other = await fakeSam(() => 0, { preprocessing: { size: SIZE } });
    expect(() => createSamStage(other)).toThrow(ModelCorruptError);
  });
});
