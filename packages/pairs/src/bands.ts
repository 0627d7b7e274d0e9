import { OptionError } from '@gestalt3d/core';

/** Range of the hidden share of an object's area: from the first number, included, to the second, excluded. */
export type OcclusionBand = readonly [low: number, high: number];

/** The four bands that results are reported by. */
export const OCCLUSION_BANDS: readonly OcclusionBand[] = [
  [0, 0.2],
  [0.2, 0.4],
  [0.4, 0.6],
  [0.6, 0.8],
];

/** The reporting band that a hidden share falls into; undefined from 80 % on. */
export function bandOf(hidden: number): OcclusionBand | undefined {
  return OCCLUSION_BANDS.find(([low, high]) => hidden >= low && hidden < high);
}

/** Bands narrower than this are missed by the size of single pixels. */
const MIN_WIDTH = 0.02;

/** @throws OptionError */
export function checkBand([low, high]: OcclusionBand): void {
  if (!(low >= 0 && high <= 1 && high - low >= MIN_WIDTH))
    throw new OptionError('band', `two shares from 0 to 1 at least ${MIN_WIDTH} apart, the lower first`, `${low}-${high}`);
}
