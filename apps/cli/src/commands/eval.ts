import { resolve } from 'node:path';
import { isAbort, OptionError } from '@gestalt3d/core';
import { EVALUATION_DEFAULTS, resolveEvaluationOptions, runEvaluation, type Summary, VARIANTS } from '@gestalt3d/evaluation';
import { createEngine, createFileStore, loadEvaluationInput } from '@gestalt3d/host';
import type { Command } from 'commander';
import { createEvaluationProgress } from '../evaluation-progress.ts';
import { interruptible, type Streams } from '../session.ts';

interface EvalFlags {
  out: string;
  objects?: string;
  samples?: string;
  seed?: string;
  preset?: string;
  views?: string;
  device?: string;
  only?: string;
  models?: string;
}

const whole = (flag: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new OptionError(flag, 'a whole number', `"${text}"`);
  return Number(text);
};

/** The paper's protocol on known objects. */
export function registerEval(program: Command, streams: Streams): void {
  program
    .command('eval')
    .description('measure completion and 3D on known objects: report.json, report.md and index.html with every picture')
    .option('--out <dir>', 'folder of the reports', 'eval')
    .option('--objects <dir>', 'folder of GLB or OBJ files (default: the 30 that come with the project)')
    .option('--samples <n>', 'the first n samples (default: two of every object)')
    .option('--seed <n>', `seed of every random number (default ${EVALUATION_DEFAULTS.seed})`)
    .option('--preset <name>', `surface fit: draft, standard or fine (default ${EVALUATION_DEFAULTS.preset})`)
    .option('--views <name>', `body, volume, joint or auto (default ${EVALUATION_DEFAULTS.views})`)
    .option('--device <name>', `auto, cpu, webgpu or cuda (default ${EVALUATION_DEFAULTS.device})`)
    .option('--only <names>', `some of ${VARIANTS.join(',')} (default ${EVALUATION_DEFAULTS.only.join(',')})`)
    .option('--models <dir>', 'folder of the model bundles')
    .action(async (flags: EvalFlags) => {
      const options = resolveEvaluationOptions({
        samples: whole('--samples', flags.samples),
        seed: whole('--seed', flags.seed),
        preset: flags.preset,
        views: flags.views,
        device: flags.device,
        only: flags.only?.split(',').map((name) => name.trim()),
      });
      const { signal, dispose } = interruptible();
      const engine = createEngine(flags.models === undefined ? {} : { modelsDir: flags.models });
      const progress = createEvaluationProgress(streams.stderr);
      try {
        const input = await loadEvaluationInput(flags.objects);
        const { summary } = await runEvaluation(
          input,
          options,
          engine.toolkit(options.device),
          createFileStore(flags.out),
          signal,
          progress,
        );
        progress.end();
        streams.stderr.write(`${summaryTable(summary)}\n`);
        for (const name of ['report.json', 'report.md', 'index.html']) streams.stdout.write(`${resolve(flags.out, name)}\n`);
      } catch (error) {
        progress.end();
        if (isAbort(error, signal))
          throw new DOMException('interrupted; what is measured is kept, the same command goes on from there', 'AbortError');
        throw error;
      } finally {
        dispose();
        await engine.close();
      }
    });
}

function summaryTable(summary: Summary): string {
  const cell = (value: number | null, digits: number) => (value === null ? '-' : value.toFixed(digits)).padStart(9);
  const head = `${''.padEnd(14)}${['CD', 'IoU', 'PSNR', 'SSIM', 'mask IoU'].map((text) => text.padStart(9)).join('')}`;
  const rows = VARIANTS.flatMap((name) => {
    const s = summary[name];
    return s ? [`${name.padEnd(14)}${cell(s.chamfer, 4)}${cell(s.iou, 4)}${cell(s.psnr, 2)}${cell(s.ssim, 3)}${cell(s.maskIou, 3)}`] : [];
  });
  return [head, ...rows].join('\n');
}
