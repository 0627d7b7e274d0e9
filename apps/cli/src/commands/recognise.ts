import { type Image, type Mask, OptionError, type RgbaImage, withAlpha } from '@gestalt3d/core';
import {
  createEngine,
  createFileStore,
  cropToObject,
  imageCodec,
  RECOGNISE_PROMPT,
  RECOGNISERS,
  type RecognitionRequest,
} from '@gestalt3d/host';
import { type CompletionsFile, completionName, loadMask, RUN_DEFAULTS, RunFolder, resolveRunOptions } from '@gestalt3d/pipeline';
import type { Command } from 'commander';
import { interruptible, type Streams } from '../session.ts';
import { number } from './run-options.ts';

interface RecogniseFlags {
  labels?: string;
  prompt?: string;
  recogniser?: string;
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
    .description('what the object of a run folder is: by the photograph, by its visible part, by its completion')
    .option('--labels <a,b,c>', 'what it may be, any words (default: the names that the embedded recogniser was trained with)')
    .option('-k, --top <k>', 'labels to print for each', '3')
    .option('--recogniser <name>', `${RECOGNISERS.join(' or ')} (default: clip where its weights are imported)`)
    .option('--prompt <text>', `for clip: what a text says of a label (default: ${RECOGNISE_PROMPT})`)
    .option('--completion <i>', 'which completion (default: the one that agrees best with the majority)')
    .option('--device <name>', `auto, cpu, webgpu or cuda (default ${RUN_DEFAULTS.device})`)
    .option('--models <dir>', 'folder of the model bundles')
    .option('--json', 'print as JSON')
    .action(async (dir: string, flags: RecogniseFlags) => {
      const top = number('--top', flags.top)!;
      if (!Number.isInteger(top) || top < 1) throw new OptionError('--top', 'a whole number from 1', flags.top);
      const { device } = resolveRunOptions({ device: flags.device });
      const found = await picturesOf(await RunFolder.open(createFileStore(dir)), number('--completion', flags.completion));
      const { signal, dispose } = interruptible();
      const engine = createEngine(flags.models === undefined ? {} : { modelsDir: flags.models });
      try {
        const request = requestOf(flags, await engine.recogniser(flags.recogniser));
        const { photo, mask, visible, completion } = found;
        const seen: Image<3 | 4> = request.recogniser === 'clip' ? photo : cropToObject(photo, mask);
        const pictures = { photo: seen, visible, completion };
        const results = await engine.recognise(Object.values(pictures), request, device, signal);
        const rows = Object.keys(pictures).map((name, i) => [name, results[i]!.slice(0, top)] as const);
        if (flags.json) streams.stdout.write(`${JSON.stringify(Object.fromEntries(rows))}\n`);
        else
          for (const [name, likeliest] of rows) {
            const shown = likeliest.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`);
            streams.stdout.write(`${name.padEnd(11)} ${shown.join(', ')}\n`);
          }
      } finally {
        dispose();
        await engine.close();
      }
    });
}

/** @throws OptionError for a prompt that nothing reads */
function requestOf({ labels, prompt }: RecogniseFlags, recogniser: RecognitionRequest['recogniser']): RecognitionRequest {
  if (prompt !== undefined && recogniser !== 'clip')
    throw new OptionError('--prompt', 'only with --recogniser clip; the embedded recogniser reads the labels themselves', prompt);
  return {
    recogniser,
    ...(labels === undefined ? {} : { labels: labels.split(',').map((label) => label.trim()) }),
    ...(prompt === undefined ? {} : { prompt }),
  };
}

/** @throws RunFolderError when the stages before are not finished */
async function picturesOf(
  folder: RunFolder,
  completion?: number,
): Promise<Record<'photo' | 'visible' | 'completion', RgbaImage> & { mask: Mask }> {
  folder.fileHash('segment', 'mask.png');
  const { closestToVote } = JSON.parse(new TextDecoder().decode(await folder.read('completions.json'))) as CompletionsFile;
  const name = completionName(completion ?? closestToVote);
  folder.fileHash('complete', name);
  const photo = await imageCodec.decode(await folder.read('input.png'), 'input.png');
  const mask = await loadMask(await folder.read('mask.png'), 'mask.png', imageCodec);
  const opaque = { ...photo, data: photo.data.map((value, i) => (i % 4 === 3 ? 255 : value)) };
  return { photo: opaque, mask, visible: withAlpha(photo, mask), completion: await imageCodec.decode(await folder.read(name), name) };
}
