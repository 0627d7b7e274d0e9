/** What a preset fixes. */
export interface FitPreset {
  steps: number;
  rays: number;
  levels: number;
  tableSize: number;
  /** Views larger than this (longer side, pixels) are fitted at this size. */
  maxViewSize: number;
  /** Samples along the cube's edge of the mesh; less if the views do not resolve it. */
  meshResolution: number;
}

export type PresetName = 'draft' | 'standard' | 'fine';

/** Fixed by the ablation in the README. */
export const RECONSTRUCT_PRESETS: Readonly<Record<PresetName, Readonly<FitPreset>>> = {
  draft: { steps: 250, rays: 1024, levels: 8, tableSize: 1 << 15, maxViewSize: 192, meshResolution: 128 },
  standard: { steps: 400, rays: 2048, levels: 8, tableSize: 1 << 15, maxViewSize: 256, meshResolution: 192 },
  fine: { steps: 1000, rays: 2048, levels: 8, tableSize: 1 << 15, maxViewSize: 512, meshResolution: 320 },
};

/** Options of the reconstruct stage: a preset, and single values that replace the preset's. */
export interface ReconstructOptions extends Partial<FitPreset> {
  preset: PresetName;
}

export const RECONSTRUCT_DEFAULTS: Readonly<ReconstructOptions> = { preset: 'standard' };
