import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { ImageDecodeError, OptionError, type Prompt, type RgbaImage, STAGE_NAMES, type StageName } from '@gestalt3d/core';
import { imageCodec } from '@gestalt3d/host';
import { maskFromImage } from '@gestalt3d/pipeline';
import type { Command } from 'commander';
import { parseBox, parsePoint } from '../parse-prompt.ts';
import { runInFolder, type Streams } from '../session.ts';
import { addRunOptions, collect, type RunFlags, runOptionsOf } from './run-options.ts';

interface PhotoFlags extends RunFlags {
  point?: string[];
  box?: string;
  mask?: string;
  out?: string;
  from?: string;
}

/** Reads a picture from disk. @throws ImageDecodeError when there is none */
export async function readImage(path: string): Promise<RgbaImage> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new ImageDecodeError(path, (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message, error);
  }
  return imageCodec.decode(bytes, path);
}

export async function promptOf(flags: Pick<PhotoFlags, 'point' | 'box' | 'mask'>): Promise<Prompt> {
  const prompt: Prompt = { points: (flags.point ?? []).map(parsePoint) };
  if (flags.box !== undefined) prompt.box = parseBox(flags.box);
  if (flags.mask !== undefined) prompt.mask = maskFromImage(await readImage(flags.mask));
  return prompt;
}

const hasPrompt = (flags: PhotoFlags): boolean => Boolean(flags.point?.length || flags.box !== undefined || flags.mask !== undefined);

export function addPromptOptions(command: Command): Command {
  return command
    .option('--point <x,y[,-]>', 'a pixel on the object, or with ,- one that is not; repeatable', collect)
    .option('--box <x0,y0,x1,y1>', 'a box around the visible part')
    .option('--mask <file>', 'a mask of the visible part, white on black, of the photograph’s size')
    .option('--out <dir>', 'run folder (default out/<name of the photograph>)');
}

export const defaultOut = (photo: string): string => join('out', basename(photo, extname(photo)));

function stageOption(text: string | undefined): StageName | undefined {
  if (text === undefined) return undefined;
  const name = STAGE_NAMES.find((stage) => stage === text);
  if (!name) throw new OptionError('--from', STAGE_NAMES.join(', '), `"${text}"`);
  return name;
}

/** `run` takes a photograph through every stage; `segment` is its first step alone. */
export function registerRun(program: Command, streams: Streams): void {
  const action = (until: StageName) => async (photo: string, flags: PhotoFlags) => {
    const options = runOptionsOf(flags);
    const from = stageOption(flags.from);
    await runInFolder(flags.out ?? defaultOut(photo), streams, flags, async () => ({
      options,
      until,
      photo: await readImage(photo),
      ...(hasPrompt(flags) ? { prompt: await promptOf(flags) } : {}),
      ...(from ? { from } : {}),
    }));
  };
  addRunOptions(addPromptOptions(program.command('run <photo>').description('a photograph and a prompt to a textured GLB')))
    .option('--from <stage>', `repeat from a stage: ${STAGE_NAMES.join(', ')}`)
    .action(action('mesh'));
  addRunOptions(addPromptOptions(program.command('segment <photo>').description('find the visible part of the object'))).action(
    action('segment'),
  );
}
