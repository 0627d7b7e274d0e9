import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createImage } from '@gestalt3d/core';
import { imageCodec } from '@gestalt3d/host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli as cli } from '../run-cli.test-helper.ts';

type Found = Record<string, { label: string; probability: number }[]>;

/** A run on the models that ship, up to the completions. */
let folder: string;
const inside = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gestalt3d-recognise-'));
  // an orange behind a bar
  const photo = createImage(160, 128, 3);
  const mask = createImage(160, 128, 1);
  for (let y = 0; y < 128; y++)
    for (let x = 0; x < 160; x++) {
      const bar = y >= 80 && y < 96;
      const ball = Math.hypot(x - 80, y - 64) < 40;
      photo.data.set(bar ? [30, 60, 160] : ball ? [235 - x / 2, 130 - x / 4, 20] : [90, 100, 110], (y * 160 + x) * 3);
      mask.data[y * 160 + x] = ball && !bar ? 255 : 0;
    }
  await writeFile(inside('photo.png'), await imageCodec.encodePng(photo));
  await writeFile(inside('mask.png'), await imageCodec.encodePng(mask));
  expect((await cli('segment', inside('photo.png'), '--mask', inside('mask.png'), '--out', inside('run'), '--device', 'cpu')).status).toBe(
    0,
  );
  expect((await cli('complete', inside('run'), '--samples', '1', '--device', 'cpu')).status).toBe(0);
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('gestalt3d recognise with the recogniser that ships', () => {
  const recognise = (...options: string[]) => cli('recognise', inside('run'), '--device', 'cpu', ...options);

  it('says of photograph, visible part and completion which labels are likeliest, the same each time', async () => {
    const options = ['--recogniser', 'embedded', '--labels', 'orange, office chair,bookcase,elephant', '-k', '3', '--json'];
    const { status, stdout } = await recognise(...options);
    expect(status).toBe(0);
    const found = JSON.parse(stdout) as Found;
    expect(Object.keys(found)).toEqual(['photo', 'visible', 'completion']);
    for (const rows of Object.values(found)) {
      expect(rows).toHaveLength(3);
      for (const [i, { label, probability }] of rows.entries()) {
        expect(['orange', 'office chair', 'bookcase', 'elephant']).toContain(label);
        expect(probability).toBeLessThanOrEqual(rows[i - 1]?.probability ?? 1);
      }
    }
    // what is seen is cut out: the three pictures differ
    expect(new Set(Object.values(found).map((rows) => rows[0]!.probability)).size).toBe(3);
    expect((await recognise(...options)).stdout).toBe(stdout);
  });

  it('has names of its own, and is what runs where CLIP is not imported', async () => {
    const { status, stdout } = await recognise('--recogniser', 'embedded');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^photo {7}.+ \d+\.\d %, .+ \d+\.\d %, .+ \d+\.\d %\nvisible {5}.*\ncompletion {2}.*\n$/);
    await mkdir(inside('bare'));
    const bare = await recognise('--models', inside('bare'));
    expect([bare.status, bare.stderr]).toEqual([4, expect.stringContaining('recognise')]);
    const clip = await recognise('--models', inside('bare'), '--recogniser', 'clip', '--labels', 'a,b');
    expect([clip.status, clip.stderr]).toEqual([4, expect.stringContaining('gestalt3d import ViT-L-14.pt')]);
  });

  it('refuses what it cannot do', async () => {
    for (const options of [
      ['--recogniser', 'yolo'],
      ['--labels', 'orange'],
      ['--labels', 'orange,,box'],
      ['--top', '0'],
      ['--prompt', 'a photo of a {}'],
    ]) {
      const { status, stderr } = await recognise('--recogniser', 'embedded', ...options);
      expect([options, status, stderr === '']).toEqual([options, 2, false]);
    }
    expect((await cli('recognise', inside('nothing'))).status).not.toBe(0);
  });
});
