import { createRng } from '@gestalt3d/core';
import { OCCLUSION_BANDS } from '@gestalt3d/pairs';

/** Occlusions of every object. Source: pix2gestalt, section 4.3. */
export const OCCLUSIONS = 2;

/** Which object, which occlusion band, which seed. */
export interface PlannedSample {
  /** Stable name: number, object and occlusion. */
  id: string;
  /** Index into the objects. */
  object: number;
  band: number;
  seed: number;
}

/**
 * All samples in order: every object once, then every object again; bands in turn, so that the first so many of them are spread over
 * objects and bands, and a longer evaluation contains a shorter one. A sample's seed depends on its object and occlusion only.
 */
export function planSamples(objectIds: readonly string[], seed: number, limit: number | null): PlannedSample[] {
  const count = Math.min(limit ?? Infinity, objectIds.length * OCCLUSIONS);
  return Array.from({ length: count }, (_, i) => {
    const object = i % objectIds.length;
    const occlusion = Math.floor(i / objectIds.length);
    // an object's two occlusions are two bands apart, whatever the number of objects
    const band = (object + 2 * occlusion) % OCCLUSION_BANDS.length;
    return {
      id: `${String(i).padStart(3, '0')}-${objectIds[object]}`,
      object,
      band,
      seed: createRng(seed)
        .fork(`${objectIds[object]} ${occlusion}`)
        .integer(2 ** 32),
    };
  });
}
