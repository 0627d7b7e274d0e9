import {
  FEATURES,
  type FitConfig,
  type GridLevel,
  gridLevels,
  MAX_SAMPLES,
  MLP_FLOATS,
  OFFSET_C1,
  OFFSET_C2,
  OFFSET_C3,
  OFFSET_W2,
  parameterCount,
} from '../config.ts';

/** Points that belong to a ray's eikonal point: itself, then the four taps around it. They come first in the list of points. */
export const EIKONAL_POINTS = 5;

/** What the kernels have compiled in. Two fits with equal numbers share their pipelines. */
export interface KernelLayout {
  levels: GridLevel[];
  /** First parameter of each group that shares one fixed-point scale: five network layers with their biases, then the levels. */
  segments: number[];
  parameters: number;
  /** R */
  rays: number;
  /** Most samples of a ray: what the cube's diagonal holds. */
  raySamples: number;
  /** G */
  occupancyEdge: number;
  marchStep: number;
}

export function kernelLayout(config: FitConfig): KernelLayout {
  const levels = gridLevels(config);
  return {
    levels,
    segments: [0, OFFSET_W2, OFFSET_C1, OFFSET_C2, OFFSET_C3, ...levels.map((level) => level.offset)],
    parameters: parameterCount(config),
    rays: config.rays,
    raySamples: Math.min(MAX_SAMPLES, Math.ceil(Math.sqrt(3) / config.marchStep) + 1),
    occupancyEdge: config.occupancyEdge,
    marchStep: config.marchStep,
  };
}

/** Parameters in use while `activeLevels` levels are on. */
export function activeParameters(layout: KernelLayout, activeLevels: number): number {
  const last = layout.levels[activeLevels - 1];
  return last ? last.offset + last.entries * FEATURES : MLP_FLOATS;
}
