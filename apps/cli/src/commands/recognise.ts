import { OptionError, type RgbaImage, withAlpha } from '@gestalt3d/core';
import { createEngine, createFileStore, imageCodec, RECOGNISE_PROMPT } from '@gestalt3d/host';
import { type CompletionsFile, completionName, loadMask, RUN_DEFAULTS, RunFolder, resolveRunOptions } from '@gestalt3d/pipeline';
import type { Command } from 'commander';
import { interruptible, type Streams } from '../session.ts';
import { number } from './run-options.ts';

interface RecogniseFlags {
  labels: string;
  prompt: string;
  top: string;
  completion?: string;
  device?: string;
  models?: string;
  json?: boolean;
}

/** What the object of a run is: once by the photograph, once by its visible part, once by the completion. */
export function registerRecognise(program: Command, streams: Streams): void {
  program
    .command('recognise <dir>')
    .description('what imported CLIP weights see in a run folder: in the photograph, in the visible part, in the completion')
    .requiredOption('--labels <a,b,c>', 'what it may be')
    .option('--top <k>', 'labels to print for each', '3')
    .option('--prompt <text>', 'what a text says of a label', RECOGNISE_PROMPT)
    .option('--completion <i>', 'which completion (default: the one that agrees best with the majority)')
    .option('--device <name>', `auto, cpu, webgpu or cuda (default ${RUN_DEFAULTS.device})`)
    .option('--models <dir>', 'folder of the model bundles')
    .option('--json', 'print as JSON')
    .action(async (dir: string, flags: RecogniseFlags) => {
      const top = number('--top', flags.top)!;
      if (!Number.isInteger(top) || top < 1) throw new OptionError('--top', 'a whole number from 1', flags.top);
      const { device } = resolveRunOptions({ device: flags.device });
      const labels = flags.labels.split(',').map((label) => label.trim());
      const pictures = await picturesOf(await RunFolder.open(createFileStore(dir)), number('--completion', flags.completion));
      const { signal, dispose } = interruptible();
      const engine = createEngine(flags.models === undefined ? {} : { modelsDir: flags.models });
      try {
        const results = await engine.recognise(Object.values(pictures), { labels, prompt: flags.prompt }, device, signal);
        const rows = Object.keys(pictures).map((name, i) => [name, results[i]!.slice(0, top)] as const);
        if (flags.json) streams.stdout.write(`${JSON.stringify(Object.fromEntries(rows))}\n`);
        else
          for (const [name, found] of rows) {
            const shown = found.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`);
            streams.stdout.write(`${name.padEnd(11)} ${shown.join(', ')}\n`);
          }
      } finally {
        dispose();
        await engine.close();
      }
    });
}

/** @throws RunFolderError when the stages before are not finished */
async function picturesOf(folder: RunFolder, completion?: number): Promise<Record<'photo' | 'visible' | 'completion', RgbaImage>> {
  folder.fileHash('segment', 'mask.png');
  const { closestToVote } = JSON.parse(new TextDecoder().decode(await folder.read('completions.json'))) as CompletionsFile;
  const name = completionName(completion ?? closestToVote);
  folder.fileHash('complete', name);
  const photo = await imageCodec.decode(await folder.read('input.png'), 'input.png');
  const mask = await loadMask(await folder.read('mask.png'), 'mask.png', imageCodec);
  const opaque = { ...photo, data: photo.data.map((value, i) => (i % 4 === 3 ? 255 : value)) };
  return { photo: opaque, visible: withAlpha(photo, mask), completion: await imageCodec.decode(await folder.read(name), name) };
}
