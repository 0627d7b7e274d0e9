import { OptionError } from '@gestalt3d/core';
import { RUN_DEFAULTS, type RunOptions, resolveRunOptions, SAMPLERS } from '@gestalt3d/pipeline';
import type { Command } from 'commander';
import type { RunCommandOptions } from '../session.ts';

/** Flags as commander hands them over. */
export interface RunFlags extends RunCommandOptions {
  samples?: string;
  seed?: string;
  elevation?: string;
  /** An index, a model's name, or both. */
  completion?: string[];
  completionFrame?: string;
  completionSteps?: string;
  completionGuidance?: string;
  completionSampler?: string;
  segmenter?: string;
  device?: string;
  views?: string;
  viewsSteps?: string;
  viewsGuidance?: string;
  viewsSampler?: string;
  triangles?: string;
  maxBytes?: string;
  preset?: string;
  compress?: string;
  printable?: boolean;
  sizeMm?: string;
}

/** Adds the flags of RunOptions; defaults shown are the ones that apply. */
export function addRunOptions(command: Command): Command {
  return command
    .option('--samples <n>', `completions to draw (default ${RUN_DEFAULTS.samples})`)
    .option('--seed <n>', `seed of every random number (default ${RUN_DEFAULTS.seed})`)
    .option('--segmenter <name>', `embedded or sam, imported weights (default ${RUN_DEFAULTS.segmenter})`)
    .option(
      '--completion <i or name>',
      'which completion becomes 3D (default: the one that agrees best with the majority); or pix2gestalt: drawn by imported weights. Repeatable',
      collect,
    )
    .option('--completion-frame <name>', `what pix2gestalt sees: photo or object (default ${RUN_DEFAULTS.completionFrame})`)
    .option('--completion-steps <n>', 'of pix2gestalt (default 200 as published, 20 with a fast sampler)')
    .option('--completion-guidance <x>', 'of pix2gestalt (default 2 as published)')
    .option('--completion-sampler <name>', `of pix2gestalt: ${SAMPLERS.join(', ')} (default ${RUN_DEFAULTS.completionSampler})`)
    .option('--elevation <deg>', 'how far the camera looks down on the object, in degrees (default: 20)')
    .option('--device <name>', `auto, cpu, webgpu or cuda (default ${RUN_DEFAULTS.device})`)
    .option('--views <name>', `body, volume, joint, auto, or syncdreamer: imported weights (default ${RUN_DEFAULTS.views})`)
    .option('--views-steps <n>', 'of syncdreamer (default 50 as published, 20 with a fast sampler)')
    .option('--views-guidance <x>', 'of syncdreamer (default 2 as published)')
    .option('--views-sampler <name>', `of syncdreamer: ${SAMPLERS.join(', ')} (default ${RUN_DEFAULTS.viewsSampler})`)
    .option('--preset <name>', `draft, standard or fine (default ${RUN_DEFAULTS.preset})`)
    .option('--triangles <n>', `triangle budget (default ${RUN_DEFAULTS.triangles})`)
    .option('--max-bytes <n>', 'bytes of the GLB at most: texture and triangles give way (default: any number)')
    .option('--compress <name>', `none or meshopt (default ${RUN_DEFAULTS.compress})`)
    .option('--printable', 'a closed solid without self-intersection, also as STL and 3MF; fails where that cannot be had')
    .option('--size-mm <n>', `longest side of the print in millimetres (default ${RUN_DEFAULTS.sizeMm})`)
    .option('--models <dir>', 'folder of the model bundles')
    .option('--json', 'print events as JSON lines on stdout');
}

export const number = (flag: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new OptionError(flag, 'a number', `"${text}"`);
  return value;
};

/** The values of a flag that may be repeated. */
export const collect = (value: string, previous: string[] = []): string[] => [...previous, value];

/** `--completion` in one word is a model, in a number an index. @throws OptionError */
function completionOf(values: readonly string[] = []): { completion?: number; completionModel?: string } {
  const chosen: { completion?: number; completionModel?: string } = {};
  for (const value of values) {
    if (/^[a-z]/.test(value)) chosen.completionModel = value;
    else chosen.completion = number('--completion', value)!;
  }
  return chosen;
}

/** @throws OptionError */
export function runOptionsOf(flags: RunFlags): RunOptions {
  return resolveRunOptions({
    samples: number('--samples', flags.samples),
    seed: number('--seed', flags.seed),
    ...completionOf(flags.completion),
    completionFrame: flags.completionFrame,
    completionSteps: number('--completion-steps', flags.completionSteps),
    completionGuidance: number('--completion-guidance', flags.completionGuidance),
    completionSampler: flags.completionSampler,
    segmenter: flags.segmenter,
    elevationDeg: number('--elevation', flags.elevation),
    device: flags.device,
    views: flags.views,
    viewsSteps: number('--views-steps', flags.viewsSteps),
    viewsGuidance: number('--views-guidance', flags.viewsGuidance),
    viewsSampler: flags.viewsSampler,
    preset: flags.preset,
    triangles: number('--triangles', flags.triangles),
    maxBytes: number('--max-bytes', flags.maxBytes),
    compress: flags.compress,
    printable: flags.printable,
    sizeMm: number('--size-mm', flags.sizeMm),
  });
}
