import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OptionError, RunFolderError, STAGE_NAMES } from '@gestalt3d/core';
import type { Command } from 'commander';
import { EXIT } from '../exit-status.ts';
import type { Streams } from '../session.ts';

/** The part of run.json that is read here. */
interface RunRecord {
  milliseconds: number;
  stages: Record<string, { milliseconds: number }>;
  host: { peakMemoryBytes: number };
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const inCheckout = (path: string): string => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

/** Benchmarks of single stages; only a checkout has them. */
const BENCHMARKS = {
  neus: {
    path: inCheckout('packages/neus/bench/neus.mjs'),
    about: 'accuracy, seconds, throughput and memory of the reconstruct stage beside its peers; --help lists its options',
  },
  asset: {
    path: inCheckout('packages/mesh/bench/asset.mjs'),
    about: 'bytes and errors of compressed assets beside those of gltfpack -cc; --objects, --triangles, --texture',
  },
};

/**
 * `bench`: runs the demo from an empty folder, each time in a process of its own, and prints stage times and peak memory.
 * `bench neus`, `bench asset`: hands its arguments to that stage's own benchmark.
 * @param paths their programs, where they are not the checkout's
 */
export function registerBench(program: Command, streams: Streams, paths: Partial<Record<keyof typeof BENCHMARKS, string>> = {}): void {
  const bench = program
    .command('bench [sample]')
    .description('stage times and peak memory of the demo, as a table and as JSON')
    .option('--runs <n>', 'runs; the median is shown', '3')
    .option('--preset <name>', 'draft, standard or fine', 'standard')
    .action(async (sample: string | undefined, flags: { runs: string; preset: string }) => {
      const runs = Number(flags.runs);
      if (!Number.isInteger(runs) || runs < 1) throw new OptionError('--runs', 'a whole number from 1', `"${flags.runs}"`);
      const bin = fileURLToPath(new URL('../../bin/gestalt3d.js', import.meta.url));
      const records: RunRecord[] = [];
      for (let run = 0; run < runs; run++) {
        const out = await mkdtemp(join(tmpdir(), 'gestalt-bench-'));
        try {
          const args = [bin, 'demo', ...(sample ? [sample] : []), '--out', out, '--preset', flags.preset];
          const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
          if (status !== 0) throw new Error(`run ${run + 1} ended with status ${status}`);
          records.push(JSON.parse(await readFile(join(out, 'run.json'), 'utf8')) as RunRecord);
        } finally {
          await rm(out, { recursive: true, force: true });
        }
      }
      const seconds = (pick: (record: RunRecord) => number) => median(records.map(pick)) / 1000;
      const rows = [
        ...STAGE_NAMES.map((name) => ({ name: `${name} (s)`, value: seconds((record) => record.stages[name]!.milliseconds) })),
        { name: 'all (s)', value: seconds((record) => record.milliseconds) },
        { name: 'peak memory (MB)', value: median(records.map((record) => record.host.peakMemoryBytes)) / 1e6 },
      ];
      streams.stderr.write(`${cpus()[0]?.model.trim()}, ${cpus().length} threads, Node ${process.version}, median of ${runs}\n`);
      for (const { name, value } of rows) streams.stderr.write(`  ${name.padEnd(20)} ${value.toFixed(2).padStart(8)}\n`);
      streams.stdout.write(`${JSON.stringify(Object.fromEntries(rows.map(({ name, value }) => [name, Number(value.toFixed(3))])))}\n`);
    });
  for (const [name, { path, about }] of Object.entries(BENCHMARKS))
    bench
      .command(name)
      .description(about)
      .helpOption(false)
      .allowUnknownOption()
      .allowExcessArguments()
      .action((_flags: unknown, command: Command) =>
        runBenchmark(name, paths[name as keyof typeof BENCHMARKS] ?? path, command.args, streams),
      );
}

async function runBenchmark(name: string, path: string, args: string[], streams: Streams): Promise<void> {
  if (!existsSync(path)) throw new RunFolderError(path, 'none', 'run it in a checkout of the repository');
  // figures for people on stderr, the record on stdout, as it comes
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (text: Buffer) => streams.stdout.write(text.toString()));
  child.stderr.on('data', (text: Buffer) => streams.stderr.write(text.toString()));
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (status === EXIT.usage) throw new OptionError(`bench ${name}`, 'options of that benchmark', args.join(' '));
  if (status !== 0) throw new Error(`the benchmark ended with ${status === null ? `signal ${signal}` : `status ${status}`}`);
}
