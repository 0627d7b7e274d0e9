import { createEngine } from '@gestalt3d/host';
import type { Command } from 'commander';
import type { Streams } from '../session.ts';

export function registerModels(program: Command, streams: Streams): void {
  program
    .command('models')
    .description('the model bundles that are installed, checked against their hashes')
    .option('--models <dir>', 'folder of the model bundles')
    .option('--json', 'print as JSON')
    .action(async (flags: { models?: string; json?: boolean }) => {
      const engine = createEngine(flags.models === undefined ? {} : { modelsDir: flags.models });
      try {
        const models = await engine.models();
        if (flags.json) streams.stdout.write(`${JSON.stringify(models, null, 2)}\n`);
        else
          for (const model of models)
            streams.stdout.write(
              `${model.id.padEnd(20)} ${model.revision.padEnd(12)} ${`${(model.sizeBytes / 1e6).toFixed(1)} MB`.padStart(9)}  ${model.state.padEnd(8)} ${model.licence}\n`,
            );
      } finally {
        await engine.close();
      }
    });
}
