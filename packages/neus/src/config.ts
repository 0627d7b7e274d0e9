/** Everything that fixes the arithmetic of a fit. The CPU and GPU fitters read the same object; lengths are in units of the fit cube's edge. */
export interface FitConfig {
  seed: number;
  /** Training steps. */
  steps: number;
  /** R: rays a step. */
  rays: number;
  /** Share of rays drawn from the opaque pixels; the others come from the remaining pixels that see the cube. */
  foregroundShare: number;
  /** Grid edges of the levels, ascending, in cells: level l has (N_l + 1)^3 vertices. */
  resolutions: number[];
  /** Entries of a hashed level (power of two); a level with fewer vertices is stored densely. */
  tableSize: number;
  /** Levels in use at the start; the others join one by one until `levelsUntil` (share of the steps). */
  startLevels: number;
  levelsUntil: number;
  /** Radius of the initial sphere around the cube's centre. */
  sphereRadius: number;
  /** Distance between samples along a ray. */
  marchStep: number;
  /** G: the occupancy grid has G^3 cells. */
  occupancyEdge: number;
  /** Steps between two updates of the occupancy grid. */
  occupancyEvery: number;
  /** Sharpness s of the logistic CDF, from and to, geometric over the first `sharpnessUntil` of the steps. */
  sharpnessStart: number;
  sharpnessEnd: number;
  sharpnessUntil: number;
  lrStart: number;
  lrEnd: number;
  /** Learning rate of the MLPs relative to the table's. */
  lrMlp: number;
  colorWeight: number;
  maskWeight: number;
  eikonalWeight: number;
  /** Of the mean curvature (half the SDF's Laplacian) near the surface: takes out ripples that no picture asks for. */
  curvatureWeight: number;
}

/** Features of a vertex of a level. */
export const FEATURES = 2;
/** Most levels that the SDF network reads: its input is xyz and LEVELS x FEATURES numbers, the unused ones 0. */
export const LEVELS = 8;
/** SDF network: 19 -> 32 (ReLU) -> 16 = sdf and 15 geometry features. */
export const SDF_IN = 3 + LEVELS * FEATURES;
export const HIDDEN = 32;
export const SDF_OUT = 16;
/** Colour network: 15 geometry features and xyz = 18 -> 32 (ReLU) -> 32 (ReLU) -> 3 (logistic), stored 4 wide. */
export const COLOR_IN = 18;
export const COLOR_OUT = 4;

/** Offsets in floats of the parts of the parameter array: networks first, weights as [in][out] followed by the bias. */
export const OFFSET_W1 = 0;
export const OFFSET_B1 = OFFSET_W1 + SDF_IN * HIDDEN;
export const OFFSET_W2 = OFFSET_B1 + HIDDEN;
export const OFFSET_B2 = OFFSET_W2 + HIDDEN * SDF_OUT;
export const OFFSET_C1 = OFFSET_B2 + SDF_OUT;
export const OFFSET_D1 = OFFSET_C1 + COLOR_IN * HIDDEN;
export const OFFSET_C2 = OFFSET_D1 + HIDDEN;
export const OFFSET_D2 = OFFSET_C2 + HIDDEN * HIDDEN;
export const OFFSET_C3 = OFFSET_D2 + HIDDEN;
export const OFFSET_D3 = OFFSET_C3 + HIDDEN * COLOR_OUT;
/** Length of the networks' part in floats: 2964. The table follows. */
export const MLP_FLOATS = OFFSET_D3 + COLOR_OUT;

/** Numbers of the method that no preset changes. */
export const BETA1 = 0.9;
export const BETA2 = 0.99;
export const ADAM_EPSILON = 1e-10;
/** The learning rate rises over this many steps: at full rate from the start some fits lost their whole surface at once. */
export const WARM_UP_STEPS = 20;
/** Added under the root of the soft L1 colour loss. */
export const COLOR_EPSILON = 1e-3;
/** The opacity is kept this far from 0 and 1 in the mask's cross-entropy. */
export const MASK_EPSILON = 1e-2;
/** A ray ends when less than this reaches further. */
export const STOP_TRANSMITTANCE = 1e-3;
/** Shares of the rays whose eikonal point is one of the ray's own samples, and a point of a cell with surface; the others take any point of the cube. */
export const EIKONAL_OF_RAY = 0.5;
export const EIKONAL_OF_SURFACE = 0.25;
/** Cells of the hull that are drawn until one has surface. */
export const SURFACE_TRIES = 8;
/** Laplacians (2 / radius, in 1 / cube edges) well above this count by their size, below by their square: edges may stay, ripples not. */
export const CURVATURE_KNEE = 10;
/** Bits of an occupancy cell: it is marched; its centre is within half a diagonal of the surface. */
export const CELL_MARCHED = 1;
export const CELL_SURFACE = 2;
/** Samples of a smaller weight get no colour: their share of the ray's colour is left out. */
export const COLOR_WEIGHT_MIN = 5e-4;
/** A cell is marched if its SDF is below this / s plus the cell's half diagonal. */
export const OCCUPANCY_TAIL = 6;
/** Most samples on a ray; `marchStep` is at least sqrt(3) / this. */
export const MAX_SAMPLES = 512;

/** Where a level's vertices lie in the parameter array. */
export interface GridLevel {
  /** N: cells along an edge. */
  resolution: number;
  /** First float. */
  offset: number;
  /** Vertices stored; a hashed level's count is a power of two. */
  entries: number;
  dense: boolean;
}

/** Layout of the hash grid, fixed by resolutions and table size. */
export function gridLevels(config: Pick<FitConfig, 'resolutions' | 'tableSize'>): GridLevel[] {
  let offset = MLP_FLOATS;
  return config.resolutions.map((resolution) => {
    const vertices = (resolution + 1) ** 3;
    const dense = vertices <= config.tableSize;
    const entries = dense ? Math.ceil(vertices / 8) * 8 : config.tableSize;
    const level = { resolution, offset, entries, dense };
    offset += entries * FEATURES;
    return level;
  });
}

/** Floats of the whole parameter array. A multiple of 4. */
export function parameterCount(config: Pick<FitConfig, 'resolutions' | 'tableSize'>): number {
  const last = gridLevels(config).at(-1)!;
  return last.offset + last.entries * FEATURES;
}

/** Geometric progression of grid edges from `coarsest` to `finest`. */
export function levelResolutions(count: number, coarsest: number, finest: number): number[] {
  const growth = count > 1 ? (finest / coarsest) ** (1 / (count - 1)) : 1;
  return Array.from({ length: count }, (_, l) => Math.round(coarsest * growth ** l));
}

/** What changes from step to step. */
export interface StepSchedule {
  activeLevels: number;
  sharpness: number;
  learningRate: number;
  /** h of the eikonal point's taps: a cell of the finest active level. */
  tap: number;
}

/** @param step 0-based */
export function scheduleAt(config: FitConfig, step: number): StepSchedule {
  const count = config.resolutions.length;
  const first = Math.min(config.startLevels, count);
  const ramp = Math.max(1, config.levelsUntil * config.steps);
  const activeLevels = Math.min(count, first + Math.floor((step / ramp) * (count - first + 1)));
  const sharpening = Math.min(1, step / Math.max(1, config.sharpnessUntil * config.steps));
  const share = step / Math.max(1, config.steps - 1);
  const warm = Math.min(1, (step + 1) / WARM_UP_STEPS);
  return {
    activeLevels,
    sharpness: config.sharpnessStart * (config.sharpnessEnd / config.sharpnessStart) ** sharpening,
    learningRate: warm * config.lrStart * (config.lrEnd / config.lrStart) ** share,
    tap: 1 / config.resolutions[activeLevels - 1],
  };
}
