import { FEATURES, type FitConfig, gridLevels, parameterCount } from '../config.ts';

/** Bytes of a thread's scratch; scratchBytes() of the module is below this (checked by a test). */
export const SCRATCH_BYTES = 4 << 20;
/** Doubles of a group's metrics: colour, mask, eikonal, squared error, foreground rays, samples, coloured samples, rows with a gradient. */
export const METRICS = 8;
/** First byte that is ours: below lies the module's own static data. */
const BASE = 65536;

/** Byte addresses of everything a fit keeps in the shared memory. */
export interface FitMemory {
  control: number;
  block: number;
  params: number;
  moment1: number;
  moment2: number;
  grads: number;
  gradStride: number;
  cameras: number;
  viewStart: number;
  pixels: number;
  foreground: number;
  background: number;
  hull: number;
  hullCells: number;
  occupancy: number;
  levels: number;
  metrics: number;
  scratch: number;
  points: number;
  total: number;
}

export interface FitSizes {
  views: number;
  pixels: number;
  foreground: number;
  background: number;
  hullCells: number;
  groups: number;
  threads: number;
  /** Points that regress() takes at once, [points, 4]. */
  points: number;
}

export function layoutMemory(config: FitConfig, sizes: FitSizes): FitMemory {
  let at = BASE;
  const take = (bytes: number) => {
    const start = at;
    at = Math.ceil((at + bytes) / 64) * 64;
    return start;
  };
  const parameterBytes = parameterCount(config) * 4;
  const gradStride = Math.ceil(parameterBytes / 64) * 64;
  const cells = config.occupancyEdge ** 3;
  const memory: FitMemory = {
    control: take(64),
    block: take(160),
    params: take(parameterBytes),
    moment1: take(parameterBytes),
    moment2: take(parameterBytes),
    grads: take(gradStride * sizes.groups),
    gradStride,
    cameras: take(sizes.views * 64),
    viewStart: take(sizes.views * 4 + 4),
    pixels: take(sizes.pixels * 4),
    foreground: take(sizes.foreground * 4),
    background: take(sizes.background * 4),
    hull: take(cells),
    hullCells: take(sizes.hullCells * 4),
    occupancy: take(cells),
    levels: take(config.resolutions.length * 16),
    metrics: take(sizes.groups * METRICS * 8),
    scratch: take(sizes.threads * SCRATCH_BYTES),
    points: take(sizes.points * 16),
    total: 0,
  };
  memory.total = at;
  return memory;
}

/** A shared memory that holds a layout. */
export function allocateMemory(layout: FitMemory): WebAssembly.Memory {
  const pages = Math.max(64, Math.ceil(layout.total / 65536));
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

/** Writes the block that configure() reads (assembly/state.ts), and the levels' table. */
export function writeBlock(memory: WebAssembly.Memory, layout: FitMemory, config: FitConfig, sizes: FitSizes): void {
  const levels = gridLevels(config);
  const words = new Uint32Array(memory.buffer, layout.block, 40);
  words.set([
    layout.params,
    layout.moment1,
    layout.moment2,
    layout.grads,
    layout.gradStride,
    sizes.groups,
    layout.cameras,
    layout.viewStart,
    layout.pixels,
    layout.foreground,
    sizes.foreground,
    layout.background,
    sizes.background,
    layout.hull,
    layout.occupancy,
    layout.levels,
    levels.length,
    parameterCount(config) * 4,
    sizes.views,
    config.occupancyEdge,
    config.rays,
    config.seed >>> 0,
    layout.metrics,
  ]);
  new Float32Array(memory.buffer, layout.block + 96, 7).set([
    config.foregroundShare,
    config.marchStep,
    config.colorWeight,
    config.maskWeight,
    config.eikonalWeight,
    config.lrMlp,
    config.curvatureWeight,
  ]);
  words.set([layout.hullCells, sizes.hullCells], 32);
  const table = new Uint32Array(memory.buffer, layout.levels, levels.length * 4);
  levels.forEach((level, l) => {
    table.set([level.resolution, level.offset * 4, level.dense ? 0 : level.entries - 1, level.entries * FEATURES * 4], l * 4);
  });
}
