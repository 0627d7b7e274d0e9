import { access, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createImage } from '@gestalt3d/core';
import { imageCodec } from '@gestalt3d/host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeCheckpoint } from '../../../../packages/networks/scripts/make-checkpoint.mjs';
import { runCli as cli } from '../run-cli.test-helper.ts';

/** Small networks of the published topologies with random weights, imported as a user would: what they paint is grey, what they are asked is real. */
let folder: string;
let models: string;
const inside = (name: string): string => join(folder, name);

const onModels = (...args: string[]) => cli(...args, '--models', models);
const json = async (name: string) => JSON.parse(await readFile(inside(name), 'utf8'));
const pixels = async (name: string) => imageCodec.decode(new Uint8Array(await readFile(inside(name))), name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gestalt3d-imported-'));
  models = inside('models');
  await mkdir(models);
  await symlink(fileURLToPath(new URL('../../../../models/segment', import.meta.url)), join(models, 'segment'));
  for (const [model, seed] of [
    ['pix2gestalt', 1],
    ['syncdreamer', 1],
    ['clip', 1],
    // of which the mask is not empty
    ['sam', 2],
  ] as const) {
    writeCheckpoint(inside(`${model}.ckpt`), model, { seed });
    await writeFile(inside('merges.txt'), '#version: 0.2\na b\nab c</w>\n');
    const more = model === 'clip' ? ['--vocabulary', inside('merges.txt')] : [];
    expect((await onModels('import', inside(`${model}.ckpt`), ...more)).status).toBe(0);
  }
  // a ball behind a bar
  const photo = createImage(320, 256, 3);
  const mask = createImage(320, 256, 1);
  for (let y = 0; y < 256; y++)
    for (let x = 0; x < 320; x++) {
      const bar = y >= 150 && y < 190;
      const ball = Math.hypot(x - 160, y - 128) < 80;
      photo.data.set(bar ? [30, 60, 160] : ball ? [200, 140, 80] : [90, 100, 110], (y * 320 + x) * 3);
      mask.data[y * 320 + x] = ball && !bar ? 255 : 0;
    }
  await writeFile(inside('photo.png'), await imageCodec.encodePng(photo));
  await writeFile(inside('mask.png'), await imageCodec.encodePng(mask));
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('runs on imported models', () => {
  it('says how to import what an option asks for, before anything runs', async () => {
    await mkdir(inside('bare'));
    const run = (...options: string[]) =>
      cli('run', inside('photo.png'), '--mask', inside('mask.png'), '--out', inside('none'), '--models', inside('bare'), ...options);
    for (const [options, command] of [
      [['--completion', 'pix2gestalt'], 'gestalt3d import epoch=000005.ckpt'],
      [['--views', 'syncdreamer'], 'gestalt3d import syncdreamer-pretrain.ckpt'],
      [['--segmenter', 'sam'], 'gestalt3d import sam_vit_h.pth'],
    ] as const) {
      const { status, stderr } = await run(...options);
      expect(status).toBe(4);
      expect(stderr).toContain(command);
    }
    await expect(access(inside('none/mask.png'))).rejects.toThrow();
    // settings of a model that is not chosen, and names that nobody has
    expect((await run('--completion-steps', '5')).stderr).toContain('completionSteps: expected completionModel pix2gestalt beside it');
    for (const wrong of [
      ['--completion', 'sdxl'],
      ['--completion', '1e99'],
      ['--views', 'syncdreamer', '--views-sampler', 'euler'],
    ])
      expect((await run(...wrong)).status).toBe(2);
  });

  it('completes with pix2gestalt and looks around with SyncDreamer, the same bytes for the same seed', async () => {
    const drawn: Buffer[] = [];
    for (const name of ['a', 'b']) {
      expect((await onModels('segment', inside('photo.png'), '--mask', inside('mask.png'), '--out', inside(name))).status).toBe(0);
      const settings = ['--completion', 'pix2gestalt', '--completion', '1', '--completion-steps', '5', '--samples', '2'];
      expect((await onModels('complete', inside(name), ...settings)).status).toBe(0);
      drawn.push(await readFile(inside(`${name}/completion-1.png`)));
    }
    expect(drawn[1]).toEqual(drawn[0]);
    expect(await readFile(inside('a/completion-0.png'))).not.toEqual(drawn[0]);
    const completion = await pixels('a/completion-1.png');
    const { crop } = await json('a/completions.json');
    // random weights paint grey from edge to edge; what is visible is the photograph's
    expect(crop.size).toBeGreaterThanOrEqual(320);
    const at = (x: number, y: number): number =>
      Math.floor(((y - crop.y) * completion.height) / crop.size) * completion.width +
      Math.floor(((x - crop.x) * completion.width) / crop.size);
    expect([...completion.data.subarray(at(160, 80) * 4, at(160, 80) * 4 + 4)]).toEqual([200, 140, 80, 255]);

    const { status, stderr } = await onModels(
      'views',
      inside('a'),
      ...['--completion', 'pix2gestalt', '--completion-steps', '5', '--samples', '2', '--completion', '1'],
      ...['--views', 'syncdreamer', '--views-steps', '2', '--elevation', '30'],
    );
    expect([status, stderr]).toEqual([0, expect.stringContaining('around the object')]);
    const { frames, photo } = await json('a/transforms.json');
    expect(frames).toHaveLength(3);
    expect(frames[0]).toMatchObject({ w: 256, h: 256, fl_x: 280, cx: 128.5 });
    expect(photo).toMatchObject({ w: 320, h: 256 });
    expect(await pixels('a/views/002.png')).toMatchObject({ width: 256, height: 256 });
    const { stages } = await json('a/run.json');
    expect(stages.complete.model).toMatchObject({
      id: 'pix2gestalt',
      licence: 'CC-BY-NC-4.0',
      terms: expect.stringContaining('no commercial use'),
    });
    expect(stages.complete.options).toMatchObject({ completionModel: 'pix2gestalt', completionSteps: 5, completionSampler: 'ddim' });
    expect(stages.views.model).toMatchObject({ id: 'syncdreamer', licence: 'MIT', source: 'https://github.com/liuyuan-pal/SyncDreamer' });
    // the same again is known
    const again = await onModels(
      'views',
      inside('a'),
      '--views',
      'syncdreamer',
      '--views-steps',
      '2',
      '--elevation',
      '30',
      '--samples',
      '2',
      '--completion',
      '1',
      '--json',
    );
    expect(again.stdout).toContain('"reused":true');
  });

  it('goes from a photograph to a GLB that names the models and their licences', async () => {
    const run = await onModels(
      'run',
      inside('photo.png'),
      ...['--mask', inside('mask.png'), '--out', inside('whole'), '--samples', '1', '--elevation', '30', '--device', 'cpu'],
      ...['--completion', 'pix2gestalt', '--completion-steps', '5', '--views', 'syncdreamer', '--views-steps', '2'],
      ...['--preset', 'draft', '--triangles', '2000'],
    );
    // three grey squares are no object: the asset is written, and its own check says what it is worth
    expect(run.stdout).toContain('whole/asset.glb');
    const glb = await readFile(inside('whole/asset.glb'));
    expect(glb.toString('latin1', 0, 4)).toBe('glTF');
    const { asset, meshes } = JSON.parse(glb.toString('utf8', 20, 20 + glb.readUInt32LE(12)));
    expect(meshes).toHaveLength(1);
    expect(asset.extras.gestalt3d.models).toMatchObject({
      complete: {
        id: 'pix2gestalt',
        licence: 'CC-BY-NC-4.0',
        terms: expect.stringContaining('no commercial use'),
        source: 'https://github.com/cvlab-columbia/pix2gestalt',
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      views: { id: 'syncdreamer', licence: 'MIT', source: 'https://github.com/liuyuan-pal/SyncDreamer' },
    });
    // the bundle that made it says the same
    const manifest = JSON.parse(await readFile(join(models, 'pix2gestalt/bundle.json'), 'utf8'));
    expect(manifest).toMatchObject({ licence: 'CC-BY-NC-4.0', terms: asset.extras.gestalt3d.models.complete.terms });
  }, 180_000);

  it('refuses a bundle with one flipped byte by name, although it was verified before', async () => {
    const weights = join(models, 'pix2gestalt/unet.0.bin');
    const bytes = await readFile(weights);
    const flip = async () => {
      bytes[4321]! ^= 4;
      await writeFile(weights, bytes);
    };
    const again = () => onModels('complete', inside('a'), '--completion', 'pix2gestalt', '--completion-steps', '4', '--samples', '1');
    await flip();
    const { status, stderr } = await again();
    expect([status, stderr]).toEqual([4, expect.stringContaining('unet.0.bin has another SHA-256')]);
    await flip();
    expect((await again()).status).toBe(0);
  });

  it('segments with SAM, by points and by a box', async () => {
    for (const prompt of [
      ['--point', '160,100'],
      ['--box', '80,48,240,208'],
    ]) {
      const { status, stderr } = await onModels('segment', inside('photo.png'), ...prompt, '--segmenter', 'sam', '--out', inside('sam'));
      // what random weights call the object is nobody's guess: a mask, or the word that there is none
      expect([0, 3]).toContain(status);
      if (status === 3) expect(stderr).toContain('segment: expected a mask');
    }
    const { status } = await onModels('segment', inside('photo.png'), '--point', '160,100', '--segmenter', 'sam', '--out', inside('sam'));
    expect(status).toBe(0);
    expect((await json('sam/run.json')).stages.segment.model).toMatchObject({ id: 'sam', licence: 'Apache-2.0' });
    expect(new Set((await pixels('sam/mask.png')).data)).toEqual(new Set([0, 255]));
  });

  it('recognises photograph, visible part and completion', async () => {
    const { status, stdout } = await onModels('recognise', inside('a'), '--labels', 'ab, b,c', '--prompt', '{}', '--top', '2', '--json');
    expect(status).toBe(0);
    const found = JSON.parse(stdout) as Record<string, { label: string; probability: number }[]>;
    expect(Object.keys(found)).toEqual(['photo', 'visible', 'completion']);
    for (const rows of Object.values(found)) {
      expect(rows).toHaveLength(2);
      expect(rows[0]!.probability).toBeGreaterThanOrEqual(rows[1]!.probability);
      expect(rows[0]!.probability + rows[1]!.probability).toBeLessThan(1);
      for (const { label } of rows) expect(['ab', 'b', 'c']).toContain(label);
    }
    const words = await onModels('recognise', inside('a'), '--labels', 'ab,b', '--prompt', '{}');
    expect(words.stdout).toMatch(/^photo {7}(ab|b) \d+\.\d %, (ab|b) \d+\.\d %\nvisible {5}.*\ncompletion {2}/);
    expect((await onModels('recognise', inside('a'), '--labels', 'ab')).status).toBe(2);
    expect((await onModels('recognise', inside('sam'), '--labels', 'ab,b')).status).toBe(3);
    expect((await cli('recognise', inside('a'), '--recogniser', 'clip', '--labels', 'ab,b', '--models', inside('bare'))).stderr).toContain(
      '--vocabulary',
    );
  });
});

describe('gestalt3d models', () => {
  it('lists what is installed, with precision, licence and origin', async () => {
    const rows = JSON.parse((await onModels('models', '--json')).stdout) as { name: string }[];
    expect(rows.map(({ name }) => name)).toEqual(['clip', 'pix2gestalt', 'sam', 'segment', 'syncdreamer']);
    expect(rows[1]).toMatchObject({
      kind: 'imported',
      precision: 'float32',
      licence: 'CC-BY-NC-4.0',
      source: 'https://github.com/cvlab-columbia/pix2gestalt',
      file: 'pix2gestalt.ckpt',
      state: 'ok',
    });
    expect(rows[3]).toMatchObject({ kind: 'embedded', state: 'ok' });
    expect((await onModels('models')).stdout).toMatch(/^syncdreamer .*24\.\d MB.*float32.*MIT.*SyncDreamer, syncdreamer\.ckpt$/m);
  });

  it('verifies every byte, and removes an imported bundle and nothing else', async () => {
    expect((await onModels('models', 'verify', 'sam', 'segment')).status).toBe(0);
    await cp(join(models, 'sam'), join(models, 'copy'), { recursive: true });
    const weights = join(models, 'copy', 'image.0.bin');
    const bytes = await readFile(weights);
    bytes[1000]! ^= 1;
    await writeFile(weights, bytes);
    const damaged = await onModels('models', 'verify');
    expect(damaged.status).toBe(4);
    expect(damaged.stderr).toContain('copy: model sam is damaged: image.0.bin has another SHA-256');
    expect(damaged.stdout).toMatch(/^clip [\s\S]*^syncdreamer /m);

    const before = await readdir(models);
    for (const name of ['segment', 'nothing', '..', '../models', '.', '']) {
      expect((await onModels('models', 'remove', name)).status, name).toBe(2);
      expect(await readdir(models)).toEqual(before);
    }
    expect((await onModels('models', 'remove', 'copy')).stderr).toMatch(/removed copy, 0\.\d MB/);
    expect(await readdir(models)).toEqual(before.filter((name) => name !== 'copy'));
    await access(inside('photo.png'));
  });
});
