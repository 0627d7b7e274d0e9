import type { Mask } from '@gestalt3d/core';

/** Pixels of two masks: in both, and in either. */
export interface Overlap {
  both: number;
  either: number;
}

/** Counts of pixels above 127, of masks of one size. */
export function maskOverlap(a: Mask, b: Mask): Overlap {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.data.length; i++) {
    const inA = a.data[i] > 127;
    const inB = b.data[i] > 127;
    if (inA && inB) both++;
    if (inA || inB) either++;
  }
  return { both, either };
}

/** Intersection over union of one object; 1 of two empty masks. */
export const iouOf = ({ both, either }: Overlap): number => (either === 0 ? 1 : both / either);

/** One ratio of all objects: sum of intersections over sum of unions, as PCNet's tools/test.py computes it (pix2gestalt reference, 11.1). */
export const pooledIou = (overlaps: readonly Overlap[]): number => iouOf(sumOf(overlaps));

export const sumOf = (overlaps: readonly Overlap[]): Overlap =>
  overlaps.reduce((sum, one) => ({ both: sum.both + one.both, either: sum.either + one.either }), { both: 0, either: 0 });
