import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './support/cli.ts';

const OBJECTS = fileURLToPath(new URL('../assets/evaluation/objects/', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gestalt-eval-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('gestalt3d eval', () => {
  it('measures a folder of objects, leaves a broken file out by name, and does not repeat itself', { timeout: 240_000 }, async () => {
    const objects = join(folder, 'objects');
    await mkdir(objects);
    await cp(join(OBJECTS, 'stool.glb'), join(objects, 'stool.glb'));
    await writeFile(join(objects, 'broken.glb'), (await readFile(join(OBJECTS, 'stool.glb'))).subarray(0, 2000));
    await writeFile(join(objects, 'notes.txt'), 'not an object');
    const args = [
      'eval',
      '--objects',
      objects,
      '--samples',
      '1',
      '--only',
      'completed,hull',
      '--device',
      'cpu',
      '--out',
      join(folder, 'out'),
    ];
    const { status, stdout, stderr } = await runCli(args);
    expect(stderr).toContain('broken.glb left out');
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(3);
    const report = JSON.parse(await readFile(join(folder, 'out/report.json'), 'utf8'));
    expect(report.samples.map((sample: { id: string }) => sample.id)).toEqual(['000-stool']);
    expect(report.skipped.map((entry: { what: string }) => entry.what)).toEqual(['broken.glb']);
    const { completed, hull } = report.summary;
    const { chamfer, iou, psnr, ssim, maskIou } = completed;
    expect(chamfer).toBeGreaterThan(0);
    expect(chamfer).toBeLessThan(0.4);
    for (const share of [iou, ssim, maskIou]) expect(share).toBeLessThanOrEqual(1);
    expect(iou).toBeGreaterThan(0);
    expect(psnr).toBeGreaterThan(3);
    expect(hull.iou).toBeNull();
    const before = await readFile(join(folder, 'out/report.json'));
    const again = await runCli(args);
    expect(again.status).toBe(0);
    expect(await readFile(join(folder, 'out/report.json'))).toEqual(before);
  });

  it.each([
    [['--samples', '0'], 2, 'samples'],
    [['--only', 'whole,sides'], 2, 'sides'],
    [['--objects', '/nonexistent'], 3, '/nonexistent'],
  ])('says what is wrong with %j', async (args, expected, word) => {
    const { status, stderr } = await runCli(['eval', '--out', join(folder, 'none'), ...args]);
    expect(stderr).toContain(word);
    expect(status).toBe(expected);
  });
});
