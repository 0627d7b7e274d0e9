import { createEngine } from '@gestalt3d/host';
import type { Command } from 'commander';
import type { Streams } from '../session.ts';

export function registerDoctor(program: Command, streams: Streams): void {
  program
    .command('doctor')
    .description('what this machine offers: processors, memory, GPU, inference providers, models')
    .option('--models <dir>', 'folder of the model bundles')
    .option('--json', 'print as JSON')
    .action(async (flags: { models?: string; json?: boolean }) => {
      const engine = createEngine(flags.models === undefined ? {} : { modelsDir: flags.models });
      try {
        const report = await engine.doctor();
        if (flags.json) {
          streams.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
          return;
        }
        const row = (name: string, value: string) => streams.stdout.write(`${name.padEnd(12)} ${value}\n`);
        row('system', `${report.platform}, Node ${report.node}`);
        row('processor', `${report.cpu.model}, ${report.cpu.threads} threads`);
        row('memory', `${(report.memory.totalBytes / 2 ** 30).toFixed(1)} GiB, ${(report.memory.freeBytes / 2 ** 30).toFixed(1)} GiB free`);
        row(
          'gpu',
          report.gpu ? `${report.gpu.description}${report.gpu.software ? ' (software: not used by auto)' : ''}` : 'none: the CPU path runs',
        );
        row('providers', report.providers.join(', '));
        row('surface', report.surfaceDevice);
        for (const model of report.models)
          row('model', `${model.id} ${model.revision}, ${(model.sizeBytes / 1e6).toFixed(1)} MB, ${model.state}`);
      } finally {
        await engine.close();
      }
    });
}
