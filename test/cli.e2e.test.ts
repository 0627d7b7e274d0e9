import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import validator from 'gltf-validator';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, startCli } from './support/cli.ts';

const ASSETS = fileURLToPath(new URL('../assets/', import.meta.url));
const MODELS = fileURLToPath(new URL('../models/', import.meta.url));
const PHOTO = join(ASSETS, 'photos/beanbag.jpg');
const PROMPT = ['--point', '280,850'];
const QUICK = ['--samples', '2', '--preset', 'draft', '--triangles', '3000'];
const STAGES = ['segment', 'complete', 'views', 'reconstruct', 'mesh'];

interface Line {
  kind: string;
  stage?: string;
  reused?: boolean;
}
const endsOf = (stdout: string): string[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.kind === 'end')
    .map((line) => `${line.stage} ${line.reused ? 'reused' : 'ran'}`);

const validate = async (path: string) => {
  const report = await validator.validateBytes(new Uint8Array(await readFile(path)));
  return { errors: report.issues.numErrors, warnings: report.issues.numWarnings };
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gestalt-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('gestalt3d run', () => {
  const out = () => join(folder, 'beanbag');
  const run = (...extra: string[]) => runCli(['run', PHOTO, ...PROMPT, ...QUICK, '--out', out(), '--json', ...extra]);

  it('takes Ctrl-C in every stage, keeps what is finished and goes on to a valid GLB', async () => {
    for (const [i, stage] of STAGES.entries()) {
      const cli = startCli(['run', PHOTO, ...PROMPT, ...QUICK, '--out', out(), '--json'], (line) => {
        const event = JSON.parse(line) as Line;
        if (event.kind === 'start' && event.stage === stage) cli.child.kill('SIGINT');
      });
      const result = await cli.result;
      expect({ stage, status: result.status }).toEqual({ stage, status: 130 });
      expect(result.stderr.trim().split('\n').at(-1)).toMatch(/^gestalt3d: interrupted/);
      const finished = Object.keys(JSON.parse(await readFile(join(out(), 'stages.json'), 'utf8').catch(() => '{}')));
      expect(finished).toEqual(STAGES.slice(0, i));
      expect((await readdir(out(), { recursive: true })).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    }
    const { status, stdout, stderr } = await run();
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(endsOf(stdout)).toEqual([...STAGES.slice(0, 4).map((name) => `${name} reused`), 'mesh ran']);
    expect(await validate(join(out(), 'asset.glb'))).toEqual({ errors: 0, warnings: 0 });
  }, 600_000);

  it('leaves a folder that a person can read', async () => {
    const names = await readdir(out());
    for (const name of [
      'input.png',
      'prompt.json',
      'mask.png',
      'completion-0.png',
      'completion-1.png',
      'vote.png',
      'views',
      'transforms.json',
      'surface',
      'asset.glb',
      'contact-sheet.png',
      'run.json',
    ])
      expect(names).toContain(name);
    expect((await readdir(join(out(), 'views'))).length).toBe(16);
    const record = JSON.parse(await readFile(join(out(), 'run.json'), 'utf8'));
    expect(record.options).toMatchObject({ samples: 2, seed: 7, preset: 'draft' });
    expect(record.host.peakMemoryBytes).toBeGreaterThan(1e7);
    expect(record.host.stages.complete).toMatch(/[0-9a-f]{64}/);
  });

  it('reuses everything the second time, and repeats from a stage when asked', async () => {
    expect(endsOf((await run()).stdout)).toEqual(STAGES.map((name) => `${name} reused`));
    expect(endsOf((await run('--from', 'mesh')).stdout)).toEqual([...STAGES.slice(0, 4).map((name) => `${name} reused`), 'mesh ran']);
  }, 300_000);

  it('changing a mesh option repeats no other stage', async () => {
    const { stdout } = await runCli(['mesh', out(), ...QUICK.slice(0, 4), '--triangles', '1000', '--json']);
    expect(endsOf(stdout)).toEqual(['mesh ran']);
    const report = JSON.parse(await readFile(join(out(), 'report.json'), 'utf8'));
    expect(report.triangles).toBeLessThanOrEqual(1000);
  }, 300_000);

  it('does not trust a file that was damaged', async () => {
    await truncate(join(out(), 'completion-0.png'), 100);
    const { stdout } = await runCli(['run', PHOTO, ...PROMPT, ...QUICK, '--out', out(), '--json']);
    expect(endsOf(stdout).slice(0, 2)).toEqual(['segment reused', 'complete ran']);
  }, 300_000);

  it('same seed, same bytes', async () => {
    const again = join(folder, 'again');
    await runCli(['run', PHOTO, ...PROMPT, ...QUICK, '--out', again, '--json']);
    for (const name of ['mask.png', 'completion-0.png', 'completion-1.png', 'views/005.png', 'asset.glb'])
      expect((await readFile(join(again, name))).equals(await readFile(join(out(), name)))).toBe(true);
  }, 300_000);

  it('fits any posed views with a transforms.json', async () => {
    const views = join(folder, 'views-only');
    await cp(join(out(), 'views'), join(views, 'views'), { recursive: true });
    const { frames } = JSON.parse(await readFile(join(out(), 'transforms.json'), 'utf8'));
    const given = JSON.stringify({ frames });
    await writeFile(join(views, 'transforms.json'), given);
    const inPlace = await runCli(['reconstruct', views, '--out', views]);
    expect([inPlace.status, inPlace.stdout]).toEqual([2, '']);
    const { status, stderr } = await runCli([
      'reconstruct',
      views,
      '--preset',
      'draft',
      '--triangles',
      '2000',
      '--out',
      join(folder, 'fitted'),
      '--json',
    ]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(await validate(join(folder, 'fitted/asset.glb'))).toEqual({ errors: 0, warnings: 0 });
    // what was given is as it was
    expect(await readFile(join(views, 'transforms.json'), 'utf8')).toBe(given);
    expect((await readdir(views)).sort()).toEqual(['transforms.json', 'views']);
  }, 300_000);
});

describe('bad input', () => {
  const image = (name: string) => join(folder, name);
  beforeAll(async () => {
    const picture = sharp({ create: { width: 200, height: 100, channels: 3, background: 'teal' } });
    await picture.clone().jpeg().toFile(image('plain.jpg'));
    await writeFile(image('text.jpg'), 'not an image');
    await writeFile(image('cut.jpg'), (await readFile(PHOTO)).subarray(0, 20_000));
    await sharp({ create: { width: 50, height: 50, channels: 3, background: 'white' } })
      .png()
      .toFile(image('mask-size.png'));
    await sharp({ create: { width: 200, height: 100, channels: 3, background: 'black' } })
      .png()
      .toFile(image('mask-empty.png'));
    await writeFile(image('no-json'), 'x');
    const broken = image('broken-views');
    await cp(ASSETS, join(broken, 'x'), { recursive: true });
    await writeFile(join(broken, 'transforms.json'), '{ "frames": [');
    for (const [name, change] of [
      ['models-corrupt', async (dir: string) => truncate(join(dir, 'complete/denoiser.onnx'), 5000)],
      ['models-missing', async (dir: string) => rm(join(dir, 'views'), { recursive: true })],
    ] as const) {
      await cp(MODELS, image(name), { recursive: true });
      await change(image(name));
    }
  });

  it.each([
    ['no such file', () => ['run', image('none.jpg'), '--point', '1,1'], 3, /no such file/],
    ['not an image', () => ['run', image('text.jpg'), '--point', '1,1'], 3, /got .*text\.jpg \(not an image\)/],
    ['a truncated image', () => ['run', image('cut.jpg'), '--point', '1,1'], 3, /damaged or cut short/],
    ['a point outside', () => ['run', image('plain.jpg'), '--point', '500,20'], 2, /inside the 200 x 100 picture/],
    ['a box outside', () => ['run', image('plain.jpg'), '--box', '300,300,400,400'], 2, /inside the 200 x 100 picture/],
    ['a point that is none', () => ['run', image('plain.jpg'), '--point', 'there'], 2, /option --point/],
    ['no prompt', () => ['run', image('plain.jpg'), '--out', image('no-prompt')], 2, /--point x,y/],
    ['a mask of the wrong size', () => ['run', image('plain.jpg'), '--mask', image('mask-size.png')], 2, /200 x 100, got 50 x 50/],
    ['an empty mask', () => ['run', image('plain.jpg'), '--mask', image('mask-empty.png')], 3, /empty/],
    ['an unknown option', () => ['run', image('plain.jpg'), '--colour', 'red'], 2, /unknown option '--colour'/],
    ['an unknown command', () => ['rum'], 2, /unknown command 'rum'/],
    [
      'a value out of range',
      () => ['run', image('plain.jpg'), '--point', '1,1', '--samples', '99'],
      2,
      /option samples: expected a whole number from 1 to 16/,
    ],
    ['a value that is no number', () => ['run', image('plain.jpg'), '--point', '1,1', '--seed', 'x'], 2, /option --seed/],
    ['an unknown stage', () => ['run', image('plain.jpg'), '--point', '1,1', '--from', 'colour'], 2, /segment, complete, views/],
    ['a stage without its input', () => ['complete', image('broken-views')], 3, /a finished segment stage/],
    ['a folder that is not there', () => ['views', image('nowhere')], 3, /run folder/],
    ['broken views', () => ['reconstruct', image('broken-views')], 3, /transforms\.json/],
    [
      'a damaged model',
      () => ['run', PHOTO, ...PROMPT, '--models', image('models-corrupt'), '--out', image('o1')],
      4,
      /model gestalt-complete is damaged/,
    ],
    [
      'a missing model',
      () => ['run', PHOTO, ...PROMPT, ...QUICK, '--models', image('models-missing'), '--out', image('o2')],
      4,
      /expected the model file/,
    ],
    ['a device that is not there', () => ['run', PHOTO, ...PROMPT, '--device', 'cuda', '--out', image('o3')], 6, /device cuda/],
    ['an output that cannot be written', () => ['run', PHOTO, ...PROMPT, '--out', image('no-json/out')], 5, /cannot write/],
    ['a port that is none', () => ['serve', '--port', '99999'], 2, /option --port/],
  ] as const)(
    '%s: one line, the right status',
    async (_what, args, status, message) => {
      const result = await runCli([...args(), ...(args()[0] === 'run' && !args().includes('--out') ? ['--out', image('bad-out')] : [])]);
      const said = result.stderr.split('\n').filter((line) => line.startsWith('gestalt3d:') || line.startsWith('error:'));
      expect(said.length).toBe(1);
      expect(said[0]).toMatch(message);
      expect(result.status).toBe(status);
      expect(result.stdout).toBe('');
    },
    60_000,
  );

  it('a port in use', async () => {
    let url = '';
    const first = startCli(['serve', '--port', '0', '--data', image('jobs')]);
    const listening = new Promise<void>((resolve) =>
      first.child.stderr!.on('data', (chunk: Buffer) => {
        url ||= /http:\S+/.exec(String(chunk))?.[0] ?? '';
        if (url) resolve();
      }),
    );
    await listening;
    const second = await runCli(['serve', '--port', new URL(url).port, '--data', image('jobs2')]);
    first.child.kill('SIGTERM');
    expect(second.status).toBe(6);
    expect(second.stderr).toMatch(/port \d+ on 127\.0\.0\.1/);
    expect((await first.result).status).toBe(0);
  });
});

describe('what the machine offers', () => {
  it('doctor and models', async () => {
    const doctor = JSON.parse((await runCli(['doctor', '--json'])).stdout);
    expect(doctor.cpu.threads).toBeGreaterThan(0);
    expect(doctor.providers).toContain('cpu');
    const models = JSON.parse((await runCli(['models', '--json'])).stdout) as { id: string; state: string }[];
    expect(models.map((model) => `${model.id} ${model.state}`).sort()).toEqual([
      'gestalt-complete ok',
      'gestalt-recognise ok',
      'gestalt-segment ok',
      'gestalt-views ok',
    ]);
    expect((await stat(join(MODELS, 'README.md'))).size).toBeGreaterThan(0);
  });
});
