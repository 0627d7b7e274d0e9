import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GestaltError, isAbort, OptionError } from '@gestalt3d/core';
import { Command } from 'commander';
import { DataEngineError } from './errors.ts';
import { makeEvaluationObjects } from './evaluation/make-objects.ts';
import { EVALUATION_PACKAGE } from './evaluation/package.ts';
import { type FetchOptions, fetchPackage } from './fetch-package.ts';
import { describePackage } from './packages.ts';
import { makePreview } from './preview.ts';
import { makeScenes } from './scenes.ts';
import { listObjects, prepareSources, RENDER_DEFAULTS, type RenderSettings, renderingFolder } from './training/prepare.ts';
import { renderObjects } from './training/render-objects.ts';
import { writePacks } from './training/write-packs.ts';
import { unpackPackage } from './unpack.ts';

const root = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

interface Flags {
  cache: string;
  out: string;
  mirror?: string;
  seed: string;
  workers: string;
  procedural: string;
  limit?: string;
  only?: string;
  objects: string;
}

/**
 * The command line of the data engine: people read stderr, nothing is printed on stdout.
 * @returns exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted
 */
export async function run(argv: readonly string[], signal: AbortSignal, say: (line: string) => void): Promise<number> {
  try {
    await createProgram(signal, say).parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (isAbort(error, signal)) {
      say('interrupted; finished objects are kept, the same command goes on from there');
      return 130;
    }
    if ((error as { code?: string }).code?.startsWith('commander.')) return (error as { exitCode: number }).exitCode === 0 ? 0 : 2;
    if (error instanceof OptionError) {
      say(error.message);
      return 2;
    }
    const expected = error instanceof GestaltError || error instanceof DataEngineError;
    say(expected ? error.message : `unexpected: ${error instanceof Error ? error.stack : String(error)}`);
    return 1;
  }
}

function createProgram(signal: AbortSignal, say: (line: string) => void): Command {
  const program = new Command('data')
    .description('Makes the training sets of the embedded models and the objects of the evaluation.')
    .exitOverride()
    .configureOutput({ writeErr: (text) => say(text.trimEnd()) });
  const add = (name: string, description: string, action: (flags: Flags) => Promise<void>, isDefault = false) =>
    program
      .command(name, { isDefault })
      .description(description)
      .option('--cache <dir>', 'downloads, kept between runs', '.cache/data')
      .option('--out <dir>', 'renderings, packs and manifest', 'out/data')
      .option('--mirror <url>', 'root of a Debian mirror (https), instead of apt-get')
      .option('--seed <number>', 'of lights and cameras', String(RENDER_DEFAULTS.seed))
      .option('--workers <number>', 'browsers at once', String(Math.max(1, availableParallelism())))
      .option('--procedural <number>', 'procedural objects', '1300')
      .option('--limit <number>', 'at most so many objects, spread over all: for trials')
      .option('--only <name>', 'scenes: this scene only')
      .option('--objects <number>', 'preview: rows', '40')
      .action((flags: Flags) => action(flags));

  const fetching = ({ cache, mirror }: Flags): FetchOptions => ({ cache, mirror, signal, onProgress: say });
  const settingsOf = ({ seed }: Flags): RenderSettings => ({ ...RENDER_DEFAULTS, seed: wholeNumber('--seed', seed, 0) });
  const listOf = async (flags: Flags) => {
    const limit = flags.limit === undefined ? undefined : wholeNumber('--limit', flags.limit, 1);
    const procedural = wholeNumber('--procedural', flags.procedural, 0);
    const sources = await prepareSources(fetching(flags));
    return { sources, list: await listObjects(sources.libraries, procedural, limit) };
  };
  const render = async (flags: Flags) => {
    const settings = settingsOf(flags);
    const workers = wholeNumber('--workers', flags.workers, 1);
    const { sources, list } = await listOf(flags);
    const started = Date.now();
    let first: number | undefined;
    let last = 0;
    await renderObjects(list.objects, sources.libraries, renderingFolder(flags.out, settings), {
      ...settings,
      workers,
      signal,
      onProgress: (done, total) => {
        first ??= done;
        if (Date.now() - last < 5000 && done < total) return;
        last = Date.now();
        say(`rendered ${done} of ${total} objects, ${done - first} of them in ${((last - started) / 1000).toFixed(0)} s`);
      },
    });
  };
  const pack = async (flags: Flags) => {
    const settings = settingsOf(flags);
    const { sources, list } = await listOf(flags);
    await writePacks(list, sources, renderingFolder(flags.out, settings), flags.out, settings, { signal, onProgress: say });
  };

  add('fetch', 'downloads and unpacks the packages', async (flags) => {
    await prepareSources(fetching(flags));
    say(`everything is in ${flags.cache}`);
  });
  add('render', 'renders every object that is not finished yet', render);
  add('pack', 'writes the packs and the manifest from what is rendered', pack);
  add(
    'all',
    'fetch, render and pack',
    async (flags) => {
      await render(flags);
      await pack(flags);
    },
    true,
  );
  add('evaluation', 'makes the objects of the evaluation', async (flags) => {
    const out = flags.out === 'out/data' ? root('assets/evaluation') : flags.out;
    const unpacked = await unpackPackage(await fetchPackage(EVALUATION_PACKAGE, fetching(flags)), signal);
    const jar = await readFile(join(unpacked, 'usr/share/sweethome3d/sweethome3d.jar'));
    const objects = await makeEvaluationObjects(jar, describePackage(EVALUATION_PACKAGE), out, { signal });
    say(`${objects.length} objects in ${out}`);
  });
  add('preview', 'draws contact sheets of what is packed', async (flags) => {
    for (const file of await makePreview(flags.out, wholeNumber('--objects', flags.objects, 1))) say(file);
  });
  add('scenes', 'renders the sample scenes from objects of the test split', async (flags) => {
    const { libraries } = await prepareSources(fetching(flags));
    const out = flags.out === 'out/data' ? root('assets/scenes') : flags.out;
    for (const name of await makeScenes(libraries, out, { only: flags.only, signal })) say(`${name} in ${out}`);
  });
  return program;
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > 2 ** 31)
    throw new OptionError(option, `a whole number of at least ${least}`, text);
  return value;
}
