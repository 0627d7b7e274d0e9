import { OptionError } from '@gestalt3d/core';
import { SAMPLERS, type Sampler } from '@gestalt3d/diffusion';

export { SAMPLERS };

export type DeviceChoice = 'auto' | 'cpu' | 'webgpu' | 'cuda';
export type Preset = 'draft' | 'standard' | 'fine';

/** What a user may set for a run; the CLI's flags and the server's options are these. */
export interface RunOptions {
  /** Completions to draw, 1..16. */
  samples: number;
  /** Every random number of the run follows from it. */
  seed: number;
  /** Camera's elevation over the object in degrees, -10..60; null: 20. */
  elevationDeg: number | null;
  /** Index of the completion that becomes 3D; null: the one that agrees best with the majority of all. */
  completion: number | null;
  device: DeviceChoice;
  /** What finds the visible part: the model that ships, or imported SAM weights. */
  segmenter: 'embedded' | 'sam';
  /** What draws completions: the model that ships, or imported pix2gestalt weights. */
  completionModel: 'embedded' | 'pix2gestalt';
  /** What pix2gestalt sees: the whole photograph as published, or the object's surroundings. */
  completionFrame: 'photo' | 'object';
  /** Of pix2gestalt; null: as published, or 20 with a fast sampler. */
  completionSteps: number | null;
  /** Of pix2gestalt, 0..20; null: as published. */
  completionGuidance: number | null;
  /** Of pix2gestalt: `ddim` as published, the others need fewer steps. */
  completionSampler: Sampler;
  /**
   * How views are made: the layered body's renders, or these denoised jointly; auto: what its model bundle recommends; syncdreamer: by imported weights.
   */
  views: 'auto' | 'body' | 'volume' | 'joint' | 'syncdreamer';
  /** Of SyncDreamer; null: as published, or 20 with a fast sampler. */
  viewsSteps: number | null;
  /** Of SyncDreamer, 0..20; null: as published. */
  viewsGuidance: number | null;
  /** Of SyncDreamer: `ddim` as published, the others need fewer steps. */
  viewsSampler: Sampler;
  /** Triangle budget of the asset. */
  triangles: number;
  /** Bytes of the GLB at most; null for any. */
  maxBytes: number | null;
  /** Effort of the surface fit. */
  preset: Preset;
  /** Geometry compression of the GLB. */
  compress: 'none' | 'meshopt';
  /** The surface must become the boundary of a solid; STL and 3MF are written beside the GLB. */
  printable: boolean;
  /** Longest side of the print in millimetres. */
  sizeMm: number;
}

export const RUN_DEFAULTS: Readonly<RunOptions> = {
  samples: 4,
  seed: 7,
  elevationDeg: null,
  completion: null,
  device: 'auto',
  segmenter: 'embedded',
  completionModel: 'embedded',
  completionFrame: 'photo',
  completionSteps: null,
  completionGuidance: null,
  completionSampler: 'ddim',
  views: 'auto',
  viewsSteps: null,
  viewsGuidance: null,
  viewsSampler: 'ddim',
  triangles: 20_000,
  maxBytes: null,
  preset: 'standard',
  compress: 'none',
  printable: false,
  sizeMm: 100,
};

type Check = { expected: string; accepts(value: unknown): boolean };
const integer = (min: number, max: number): Check => ({
  expected: `a whole number from ${min} to ${max}`,
  accepts: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
});
const numberOrNull = (min: number, max: number): Check => ({
  expected: `a number from ${min} to ${max}, or null`,
  accepts: (value) => value === null || (typeof value === 'number' && value >= min && value <= max),
});
const integerOrNull = (min: number, max: number): Check => ({
  expected: `a whole number from ${min} to ${max}, or null`,
  accepts: (value) => value === null || integer(min, max).accepts(value),
});
const oneOf = (...values: readonly string[]): Check => ({
  expected: values.join(', '),
  accepts: (value) => values.includes(value as string),
});

const CHECKS: Record<keyof RunOptions, Check> = {
  samples: integer(1, 16),
  seed: integer(0, 4294967295),
  elevationDeg: { ...numberOrNull(-10, 60), expected: 'degrees from -10 to 60, or null' },
  completion: integerOrNull(0, 15),
  device: oneOf('auto', 'cpu', 'webgpu', 'cuda'),
  segmenter: oneOf('embedded', 'sam'),
  completionModel: oneOf('embedded', 'pix2gestalt'),
  completionFrame: oneOf('photo', 'object'),
  completionSteps: integerOrNull(1, 1000),
  completionGuidance: numberOrNull(0, 20),
  completionSampler: oneOf(...SAMPLERS),
  views: oneOf('auto', 'body', 'volume', 'joint', 'syncdreamer'),
  viewsSteps: integerOrNull(1, 1000),
  viewsGuidance: numberOrNull(0, 20),
  viewsSampler: oneOf(...SAMPLERS),
  triangles: integer(100, 1_000_000),
  maxBytes: integerOrNull(10_000, 1_000_000_000),
  preset: oneOf('draft', 'standard', 'fine'),
  compress: oneOf('none', 'meshopt'),
  printable: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  sizeMm: {
    expected: 'millimetres from 0.1 to 10000',
    accepts: (value) => typeof value === 'number' && value >= 0.1 && value <= 10_000,
  },
};

/** Options that only an imported model reads, and the choice that they need beside them. */
const NEEDS_IMPORTED: readonly [options: readonly (keyof RunOptions)[], choice: keyof RunOptions, model: string][] = [
  [['completionFrame', 'completionSteps', 'completionGuidance', 'completionSampler'], 'completionModel', 'pix2gestalt'],
  [['viewsSteps', 'viewsGuidance', 'viewsSampler'], 'views', 'syncdreamer'],
];

/** Defaults overlaid with what was given. @throws OptionError naming the option, what it takes and what came */
export function resolveRunOptions(given: Readonly<Record<string, unknown>>): RunOptions {
  const resolved: Record<string, unknown> = { ...RUN_DEFAULTS };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(CHECKS, name)) throw new OptionError(name, `one of ${Object.keys(CHECKS).join(', ')}`, 'an unknown option');
    const check = CHECKS[name as keyof RunOptions];
    if (!check.accepts(value)) throw new OptionError(name, check.expected, JSON.stringify(value));
    resolved[name] = value;
  }
  const options = resolved as unknown as RunOptions;
  if (options.completion !== null && options.completion >= options.samples)
    throw new OptionError('completion', `an index below samples (${options.samples})`, String(options.completion));
  for (const [names, choice, model] of NEEDS_IMPORTED)
    for (const name of names)
      if (options[choice] !== model && options[name] !== RUN_DEFAULTS[name])
        throw new OptionError(name, `${choice} ${model} beside it`, `${choice} ${String(options[choice])}`);
  return options;
}
