import type { Bounds } from '@gestalt3d/core';
import type { FitConfig } from './config.ts';

/** A fit's whole input as plain arrays, ready for upload. Nothing random is left but what `rays.ts` derives from the seed. */
export interface FitProblem {
  config: FitConfig;
  /** The fit cube in the world. */
  bounds: Bounds;
  /** V packed cameras (`packCamera`). [V, 16] */
  cameras: Float32Array;
  /** First pixel of each view, and the total at the end. [V + 1] */
  viewStart: Uint32Array;
  /** RGBA8 of all views, straight alpha. [pixels] as one little-endian u32 each: r | g << 8 | b << 16 | a << 24 */
  pixels: Uint32Array;
  /** Pixel indices with alpha >= 128. */
  foreground: Uint32Array;
  /** The other pixels whose rays meet the cube. */
  background: Uint32Array;
  /** Where rays are marched: the visual hull and its surroundings, in which the field learns that it is empty. [G, G, G], x fastest */
  hull: Uint8Array;
  /** The cells of `hull` that are set, ascending. */
  hullCells: Uint32Array;
  /** Conservative visual hull: 1 where the surface may be; the mesh lies in it. [G, G, G] */
  support: Uint8Array;
  /** Start values: `initialParameters`, then `startFromHull`. */
  parameters: Float32Array;
}
