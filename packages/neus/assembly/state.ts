// Addresses and constants of a fit. Every thread has its own instance of the module, so these globals are the thread's own,
// while the memory they point into is shared. src/cpu/memory-layout.ts writes the block that configure() reads.

export const SDF_IN: i32 = 19;
export const X_STRIDE: i32 = 20; // floats; input rows padded with 0
export const HIDDEN: i32 = 32;
export const SDF_OUT: i32 = 16;
export const COLOR_IN: i32 = 18;

// byte offsets in the parameter array (src/config.ts)
export const W1: usize = 0;
export const B1: usize = 608 * 4;
export const W2: usize = 640 * 4;
export const B2: usize = 1152 * 4;
export const C1: usize = 1168 * 4;
export const D1: usize = 1744 * 4;
export const C2: usize = 1776 * 4;
export const D2: usize = 2800 * 4;
export const C3: usize = 2832 * 4;
export const D3: usize = 2960 * 4;
export const MLP_BYTES: usize = 2964 * 4;

export let params: usize = 0;
export let moment1: usize = 0;
export let moment2: usize = 0;
export let gradBase: usize = 0;
export let gradStride: usize = 0;
export let groups: i32 = 0;
export let cameras: usize = 0;
export let viewStart: usize = 0;
export let pixels: usize = 0;
export let foreground: usize = 0;
export let foregroundCount: i32 = 0;
export let background: usize = 0;
export let backgroundCount: i32 = 0;
export let hull: usize = 0;
export let occupancy: usize = 0;
export let levels: usize = 0; // per level 4 x i32: resolution, byte offset, mask (0: dense), -
export let levelCount: i32 = 0;
export let paramBytes: usize = 0;
export let viewCount: i32 = 0;
export let gridEdge: i32 = 0;
export let rayCount: i32 = 0;
export let seed: u32 = 0;
export let metrics: usize = 0; // per group 8 x f64
export let foregroundShare: f32 = 0;
export let marchStep: f32 = 0;
export let colorWeight: f32 = 0;
export let maskWeight: f32 = 0;
export let eikonalWeight: f32 = 0;
export let lrMlp: f32 = 0;
export let curvatureWeight: f32 = 0;
export let hullCells: usize = 0; // [hullCellCount] u32
export let hullCellCount: i32 = 0;

export let scratch: usize = 0;

/** What the step at hand uses; set by setStep(). */
export let step: i32 = 0;
export let activeLevels: i32 = 0;
export let sharpness: f32 = 0;
export let tap: f32 = 0;

// scratch of the thread, byte addresses
export const CHUNK_RAYS: i32 = 64;
export const CAPACITY: i32 = 2048; // samples of a chunk, with the eikonal points
export let X: usize = 0; //      [CAPACITY][20] network input
export let H: usize = 0; //      [CAPACITY][32]
export let F: usize = 0; //      [CAPACITY] sdf
export let DF: usize = 0; //     [CAPACITY] its gradient
export let E: usize = 0; //      [CAPACITY] exp(-s f)
export let TW: usize = 0; //     [CAPACITY] weight of the segment that starts here
export let TT: usize = 0; //     [CAPACITY] transmittance behind that segment
export let EW: usize = 0; //     [CAPACITY] weight of the entry at this sample, 0 inside a run
export let ET: usize = 0; //     [CAPACITY] transmittance behind the entry
export let LINK: usize = 0; //   [CAPACITY] i32: 1 if the segment to the next sample is live
export let CIX: usize = 0; //    [CAPACITY] i32: row in the colour list, or -1
export let CW: usize = 0; //     [CAPACITY] sample weight of a colour row
export let CS: usize = 0; //     [CAPACITY] i32: sample of a colour row
export let CI: usize = 0; //     [CAPACITY][20] colour input
export let O: usize = 0; //      [CAPACITY][16] outputs of the SDF network, colour rows only
export let H1: usize = 0; //     [CAPACITY][32]
export let H2: usize = 0; //     [CAPACITY][32]
export let RGB: usize = 0; //    [CAPACITY][4]
export let DRGB: usize = 0; //   [CAPACITY][4]
export let D32A: usize = 0; //   [CAPACITY][32]
export let D32B: usize = 0; //   [CAPACITY][32]
export let D20: usize = 0; //    [CAPACITY][20]
export let BX: usize = 0; //     [CAPACITY][20] rows with a gradient, gathered
export let BH: usize = 0; //     [CAPACITY][32]
export let BD: usize = 0; //     [CAPACITY][16]
export let RAYS: usize = 0; //   [CHUNK_RAYS][16] target rgb a, background rgb, weight, i32 start, end, key, foreground, eikonal point xyz, its kind
export let W1T: usize = 0; //    [32][20]
export let W2T: usize = 0; //    [16][32]
export let C1T: usize = 0; //    [32][20]
export let C2T: usize = 0; //    [32][32]
export let C3T: usize = 0; //    [4][32]

/** Bytes that a thread's scratch takes. */
export function scratchBytes(): i32 {
  return <i32>layout(0);
}

function layout(base: usize): usize {
  const n = <usize>CAPACITY * 4;
  let at = base;
  X = at; at += n * 20;
  H = at; at += n * 32;
  F = at; at += n;
  DF = at; at += n;
  E = at; at += n;
  TW = at; at += n;
  TT = at; at += n;
  EW = at; at += n;
  ET = at; at += n;
  LINK = at; at += n;
  CIX = at; at += n;
  CW = at; at += n;
  CS = at; at += n;
  CI = at; at += n * 20;
  O = at; at += n * 16;
  H1 = at; at += n * 32;
  H2 = at; at += n * 32;
  RGB = at; at += n * 4;
  DRGB = at; at += n * 4;
  D32A = at; at += n * 32;
  D32B = at; at += n * 32;
  D20 = at; at += n * 20;
  BX = at; at += n * 20;
  BH = at; at += n * 32;
  BD = at; at += n * 16;
  RAYS = at; at += <usize>CHUNK_RAYS * 64;
  W1T = at; at += 32 * 20 * 4;
  W2T = at; at += 16 * 32 * 4;
  C1T = at; at += 32 * 20 * 4;
  C2T = at; at += 32 * 32 * 4;
  C3T = at; at += 4 * 32 * 4;
  return at;
}

/** @param block 40 words, see memory-layout.ts; @param scratchBase this thread's scratch */
export function configure(block: usize, scratchBase: usize): void {
  params = load<u32>(block, 0);
  moment1 = load<u32>(block, 4);
  moment2 = load<u32>(block, 8);
  gradBase = load<u32>(block, 12);
  gradStride = load<u32>(block, 16);
  groups = load<i32>(block, 20);
  cameras = load<u32>(block, 24);
  viewStart = load<u32>(block, 28);
  pixels = load<u32>(block, 32);
  foreground = load<u32>(block, 36);
  foregroundCount = load<i32>(block, 40);
  background = load<u32>(block, 44);
  backgroundCount = load<i32>(block, 48);
  hull = load<u32>(block, 52);
  occupancy = load<u32>(block, 56);
  levels = load<u32>(block, 60);
  levelCount = load<i32>(block, 64);
  paramBytes = load<u32>(block, 68);
  viewCount = load<i32>(block, 72);
  gridEdge = load<i32>(block, 76);
  rayCount = load<i32>(block, 80);
  seed = load<u32>(block, 84);
  metrics = load<u32>(block, 88);
  foregroundShare = load<f32>(block, 96);
  marchStep = load<f32>(block, 100);
  colorWeight = load<f32>(block, 104);
  maskWeight = load<f32>(block, 108);
  eikonalWeight = load<f32>(block, 112);
  lrMlp = load<f32>(block, 116);
  curvatureWeight = load<f32>(block, 120);
  hullCells = load<u32>(block, 128);
  hullCellCount = load<i32>(block, 132);
  scratch = scratchBase;
  layout(scratchBase);
}

/** Sets what follows the schedule. */
export function setStep(stepIndex: i32, levelsInUse: i32, s: f32, h: f32): void {
  step = stepIndex;
  activeLevels = levelsInUse;
  sharpness = s;
  tap = h;
}
