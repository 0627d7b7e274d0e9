import { OptionError } from '@gestalt3d/core';
import { checkBand, OCCLUSION_BANDS, type OcclusionBand } from '../bands.ts';

export interface PairSetOptions {
  /** Pairs of each photograph in which a whole object was found. */
  perImage: number;
  /** Hidden shares, taken in turn. */
  bands: readonly OcclusionBand[];
  /** Side of the pictures in pixels. */
  size: number;
  seed: number;
  /** Photographs to read at most, in the order of their names. */
  limit: number;
}

export const PAIR_SET_DEFAULTS: Readonly<PairSetOptions> = { perImage: 4, bands: OCCLUSION_BANDS, size: 256, seed: 0, limit: Infinity };

/** Fills in the defaults. @throws OptionError */
export function resolvePairSetOptions(given: Partial<PairSetOptions>): PairSetOptions {
  const options = { ...PAIR_SET_DEFAULTS, ...given };
  const whole = (name: string, value: number, low: number, high: number): void => {
    if (!(Number.isInteger(value) && value >= low && value <= high))
      throw new OptionError(name, `a whole number from ${low} to ${high}`, String(value));
  };
  whole('per-image', options.perImage, 1, 10_000);
  whole('size', options.size, 64, 1024);
  whole('seed', options.seed, 0, 2 ** 32 - 1);
  if (options.limit !== Infinity) whole('limit', options.limit, 1, 1e9);
  if (options.bands.length === 0) throw new OptionError('bands', 'at least one band', 'none');
  for (const band of options.bands) checkBand(band);
  return options;
}
