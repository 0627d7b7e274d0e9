import { createImage, type ImageCodec, type RgbaImage } from '@gestalt3d/core';
import { sphereMesh, writeGlb } from '@gestalt3d/mesh';
import { describe, expect, it } from 'vitest';
import { assetRecord, photoRecord, promptOfRecord, readAssetRecord } from './asset-record.ts';
import { RUN_DEFAULTS } from './run-options.ts';

/** The pixels themselves, as one byte of width and the data. */
const codec: ImageCodec = {
  encodePng: async ({ width, data }) => Uint8Array.of(width, ...data),
  encodeJpeg: async () => new Uint8Array(),
  decode: async ([width, ...data]) => {
    const image = createImage(width!, data.length / width!, 4);
    for (const [i, value] of data.entries()) image.data.set([value, value, value, 255], i * 4);
    return image;
  },
};
const photo: RgbaImage = createImage(4, 2, 4);
const mask = { width: 4, height: 2, channels: 1 as const, data: Uint8Array.of(0, 255, 255, 0, 0, 0, 255, 0) };
const models = { views: { id: 'v', revision: '2', licence: 'MIT', sha256: 'ab' } };

describe('assetRecord', () => {
  it('survives the way through a GLB', async () => {
    const prompt = { points: [{ x: 1, y: 1, positive: true }], mask };
    const extras = await assetRecord({ photo, prompt, options: { ...RUN_DEFAULTS, seed: 3 }, version: '9', models }, codec);
    const glb = await writeGlb({ mesh: sphereMesh(0.5, 8, 4), extras }, codec);
    const record = readAssetRecord(glb, 'asset.glb');
    expect(record).toMatchObject({ version: '9', models, options: { seed: 3 }, photo: await photoRecord(photo) });
    const back = await promptOfRecord(record, codec);
    expect(back?.points).toEqual(prompt.points);
    expect(back?.mask?.data).toEqual(mask.data);
  });

  it.each([
    ['no GLB', async () => new Uint8Array(30)],
    ['a GLB of somebody else', async () => writeGlb({ mesh: sphereMesh(0.5, 8, 4) }, codec)],
    ['a record of the future', async () => writeGlb({ mesh: sphereMesh(0.5, 8, 4), extras: { gestalt3d: { schemaVersion: 2 } } }, codec)],
  ])('refuses %s', async (_, make) => {
    const glb = await make();
    expect(() => readAssetRecord(glb, 'x.glb')).toThrow(/expected a GLB with a record of Gestalt3D in x.glb/);
  });
});
