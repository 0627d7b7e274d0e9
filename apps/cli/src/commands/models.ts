import { fileURLToPath } from 'node:url';
import { ModelCorruptError, ModelMissingError } from '@gestalt3d/core';
import { listModels, type ModelSummary, removeModel, verifyModel } from '@gestalt3d/host';
import type { Command } from 'commander';
import { interruptible, type Streams } from '../session.ts';

interface ModelsFlags {
  models?: string;
  json?: boolean;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** `models` lists, `models verify` reads every byte, `models remove` deletes an imported one. */
export function registerModels(program: Command, streams: Streams): void {
  const withFlags = (command: Command): Command =>
    command.option('--models <dir>', 'folder of the model bundles').option('--json', 'print as JSON');
  const print = (rows: readonly ModelSummary[], json?: boolean): void => {
    if (json) streams.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    else for (const row of rows) streams.stdout.write(`${lineOf(row)}\n`);
  };
  /** Both commands inherit the flags of `models` itself: `--models` may stand before or after the word. */
  const flagsOf = (command: Command): { dir: string; json?: boolean } => {
    const { models, json } = command.optsWithGlobals<ModelsFlags>();
    return { dir: models ?? fileURLToPath(new URL('../../../../models/', import.meta.url)), ...(json && { json }) };
  };

  const models = withFlags(program.command('models'))
    .description('the model bundles that are installed: size, precision, licence, origin')
    .action(async (_flags: ModelsFlags, command: Command) => {
      const { dir, json } = flagsOf(command);
      print(await listModels(dir), json);
    });
  withFlags(models.command('verify [names...]'))
    .description('read every byte of the bundles (default: of all) and compare it with their hashes')
    .action(async (names: string[], _flags: ModelsFlags, command: Command) => {
      const { dir, json } = flagsOf(command);
      const { signal, dispose } = interruptible();
      try {
        const chosen = names.length > 0 ? names : (await listModels(dir)).map(({ name }) => name);
        const bad: unknown[] = [];
        for (const name of chosen) {
          try {
            const verified = await verifyModel(dir, name, signal);
            if (json) streams.stdout.write(`${JSON.stringify(verified)}\n`);
            else print([verified]);
          } catch (error) {
            if (!(error instanceof ModelCorruptError || error instanceof ModelMissingError)) throw error;
            bad.push(error);
            streams.stderr.write(`${name}: ${error.message}\n`);
          }
        }
        // said above; the exit status says it too
        if (bad.length > 0) throw bad[0];
      } finally {
        dispose();
      }
    });
  withFlags(models.command('remove <name>'))
    .description('delete an imported bundle')
    .action(async (name: string, _flags: ModelsFlags, command: Command) => {
      const { dir, json } = flagsOf(command);
      const bytes = await removeModel(dir, name);
      if (json) streams.stdout.write(`${JSON.stringify({ name, bytes })}\n`);
      else streams.stderr.write(`removed ${name}, ${megabytes(bytes)}\n`);
    });
}

function lineOf({ name, revision, sizeBytes, precision, state, licence, kind, source, file }: ModelSummary): string {
  const origin = kind === 'embedded' ? 'ships with gestalt3d' : [source, file].filter(Boolean).join(', ');
  const columns = [name.padEnd(12), revision.padEnd(22), megabytes(sizeBytes).padStart(10), (precision ?? '').padEnd(8), state.padEnd(4)];
  return [...columns, licence.padEnd(12), origin].join('  ');
}
