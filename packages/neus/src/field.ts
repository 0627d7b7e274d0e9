import { type Bounds, ShapeMismatchError, type SurfaceField } from '@gestalt3d/core';
import { type FitConfig, gridLevels, LEVELS, parameterCount } from './config.ts';
import { FIELD_WASM } from './wasm/isosurface-field.generated.ts';

/** Points evaluated in one call of the kernel; a multiple of 8. */
const CHUNK = 16384;

/** Reads a surface field on the CPU. Points and distances are in world units. */
export interface FieldReader {
  readonly bounds: Bounds;
  /** What it reads, so that other threads can read it too. */
  readonly field?: SurfaceField;
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
  const kernels = await instantiateFieldKernels();
  const levels = gridLevels(grid);
  const paramsAt = BASE;
  const levelsAt = align(paramsAt + field.data.byteLength);
  const scratchAt = align(levelsAt + levels.length * 16);
  const pointsAt = align(scratchAt + kernels.scratchBytes());
  const sdfAt = pointsAt + CHUNK * 12;
  const rgbAt = sdfAt + CHUNK * 4;
  kernels.memory.grow(Math.ceil((rgbAt + CHUNK * 12) / 65536));
  const { buffer } = kernels.memory;
  new Float32Array(buffer, paramsAt, field.data.length).set(field.data);
  const table = new Uint32Array(buffer, levelsAt, levels.length * 4);
  levels.forEach((level, l) => {
    table.set([level.resolution, level.offset * 4, level.dense ? 0 : level.entries - 1, 0], l * 4);
  });
  kernels.configure(paramsAt, levelsAt, levels.length, scratchAt);
  const { min, max } = field.bounds;
  const scale = 1 / (max[0] - min[0]);
  const edge = max[0] - min[0];
  const pointsIn = new Float32Array(buffer, pointsAt, CHUNK * 3);
  const sdfOut = new Float32Array(buffer, sdfAt, CHUNK);
  const rgbOut = new Float32Array(buffer, rgbAt, CHUNK * 3);
  return {
    bounds: field.bounds,
    field,
    evaluate(points, sdf, rgb) {
      const total = sdf.length;
      for (let from = 0; from < total; from += CHUNK) {
        const count = Math.min(CHUNK, total - from);
        for (let i = 0, at = from * 3; i < count; i++, at += 3) {
          pointsIn[i] = (points[at] - min[0]) * scale;
          pointsIn[CHUNK + i] = (points[at + 1] - min[1]) * scale;
          pointsIn[2 * CHUNK + i] = (points[at + 2] - min[2]) * scale;
        }
        kernels.evaluate(pointsAt, CHUNK * 4, count, sdfAt, rgb ? rgbAt : 0);
        for (let i = 0; i < count; i++) sdf[from + i] = sdfOut[i] * edge;
        if (rgb) rgb.set(rgbOut.subarray(0, count * 3), from * 3);
      }
    },
  };
}

/** Exports of assembly/isosurface-field.ts. Addresses are bytes in the instance's own memory. */
interface FieldKernels {
  readonly memory: WebAssembly.Memory;
  configure(params: number, levels: number, count: number, scratch: number): void;
  scratchBytes(): number;
  evaluate(points: number, strideBytes: number, count: number, sdf: number, rgb: number): void;
}

let compiled: Promise<WebAssembly.Module> | undefined;

async function instantiateFieldKernels(): Promise<FieldKernels> {
  compiled ??= WebAssembly.compile(Uint8Array.from(atob(FIELD_WASM), (char) => char.charCodeAt(0)));
  return (await WebAssembly.instantiate(await compiled, {})).exports as unknown as FieldKernels;
}

/** First byte that is ours: below lies the module's own static data. */
const BASE = 65536;

function align(address: number): number {
  return Math.ceil(address / 64) * 64;
}

/** SDF [count] (world units) and sRGB colour [count, 3] (0..1) of world points [count, 3]. */
export async function evaluateField(field: SurfaceField, points: Float32Array): Promise<{ sdf: Float32Array; rgb: Float32Array }> {
  const reader = await openField(field);
  const sdf = new Float32Array(points.length / 3);
  const rgb = new Float32Array(points.length);
  reader.evaluate(points, sdf, rgb);
  return { sdf, rgb };
}
