import { createImage, EmptyMaskError, ModelCorruptError, OptionError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { fakeBundle } from '../../networks/test/fake-bundle.ts';
import { cropToObject, recogniseEmbedded } from '../src/index.ts';
import { backend, loadBundle, maskWhere, paint } from './helpers.ts';

const SIZE = 4;
const MANIFEST = { preprocessing: { size: SIZE }, logitScale: 2 };
/** Rows (0,0,0) (64,0,0) (0,64,0) (0,0,64), each times 0.5 */
const FILES = {
  'vocab.txt': '[UNK]\nred\ngreen\nblue\n',
  'tokens.i8': '\0\0\0@\0\0\0@\0\0\0@',
  'scales.f32': '\0\0\0?'.repeat(4),
  'names.txt': 'blue\nred\n',
};

/** A tower that answers with the mean of each colour plane, and keeps what it was shown. */
async function fakeTower(manifest: Record<string, unknown> = MANIFEST, files: Record<string, string> = FILES, dims = 3) {
  const pictures: Float32Array[] = [];
  const model = await fakeBundle(
    manifest,
    {
      image: {
        inputs: { picture: ['B', 4, SIZE, SIZE] },
        outputs: { embedding: ['B', dims] },
        run: ({ picture }) => {
          const data = picture!.data as Float32Array;
          pictures.push(data);
          const mean = (c: number): number => data.subarray(c * 16, c * 16 + 16).reduce((a, b) => a + b, 0) / 16;
          const length = Math.hypot(mean(0), mean(1), mean(2));
          return { embedding: { data: Float32Array.from({ length: dims }, (_, c) => mean(c) / length), dims: [1, dims] } };
        },
      },
    },
    files,
  );
  return { model, pictures };
}

const signal = new AbortController().signal;

describe('recogniseEmbedded', () => {
  it('is the softmax of scaled cosines with the texts, the likeliest first', async () => {
    const { model, pictures } = await fakeTower();
    const picture = paint(8, 8, () => [255, 204, 51]);
    const [found] = await recogniseEmbedded(model, [picture], { labels: ['blue', 'red', 'green red'] }, signal);
    const colour = [1, 0.6, -0.6].map((value) => value / Math.hypot(1, 0.6, -0.6));
    const cosines = { red: colour[0]!, 'green red': (colour[0]! + colour[1]!) / Math.SQRT2, blue: colour[2]! };
    const sum = Object.values(cosines).reduce((total, value) => total + Math.exp(2 * value), 0);
    expect(found!.map(({ label }) => label)).toEqual(['green red', 'red', 'blue']);
    for (const { label, probability } of found!)
      expect(probability).toBeCloseTo(Math.exp(2 * cosines[label as keyof typeof cosines]) / sum, 4);
    expect([...pictures[0]!.subarray(48)]).toEqual(new Array(16).fill(1));
    expect([model.opened, model.open]).toEqual([['image'], 0]);
  });

  it('falls back on the names of the bundle', async () => {
    const { model } = await fakeTower();
    const [found] = await recogniseEmbedded(model, [paint(4, 4, () => [250, 20, 20])], {}, signal);
    expect(found!.map(({ label }) => label)).toEqual(['red', 'blue']);
  });

  it('sees objects in the square round them, their colours times alpha', async () => {
    const { model, pictures } = await fakeTower();
    const object = createImage(40, 40, 4);
    // 10 x 20 pixels; a tenth more of 20 on either side makes 24
    for (let y = 5; y < 25; y++) for (let x = 20; x < 30; x++) object.data.set([255, 0, 0, 255], (y * 40 + x) * 4);
    await recogniseEmbedded(model, [object], {}, signal);
    const [red, green, alpha] = [0, 1, 3].map((c) => pictures[0]!.subarray(c * 16, c * 16 + 16));
    // pixels of 6: the object covers x 7..17 of 24 and y 2..22
    const across = [0, 5 / 6, 5 / 6, 0];
    const down = [4 / 6, 1, 1, 4 / 6];
    for (let i = 0; i < 16; i++) {
      const covered = across[i % 4]! * down[i >> 2]!;
      expect(alpha![i]).toBeCloseTo(covered, 2);
      expect(red![i]).toBeCloseTo(alpha![i]!, 6);
      expect(green![i]).toBeCloseTo(-alpha![i]!, 6);
    }
  });

  it('refuses labels it cannot tell apart or read, and bundles of another kind', async () => {
    const { model } = await fakeTower();
    const picture = paint(4, 4, () => [250, 20, 20]);
    for (const labels of [[], ['red'], ['red', 'red'], ['red', ' '], ['red', 'purple']])
      await expect(recogniseEmbedded(model, [picture], { labels }, signal)).rejects.toThrow(OptionError);
    for (const [manifest, files] of [
      [{ ...MANIFEST, logitScale: 0 }, FILES],
      [{ logitScale: 2 }, FILES],
      [MANIFEST, { 'vocab.txt': FILES['vocab.txt'] }],
      [MANIFEST, { ...FILES, 'scales.f32': '\0\0\0?' }],
    ] as const) {
      const other = await fakeTower(manifest, files);
      await expect(recogniseEmbedded(other.model, [picture], {}, signal)).rejects.toThrow(ModelCorruptError);
    }
    const narrow = await fakeTower(MANIFEST, FILES, 2);
    await expect(recogniseEmbedded(narrow.model, [picture], {}, signal)).rejects.toThrow('its pictures have 2 dimensions, its texts 3');
    const reason = new Error('enough');
    await expect(recogniseEmbedded(model, [picture], {}, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(model.open).toBe(0);
  });
});

describe('cropToObject', () => {
  it('is the square round the mask, half as wide again, grey outside the photograph', () => {
    const photo = paint(30, 20, (x, y) => [8 * x, 8 * y, 0]);
    // 8 x 4 at the left border: a square of 12 from x = -2
    const crop = cropToObject(
      photo,
      maskWhere(30, 20, (x, y) => x < 8 && y >= 10 && y < 14),
    );
    expect([crop.width, crop.height, crop.channels]).toEqual([12, 12, 3]);
    for (let y = 0; y < 12; y++)
      for (let x = 0; x < 12; x++)
        expect([...crop.data.subarray((y * 12 + x) * 3, (y * 12 + x) * 3 + 3)]).toEqual(
          x < 2 ? [128, 128, 128] : [8 * (x - 2), 8 * (y + 6), 0],
        );
    expect(() => cropToObject(photo, createImage(30, 20, 1))).toThrow(EmptyMaskError);
  });
});

describe('the bundle that ships', async () => {
  const bundle = (await loadBundle(new URL('../../../models/recognise/', import.meta.url)))!;
  const disc = createImage(64, 64, 4);
  for (let y = 0; y < 64; y++)
    for (let x = 0; x < 64; x++)
      if (Math.hypot(x - 31.5, y - 31.5) < 25)
        disc.data.set(Math.hypot(x - 31.5, y - 31.5) < 8 ? [20, 20, 20, 255] : [230, 120, 30, 255], (y * 64 + x) * 4);

  it('knows its names, each once, and gives the same answer twice', async () => {
    const [first] = await recogniseEmbedded({ bundle, backend }, [disc], {}, signal);
    expect(first!.length).toBeGreaterThan(1000);
    expect(first!.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
    const [again] = await recogniseEmbedded({ bundle, backend }, [disc], {}, signal);
    expect(again).toEqual(first);
  });

  it('does not depend on the order of the labels, nor on the other pictures', async () => {
    const labels = ['mug', 'elephant', 'street lamp', 'pizza'];
    const [alone] = await recogniseEmbedded({ bundle, backend }, [disc], { labels }, signal);
    const [, beside] = await recogniseEmbedded(
      { bundle, backend },
      [paint(9, 5, () => [9, 90, 9]), disc],
      { labels: [...labels].reverse() },
      signal,
    );
    expect(beside!.map(({ label }) => label)).toEqual(alone!.map(({ label }) => label));
    for (const [i, { probability }] of beside!.entries()) expect(probability).toBeCloseTo(alone![i]!.probability, 9);
  });
});
