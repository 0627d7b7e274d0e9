import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OptionError, RunFolderError } from '@gestalt3d/core';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Streams } from '../session.ts';
import { registerBench } from './bench.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gestalt3d-bench-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** Runs `bench` with a stand-in for the reconstruct stage's benchmark. */
async function run(standIn: string, ...args: string[]): Promise<{ out: string; err: string }> {
  const said = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({ write: (text: string) => (said[name] += text) }) as unknown as NodeJS.WriteStream;
  const streams: Streams = { stdout: stream('out'), stderr: stream('err') };
  const program = new Command().exitOverride();
  registerBench(program, streams, { neus: standIn, asset: standIn });
  await program.parseAsync(args, { from: 'user' });
  return said;
}

async function script(name: string, text: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text);
  return path;
}

describe('gestalt3d bench neus and asset', () => {
  it('hands all arguments on, people read stderr and programs stdout', async () => {
    const path = await script('echo.mjs', 'console.log(JSON.stringify(process.argv.slice(2))); console.error("a table");');
    const { out, err } = await run(path, 'bench', 'neus', '--quick', '--rows', 'fit,gpu', '--python', 'a', '--python', 'b', '--no-record');
    expect(JSON.parse(out)).toEqual(['--quick', '--rows', 'fit,gpu', '--python', 'a', '--python', 'b', '--no-record']);
    expect(err).toBe('a table\n');
  });

  it('runs the benchmark of assets in the same way', async () => {
    const path = await script('asset.mjs', 'console.log(process.argv.slice(2).join());');
    expect((await run(path, 'bench', 'asset', '--objects', 'bath')).out).toBe('--objects,bath\n');
  });

  it("leaves --help to the benchmark, and the demo's options to the demo", async () => {
    const path = await script('args.mjs', 'console.log(process.argv.slice(2).join());');
    expect((await run(path, 'bench', 'neus', '--help')).out).toBe('--help\n');
    await expect(run(path, 'bench', '--runs', '0')).rejects.toThrow(OptionError);
  });

  it('fails when the benchmark fails or is not there', async () => {
    await expect(run(await script('bad.mjs', 'process.exitCode = 1;'), 'bench', 'neus')).rejects.toThrow('status 1');
    await expect(run(await script('usage.mjs', 'process.exitCode = 2;'), 'bench', 'neus', '--rows', 'x')).rejects.toThrow(OptionError);
    await expect(run(join(dir, 'nothing.mjs'), 'bench', 'neus')).rejects.toThrow(RunFolderError);
  });
});
