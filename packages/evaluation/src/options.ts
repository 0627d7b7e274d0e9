import { OptionError } from '@gestalt3d/core';
import type { DeviceChoice, Preset } from '@gestalt3d/pipeline';
import { STANDARD_VARIANTS, VARIANTS, type VariantName } from './variants.ts';

/** What a user may set for an evaluation. */
export interface EvaluationOptions {
  /** Samples at most: the first so many; null: two of every object. */
  samples: number | null;
  /** Every random number follows from it. */
  seed: number;
  /** Effort of the surface fit. */
  preset: Preset;
  /** Member of the views stage. */
  views: 'auto' | 'body' | 'volume' | 'joint';
  device: DeviceChoice;
  /** Variants to measure. */
  only: VariantName[];
}

export const EVALUATION_DEFAULTS: Readonly<EvaluationOptions> = {
  samples: null,
  seed: 7,
  preset: 'draft',
  views: 'auto',
  device: 'auto',
  only: [...STANDARD_VARIANTS],
};

const oneOf = <T extends string>(name: string, values: readonly T[], value: unknown): T => {
  if (!values.includes(value as T)) throw new OptionError(name, values.join(', '), JSON.stringify(value));
  return value as T;
};

/** Defaults overlaid with what was given. @throws OptionError naming the option, what it takes and what came */
export function resolveEvaluationOptions(given: { readonly [K in keyof EvaluationOptions]?: unknown }): EvaluationOptions {
  const { samples, seed, preset, views, device, only } = {
    ...EVALUATION_DEFAULTS,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  } as Record<keyof EvaluationOptions, unknown>;
  if (samples !== null && !(Number.isInteger(samples) && (samples as number) >= 1))
    throw new OptionError('samples', 'a whole number from 1', JSON.stringify(samples));
  if (!(Number.isInteger(seed) && (seed as number) >= 0 && (seed as number) < 2 ** 32))
    throw new OptionError('seed', 'a whole number from 0 to 4294967295', JSON.stringify(seed));
  if (!Array.isArray(only) || only.length === 0) throw new OptionError('only', `some of ${VARIANTS.join(', ')}`, JSON.stringify(only));
  for (const name of only) oneOf('only', VARIANTS, name);
  return {
    samples: samples as number | null,
    seed: seed as number,
    preset: oneOf('preset', ['draft', 'standard', 'fine'], preset),
    views: oneOf('views', ['auto', 'body', 'volume', 'joint'], views),
    device: oneOf('device', ['auto', 'cpu', 'webgpu', 'cuda'], device),
    // in their own order, whatever order they were named in
    only: VARIANTS.filter((name) => only.includes(name)),
  };
}
