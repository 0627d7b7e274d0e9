import { OptionError } from '@gestalt3d/core';
import { RUN_DEFAULTS, type RunOptions, resolveRunOptions } from '@gestalt3d/pipeline';
import type { Command } from 'commander';
import type { RunCommandOptions } from '../session.ts';

/** Flags as commander hands them over. */
export interface RunFlags extends RunCommandOptions {
  samples?: string;
  seed?: string;
  elevation?: string;
  completion?: string;
  device?: string;
  views?: string;
  triangles?: string;
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
    .option('--completion <i>', 'which completion becomes 3D (default: the one that agrees best with the majority)')
    .option('--elevation <deg>', "the camera's height over the object in degrees (default: estimated)")
    .option('--device <name>', `auto, cpu, webgpu or cuda (default ${RUN_DEFAULTS.device})`)
    .option('--views <name>', `body, joint or auto (default ${RUN_DEFAULTS.views})`)
    .option('--preset <name>', `draft, standard or fine (default ${RUN_DEFAULTS.preset})`)
    .option('--triangles <n>', `triangle budget (default ${RUN_DEFAULTS.triangles})`)
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

/** @throws OptionError */
export function runOptionsOf(flags: RunFlags): RunOptions {
  return resolveRunOptions({
    samples: number('--samples', flags.samples),
    seed: number('--seed', flags.seed),
    completion: number('--completion', flags.completion),
    elevationDeg: number('--elevation', flags.elevation),
    device: flags.device,
    views: flags.views,
    preset: flags.preset,
    triangles: number('--triangles', flags.triangles),
    compress: flags.compress,
    printable: flags.printable,
    sizeMm: number('--size-mm', flags.sizeMm),
  });
}
