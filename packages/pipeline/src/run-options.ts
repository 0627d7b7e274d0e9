import { OptionError } from '@gestalt3d/core';

export type DeviceChoice = 'auto' | 'cpu' | 'webgpu' | 'cuda';
export type Preset = 'draft' | 'standard' | 'fine';

/** What a user may set for a run; the CLI's flags and the server's options are these. */
export interface RunOptions {
  /** Completions to draw, 1..16. */
  samples: number;
  /** Every random number of the run follows from it. */
  seed: number;
  /** Camera's elevation over the object in degrees, -10..60; null: estimated. */
  elevationDeg: number | null;
  /** Index of the completion that becomes 3D; null: the one that agrees best with the majority of all. */
  completion: number | null;
  device: DeviceChoice;
  /** How views are made: the layered body's renders, or these denoised jointly; auto: what its model bundle recommends. */
  views: 'auto' | 'body' | 'joint';
  /** Triangle budget of the asset. */
  triangles: number;
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
  views: 'auto',
  triangles: 20_000,
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
const oneOf = (...values: string[]): Check => ({ expected: values.join(', '), accepts: (value) => values.includes(value as string) });

const CHECKS: Record<keyof RunOptions, Check> = {
  samples: integer(1, 16),
  seed: integer(0, 4294967295),
  elevationDeg: {
    expected: 'degrees from -10 to 60, or null',
    accepts: (value) => value === null || (typeof value === 'number' && value >= -10 && value <= 60),
  },
  completion: { expected: 'a whole number from 0 to 15, or null', accepts: (value) => value === null || integer(0, 15).accepts(value) },
  device: oneOf('auto', 'cpu', 'webgpu', 'cuda'),
  views: oneOf('auto', 'body', 'joint'),
  triangles: integer(100, 1_000_000),
  preset: oneOf('draft', 'standard', 'fine'),
  compress: oneOf('none', 'meshopt'),
  printable: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  sizeMm: {
    expected: 'millimetres from 0.1 to 10000',
    accepts: (value) => typeof value === 'number' && value >= 0.1 && value <= 10_000,
  },
};

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
  return options;
}
