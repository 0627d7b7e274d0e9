import { type Bounds, ShapeMismatchError, type SurfaceField } from '@gestalt3d/core';
import { type FitConfig, LEVELS, parameterCount } from './config.ts';
import { instantiateKernels, type Kernels } from './cpu/kernels.ts';
import { allocateMemory, type FitSizes, layoutMemory, writeBlock } from './cpu/memory-layout.ts';

/** Points evaluated in one call of the kernel. */
const CHUNK = 16384;

/** Reads a surface field on the CPU. Points and distances are in world units. */
export interface FieldReader {
  readonly bounds: Bounds;
  /**
   * @param points [count, 3] world
   * @param sdf [count] signed distance, negative inside
   * @param rgb [count, 3] sRGB 0..1, if wanted
   */
  evaluate(points: Float32Array, sdf: Float32Array, rgb?: Float32Array): void;
}

/** The serialisable field of fitted parameters. */
export function fieldOf(config: Pick<FitConfig, 'resolutions' | 'tableSize'>, parameters: Float32Array, bounds: Bounds): SurfaceField {
  return {
    kind: 'hash-grid',
    config: { version: 1, tableSize: config.tableSize, resolutions: [...config.resolutions] },
    data: parameters,
    bounds: { min: [...bounds.min], max: [...bounds.max] },
  };
}

/** @throws ShapeMismatchError when the field's data are not as long as its config says */
export async function openField(field: SurfaceField): Promise<FieldReader> {
  const { resolutions, tableSize } = field.config;
  const grid = { resolutions: resolutions as number[], tableSize: tableSize as number };
  if (!Array.isArray(resolutions) || resolutions.length > LEVELS || parameterCount(grid) !== field.data.length)
    throw new ShapeMismatchError('surface field', [Array.isArray(resolutions) ? parameterCount(grid) : 'P'], [field.data.length]);
  // of the layout only parameters, levels, scratch and points are used here
  const config = { ...grid, occupancyEdge: 1 } as FitConfig;
  const sizes: FitSizes = { views: 0, pixels: 0, foreground: 0, background: 0, groups: 0, threads: 1, points: CHUNK };
  const layout = layoutMemory(config, sizes);
  const memory = allocateMemory(layout);
  writeBlock(memory, layout, config, sizes);
  new Float32Array(memory.buffer, layout.params, field.data.length).set(field.data);
  const kernels: Kernels = await instantiateKernels(memory);
  kernels.configure(layout.block, layout.scratch);
  kernels.setStep(0, grid.resolutions.length, 1, 1);
  kernels.prepare();
  const { min, max } = field.bounds;
  const edge = max[0] - min[0];
  const pointsIn = new Float32Array(memory.buffer, layout.points, CHUNK * 3);
  const sdfAt = layout.points + CHUNK * 12;
  const rgbAt = sdfAt + CHUNK * 4;
  const sdfOut = new Float32Array(memory.buffer, sdfAt, CHUNK);
  const rgbOut = new Float32Array(memory.buffer, rgbAt, CHUNK * 3);
  return {
    bounds: field.bounds,
    evaluate(points, sdf, rgb) {
      const total = sdf.length;
      for (let from = 0; from < total; from += CHUNK) {
        const count = Math.min(CHUNK, total - from);
        for (let i = 0, at = from * 3; i < count * 3; i += 3, at += 3) {
          pointsIn[i] = (points[at] - min[0]) / edge;
          pointsIn[i + 1] = (points[at + 1] - min[1]) / edge;
          pointsIn[i + 2] = (points[at + 2] - min[2]) / edge;
        }
        kernels.evaluate(layout.points, count, sdfAt, rgb ? rgbAt : 0);
        for (let i = 0; i < count; i++) sdf[from + i] = sdfOut[i] * edge;
        if (rgb) rgb.set(rgbOut.subarray(0, count * 3), from * 3);
      }
    },
  };
}

/** SDF [count] (world units) and sRGB colour [count, 3] (0..1) of world points [count, 3]. */
export async function evaluateField(field: SurfaceField, points: Float32Array): Promise<{ sdf: Float32Array; rgb: Float32Array }> {
  const reader = await openField(field);
  const sdf = new Float32Array(points.length / 3);
  const rgb = new Float32Array(points.length);
  reader.evaluate(points, sdf, rgb);
  return { sdf, rgb };
}
