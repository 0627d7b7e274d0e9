import { join } from 'node:path';
import { OptionError } from '@gestalt3d/core';
import { listSamples } from '@gestalt3d/host';
import type { Command } from 'commander';
import { runInFolder, type Streams } from '../session.ts';
import { readImage } from './run.ts';
import { addRunOptions, type RunFlags, runOptionsOf } from './run-options.ts';

/** One of the shipped photographs through every stage. */
export function registerDemo(program: Command, streams: Streams): void {
  addRunOptions(program.command('demo [sample]').description('run one of the photographs that come with the project'))
    .option('--out <dir>', 'run folder (default out/<sample>)')
    .action(async (id: string | undefined, flags: RunFlags & { out?: string }) => {
      const samples = await listSamples();
      const sample = id === undefined ? samples[0]! : samples.find((candidate) => candidate.id === id);
      if (!sample) throw new OptionError('sample', `one of ${samples.map((candidate) => candidate.id).join(', ')}`, `"${id}"`);
      streams.stderr.write(`${sample.title}: ${sample.object}\n`);
      const options = runOptionsOf(flags);
      if (flags.elevation === undefined) options.elevationDeg = sample.elevationDeg;
      await runInFolder(flags.out ?? join('out', sample.id), streams, flags, async () => ({
        options,
        photo: await readImage(sample.path),
        prompt: sample.prompt,
      }));
    });
}
