import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageCodec } from '@gestalt3d/host';
import { boxMesh, checkSolid, readGlb, sphereMesh, writeGlb, writeObj } from '@gestalt3d/mesh';
import validator from 'gltf-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../main.ts';
import type { Streams } from '../session.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gestalt3d-asset-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** Exit status and what was said. */
async function run(...args: string[]): Promise<{ status: number; said: string }> {
  const said: string[] = [];
  const stream = { write: (text: string) => said.push(text), isTTY: false } as unknown as NodeJS.WriteStream;
  const streams: Streams = { stdout: stream, stderr: stream };
  return { status: await main(args, streams), said: said.join('') };
}

async function saved(name: string, bytes: Uint8Array | string): Promise<string> {
  await writeFile(join(dir, name), bytes);
  return join(dir, name);
}

describe('gestalt3d asset', () => {
  const small = ['--texture', '64'];

  it('makes a clean GLB of an OBJ, and says that no picture judged it', async () => {
    for (const [name, bytes] of await writeObj(boxMesh(), 'crate', imageCodec)) await saved(name, bytes);
    const out = join(dir, 'crate');
    const { status } = await run('asset', join(dir, 'crate.obj'), '--out', out, ...small);
    expect(status).toBe(0);
    const glb = await readFile(join(out, 'asset.glb'));
    const { issues } = await validator.validateBytes(new Uint8Array(glb));
    expect([issues.numErrors, issues.numWarnings]).toEqual([0, 0]);
    const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8'));
    expect(report).toMatchObject({ triangles: 12, sound: true, grade: 'unchecked' });
    expect((await readdir(out)).sort()).toEqual(['asset.glb', 'report.json']);
  });

  it('turns an inverted mesh outside out', async () => {
    const sphere = sphereMesh(0.5, 16, 8);
    const path = await saved(
      'inverted.glb',
      await writeGlb({ mesh: { ...sphere, indices: sphere.indices.slice().reverse() } }, imageCodec),
    );
    expect((await run('asset', path, '--out', join(dir, 'inverted'), ...small)).status).toBe(0);
    const report = JSON.parse(await readFile(join(dir, 'inverted', 'report.json'), 'utf8'));
    expect(report).toMatchObject({ flipped: true, sound: true });
  });

  it('prints a box without a lid', async () => {
    const box = boxMesh();
    const path = await saved('open.glb', await writeGlb({ mesh: { ...box, indices: box.indices.slice(6) } }, imageCodec));
    const out = join(dir, 'open');
    const { status, said } = await run('asset', path, '--out', out, '--printable', '--size-mm', '50', '--triangles', '2000', ...small);
    expect([status, said]).toEqual([0, expect.stringContaining('the surface was rebuilt')]);
    expect((await readdir(out)).sort()).toEqual(['asset.3mf', 'asset.glb', 'asset.stl', 'report.json']);
    expect(checkSolid(await readGlb(new Uint8Array(await readFile(join(out, 'asset.glb'))))).problems).toEqual([]);
    const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8'));
    expect(Math.max(report.printWidthMm, report.printDepthMm, report.printHeightMm)).toBeCloseTo(50, 3);
  });

  it('ends with status 8, without STL and 3MF, where a print would lack parts of the object', async () => {
    // 40 open boxes in the air: 100 triangles are too few for them
    const { positions, indices } = boxMesh(0.03, 0.03, 0.03);
    const boxes = Array.from({ length: 40 }, (_, i) => [(i % 5) * 0.2, Math.floor(i / 20) * 0.5, (Math.floor(i / 5) % 4) * 0.2]);
    const mesh = {
      positions: Float32Array.from(boxes.flatMap((place) => Array.from(positions, (value, i) => value + place[i % 3]!))),
      indices: Uint32Array.from(boxes.flatMap((_, b) => Array.from(indices.slice(6), (v) => v + (b * positions.length) / 3))),
    };
    const path = await saved('boxes.glb', await writeGlb({ mesh }, imageCodec));
    const out = join(dir, 'boxes');
    const { status, said } = await run('asset', path, '--out', out, '--printable', '--triangles', '100', ...small);
    expect([status, said]).toEqual([
      8,
      expect.stringMatching(/expected a solid that can be printed, got .*% of its surface missing after repair/),
    ]);
    expect((await readdir(out)).sort()).toEqual(['asset.glb', 'report.json']);
    expect(JSON.parse(await readFile(join(out, 'report.json'), 'utf8'))).toMatchObject({ printable: false });
  }, 120_000);

  it('keeps to --max-bytes, and ends with status 7 where it cannot', async () => {
    const path = await saved('sphere.glb', await writeGlb({ mesh: sphereMesh(0.5, 96, 48) }, imageCodec));
    const out = join(dir, 'budget');
    expect((await run('asset', path, '--out', out, '--texture', '256', '--max-bytes', '90000')).status).toBe(0);
    expect((await readFile(join(out, 'asset.glb'))).length).toBeLessThanOrEqual(90_000);
    const { budgetTook } = JSON.parse(await readFile(join(out, 'report.json'), 'utf8'));
    expect(budgetTook).toMatch(/triangles for 20000/);
    const { status, said } = await run('asset', path, '--out', join(dir, 'tiny'), '--texture', '256', '--max-bytes', '12000');
    expect([status, said]).toEqual([7, expect.stringMatching(/expected a GLB of at most \d+ bytes/)]);
  });

  const flat = { positions: new Float32Array(9), indices: Uint32Array.of(0, 1, 2) };
  it.each<[string, () => Promise<string>, number, RegExp]>([
    ['no file', async () => join(dir, 'none.glb'), 3, /no such file/],
    ['no format of ours', () => saved('a.stl', 'solid'), 3, /neither .glb nor .obj/],
    ['rubbish', () => saved('rubbish.glb', 'not a GLB at all, really'), 3, /expected a GLB or OBJ/],
    ['no triangles', () => saved('empty.obj', 'v 0 0 0\n'), 3, /holds no triangle/],
    ['NaN', () => saved('nan.obj', 'v 0 0 NaN\nv 1 0 0\nv 0 1 0\nf 1 2 3\n'), 3, /line 1/],
    ['no area', async () => saved('flat.glb', await writeGlb({ mesh: flat }, imageCodec)), 7, /no triangle with an area/],
    ['too many triangles', () => saved('huge.glb', hugeGlb()), 3, /10000000 triangles, at most 4000000/],
  ])('refuses %s in words', async (_, make, expected, message) => {
    const { status, said } = await run('asset', await make(), '--out', join(dir, 'refused'), ...small);
    expect([status, said]).toEqual([expected, expect.stringMatching(message)]);
  });
});

/** A header that promises ten million triangles; nothing of it may be decoded. */
function hugeGlb(): Uint8Array {
  const json = JSON.stringify({
    asset: { version: '2.0' },
    accessors: [{ count: 30_000_000, componentType: 5125, type: 'SCALAR' }],
    meshes: [{ primitives: [{ indices: 0, attributes: {} }] }],
  }).padEnd(256);
  const bytes = new Uint8Array(20 + json.length);
  const view = new DataView(bytes.buffer);
  const header = [0x46546c67, 2, bytes.length, json.length, 0x4e4f534a];
  for (const [i, value] of header.entries()) view.setUint32(i * 4, value, true);
  bytes.set(new TextEncoder().encode(json), 20);
  return bytes;
}

describe('gestalt3d export', () => {
  it('writes every format, and LODs', async () => {
    const path = await saved('ball.glb', await writeGlb({ mesh: sphereMesh(0.5, 48, 24) }, imageCodec));
    const out = join(dir, 'ball');
    const { status } = await run('export', path, '--out', out, '--formats', 'obj,stl,3mf,ply,usdz,glb', '--lods', '1000,200', '--compress');
    expect(status).toBe(0);
    const files = (await readdir(out)).sort();
    expect(files).toEqual([
      'ball-1000.glb',
      'ball-200.glb',
      'ball-export.glb',
      'ball.3mf',
      'ball.mtl',
      'ball.obj',
      'ball.ply',
      'ball.stl',
      'ball.usdz',
    ]);
    const lod = await readGlb(new Uint8Array(await readFile(join(out, 'ball-200.glb'))));
    expect(lod.indices.length / 3).toBeLessThanOrEqual(200);
    for (const name of files.filter((file) => file.endsWith('.glb'))) {
      const { issues } = await validator.validateBytes(new Uint8Array(await readFile(join(out, name))));
      expect([issues.numErrors, issues.numWarnings]).toEqual([0, 0]);
    }
  });

  it('turns a turntable and shows how far it is', async () => {
    const path = await saved('turn.glb', await writeGlb({ mesh: boxMesh() }, imageCodec));
    const out = join(dir, 'turn');
    const { status, said } = await run('export', path, '--out', out, '--formats', 'turntable,sheet');
    expect(status).toBe(0);
    expect(said.match(/turntable \d+ of 36 pictures/g)).toEqual([6, 12, 18, 24, 30, 36].map((n) => `turntable ${n} of 36 pictures`));
    const webp = (await readFile(join(out, 'turn-turntable.webp'))).toString('latin1');
    expect(webp.match(/ANMF/g)?.length).toBe(36);
    expect((await readFile(join(out, 'turn-sheet.png'))).subarray(1, 4).toString()).toBe('PNG');
    const files = await readdir(out);
    if (files.includes('turn-turntable.mp4'))
      expect((await readFile(join(out, 'turn-turntable.mp4'))).subarray(4, 8).toString()).toBe('ftyp');
    else expect(said).toContain('no MP4: there is no ffmpeg on this machine');
  });

  it.each([
    [['--formats', 'fbx'], /glb, obj, stl/],
    [['--lods', '5'], /at least 12/],
    [['--size-mm', '0', '--formats', 'stl'], /millimetres from 0.1/],
  ])('refuses %j', async (flags, message) => {
    const path = await saved('box.glb', await writeGlb({ mesh: boxMesh() }, imageCodec));
    const { status, said } = await run('export', path, '--out', join(dir, 'x'), ...flags);
    expect([status, said]).toEqual([2, expect.stringMatching(message)]);
  });

  it('refuses to make again what has no record', async () => {
    const path = await saved('plain.glb', await writeGlb({ mesh: boxMesh() }, imageCodec));
    const { status, said } = await run('rerun', path, join(dir, 'no.jpg'));
    expect([status, said]).toEqual([3, expect.stringContaining('a record of Gestalt3D')]);
  });
});
