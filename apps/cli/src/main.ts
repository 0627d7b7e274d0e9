import { GestaltError, isAbort } from '@gestalt3d/core';
import { Command, CommanderError } from 'commander';
import { registerAsset } from './commands/asset.ts';
import { registerBench } from './commands/bench.ts';
import { registerDemo } from './commands/demo.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerEval } from './commands/eval.ts';
import { registerExport } from './commands/export.ts';
import { registerImport } from './commands/import.ts';
import { registerModels } from './commands/models.ts';
import { registerPairs } from './commands/pairs.ts';
import { registerRecognise } from './commands/recognise.ts';
import { registerRerun } from './commands/rerun.ts';
import { registerRun } from './commands/run.ts';
import { registerServe } from './commands/serve.ts';
import { registerStages } from './commands/stage.ts';
import { EXIT, exitStatusOf } from './exit-status.ts';
import type { Streams } from './session.ts';

/**
 * The program. Data goes to stdout, words for people to stderr.
 * @param args arguments after the program's name
 * @returns exit status, see exit-status.ts
 */
export async function main(args: string[], streams: Streams = process): Promise<number> {
  const program = new Command('gestalt3d')
    .description('one photograph with a partly hidden object to that object, whole, as a textured GLB')
    .exitOverride()
    .configureOutput({ writeOut: (text) => streams.stdout.write(text), writeErr: (text) => streams.stderr.write(text) })
    .showHelpAfterError('(--help lists what there is)');
  registerRun(program, streams);
  registerStages(program, streams);
  registerDemo(program, streams);
  registerBench(program, streams);
  registerEval(program, streams);
  registerPairs(program, streams);
  registerAsset(program, streams);
  registerExport(program, streams);
  registerRerun(program, streams);
  registerRecognise(program, streams);
  registerServe(program, streams);
  registerImport(program, streams);
  registerModels(program, streams);
  registerDoctor(program, streams);
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
    if (isAbort(error)) {
      streams.stderr.write(`gestalt3d: ${(error as Error).message}\n`);
      return EXIT.interrupted;
    }
    if (error instanceof GestaltError) {
      streams.stderr.write(`gestalt3d: ${error.stage ? `${error.stage}: ` : ''}${error.message}\n`);
      return exitStatusOf(error.code);
    }
    streams.stderr.write(`gestalt3d: unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
}
