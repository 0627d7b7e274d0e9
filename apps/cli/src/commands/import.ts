import { fileURLToPath } from 'node:url';
import { OptionError } from '@gestalt3d/core';
import { importCheckpoint } from '@gestalt3d/host';
import type { Command } from 'commander';
import { interruptible, type Streams } from '../session.ts';

const MODELS = ['pix2gestalt', 'syncdreamer', 'clip', 'sam'] as const;
const PRECISIONS = { fp32: 'float32', fp16: 'float16', int8: 'int8' } as const;

interface ImportFlags {
  as?: string;
  precision: string;
  models?: string;
  vocabulary?: string;
  ema: boolean;
  json?: boolean;
}

export function registerImport(program: Command, streams: Streams): void {
  program
    .command('import <file>')
    .description(
      `published weights (${MODELS.join(', ')}: .ckpt, .pt, .pth, .safetensors) to a model bundle; nothing in the file is executed`,
    )
    .option('--as <name>', `what it must be: ${MODELS.join(', ')} (default: recognised by its tensors)`)
    .option(
      '--precision <name>',
      'fp32, fp16 (for webgpu and cuda) or int8 (for the cpu: the UNet in 8 bits), of the weights in the bundle',
      'fp32',
    )
    .option('--no-ema', 'pix2gestalt: the raw weights instead of their moving average')
    .option('--vocabulary <file>', 'clip: bpe_simple_vocab_16e6.txt.gz of the same repository, needed for texts')
    .option('--models <dir>', 'folder of the model bundles')
    .option('--json', 'print as JSON')
    .action(async (file: string, flags: ImportFlags) => {
      const as = MODELS.find((name) => name === flags.as);
      if (flags.as !== undefined && as === undefined) throw new OptionError('--as', MODELS.join(', '), flags.as);
      const precision = PRECISIONS[flags.precision as keyof typeof PRECISIONS];
      if (precision === undefined) throw new OptionError('--precision', 'fp32, fp16 or int8', flags.precision);
      const { signal, dispose } = interruptible();
      const toTerminal = streams.stderr.isTTY && !flags.json;
      let shown = -1;
      try {
        const result = await importCheckpoint({
          file,
          modelsDir: flags.models ?? fileURLToPath(new URL('../../../../models/', import.meta.url)),
          precision,
          ema: flags.ema,
          ...(as === undefined ? {} : { as }),
          ...(flags.vocabulary === undefined ? {} : { vocabulary: flags.vocabulary }),
          signal,
          onProgress(done, total) {
            const percent = Math.floor((100 * done) / total);
            if (!toTerminal || percent === shown) return;
            shown = percent;
            streams.stderr.write(`\rimport ${percent} % of ${(total / 1e6).toFixed(0)} MB${done === total ? '\n' : ''}`);
          },
        });
        if (flags.json) {
          streams.stdout.write(`${JSON.stringify(result)}\n`);
          return;
        }
        const what = `${result.id}, ${flags.precision}, ${(result.bytes / 1e6).toFixed(0)} MB`;
        streams.stderr.write(result.state === 'kept' ? `already installed: ${what}\n` : `imported: ${what}\n`);
        for (const note of result.notes) streams.stderr.write(`  ${note}\n`);
        streams.stderr.write(`licence of these weights: ${result.licence} (${result.source})\n  ${result.terms}\n`);
        streams.stdout.write(`${result.folder}\n`);
      } finally {
        dispose();
      }
    });
}
