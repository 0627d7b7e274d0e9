import { resolve } from 'node:path';
import { OptionError, RunFolderError, STAGE_NAMES, type StageName } from '@gestalt3d/core';
import { createFileStore, imageCodec } from '@gestalt3d/host';
import { importViews, loadExternalViews, RunFolder } from '@gestalt3d/pipeline';
import type { Command } from 'commander';
import { runInFolder, type Streams } from '../session.ts';
import { defaultOut } from './run.ts';
import { addRunOptions, type RunFlags, runOptionsOf } from './run-options.ts';

const DESCRIPTION: Record<Exclude<StageName, 'segment'>, string> = {
  complete: 'draw completions of the object in a run folder',
  views: 'make the 16 views of the chosen completion in a run folder',
  reconstruct: 'fit a surface to the views of a run folder, or to any posed views with a transforms.json',
  mesh: 'turn the fitted surface of a run folder into a textured GLB',
};

/** One stage at a time, each reading and writing the run folder. */
export function registerStages(program: Command, streams: Streams): void {
  for (const stage of STAGE_NAMES) {
    if (stage === 'segment') continue;
    const command = addRunOptions(program.command(`${stage} <dir>`).description(DESCRIPTION[stage]));
    if (stage === 'reconstruct')
      command.option('--out <dir>', 'another folder for the results (default: a run folder itself; for other views out/<its name>)');
    command.action(async (dir: string, flags: RunFlags & { out?: string }) => {
      const options = runOptionsOf(flags);
      const source = createFileStore(dir);
      if ((await source.list('')).length === 0)
        throw new RunFolderError(`a run folder at ${dir}`, 'no such folder or an empty one', 'make one with gestalt3d run or segment');
      const external = stage === 'reconstruct' && (flags.out !== undefined || !(await RunFolder.open(source)).record('views'));
      // views that are not ours are read only: their folder has a transforms.json of its own
      const out = external ? (flags.out ?? defaultOut(source.location)) : dir;
      if (external && resolve(out) === source.location) throw new OptionError('--out', 'another folder than the one that is read', out);
      await runInFolder(out, streams, flags, async (folder) => {
        if (!external) return { options, first: stage, until: stage };
        const warnings = new Set<string>();
        const views = await loadExternalViews(source, imageCodec, (message) => warnings.add(message));
        for (const message of [...warnings].slice(0, 1))
          streams.stderr.write(`  ! ${message}${warnings.size > 1 ? ` (and ${warnings.size - 1} more)` : ''}\n`);
        await importViews(folder, views, imageCodec);
        return { options, first: 'reconstruct', until: 'mesh' };
      });
    });
  }
}
