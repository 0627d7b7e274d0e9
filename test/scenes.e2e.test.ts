import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createImage, type Image, resample } from '@gestalt3d/core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './support/cli.ts';

const SCENES = fileURLToPath(new URL('../assets/scenes/', import.meta.url));

const readMask = async (path: string): Promise<Image<1>> => {
  const { data, info } = await sharp(path).toColourspace('b-w').removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels: 1, data: new Uint8Array(data) };
};

const iou = (a: Image<1>, b: Image<1>): number => {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.data.length; i++) {
    const [inA, inB] = [a.data[i]! > 127, b.data[i]! > 127];
    if (inA && inB) both++;
    if (inA || inB) either++;
  }
  return both / either;
};

/** Scenes rendered from objects that no model was trained on, with known masks. */
describe.each(['armchair-box', 'chicken-crate'])('scene %s', (name) => {
  let out: string;
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), 'gestalt-scene-'));
  });
  afterAll(() => rm(out, { recursive: true, force: true }));

  it('one click gives the visible part; completing never loses it', async () => {
    const scene = JSON.parse(await readFile(join(SCENES, name, 'scene.json'), 'utf8')) as { click: [number, number] };
    const photo = join(SCENES, name, 'photo.jpg');
    expect((await runCli(['segment', photo, '--point', scene.click.join(','), '--out', out])).status).toBe(0);
    const modal = await readMask(join(SCENES, name, 'modal.png'));
    expect(iou(await readMask(join(out, 'mask.png')), modal)).toBeGreaterThan(0.9);

    expect((await runCli(['complete', out])).status).toBe(0);
    const { crop } = JSON.parse(await readFile(join(out, 'completions.json'), 'utf8')) as { crop: { x: number; y: number; size: number } };
    const vote = await readMask(join(out, 'vote.png'));
    const visible = await readMask(join(out, 'visible.png'));
    const lost = createImage(vote.width, vote.height, 1);
    for (let i = 0; i < vote.data.length; i++) if (visible.data[i]! > 127 && vote.data[i]! <= 127) lost.data[i] = 255;
    expect(lost.data.every((value) => value === 0)).toBe(true);
    const amodal = resample(await readMask(join(SCENES, name, 'amodal.png')), vote.width, vote.height, {
      x: crop.x,
      y: crop.y,
      width: crop.size,
      height: crop.size,
    });
    console.log(`${name}: amodal IoU of the vote ${iou(vote, amodal).toFixed(3)}, of the visible part ${iou(visible, amodal).toFixed(3)}`);
    // Guards against a broken stage, not a goal: the first completion model is still below the visible part alone here (models/README.md)
    expect(iou(vote, amodal)).toBeGreaterThan(0.65);
  }, 200_000);
});
