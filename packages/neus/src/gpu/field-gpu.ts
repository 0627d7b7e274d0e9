import type { SurfaceField } from '@gestalt3d/core';
import { type CompiledKernel, gpuRunner } from '@gestalt3d/gpu';
import { gridLevels } from '../config.ts';
import { FIELD_KERNELS } from './kernels.ts';

/** Points of one submission. */
const CHUNK = 1 << 18;

/** Box of a regular grid in the fit cube's frame. */
export interface GridBox {
  /** Position of vertex (0, 0, 0). */
  origin: readonly [number, number, number];
  spacing: number;
  /** Vertices along x, y, z; the result has x fastest. */
  size: readonly [number, number, number];
}

/** Evaluates a fitted field on a WebGPU device. Positions and distances are in units of the fit cube's edge. */
export interface GpuField {
  /** @param points [N, 3] @returns signed distances [N] */
  sdf(points: Float32Array): Promise<Float32Array>;
  /** Signed distances at a grid's vertices; nothing is uploaded for them. */
  sdfGrid(box: GridBox): Promise<Float32Array>;
  /** Signed distances at layers [first, end) of a grid along z, left on the device: a buffer of its runner's pool, which the caller gives back. */
  sdfLayers(box: GridBox, first: number, end: number): GPUBuffer;
  /** @param points [N, 3] @returns sRGB colours [N, 3], 0..1 */
  color(points: Float32Array): Promise<Float32Array>;
  dispose(): void;
}

export async function createGpuField(device: GPUDevice, field: SurfaceField): Promise<GpuField> {
  const runner = gpuRunner(device);
  const config = { resolutions: field.config.resolutions as number[], tableSize: field.config.tableSize as number };
  const layout = { levels: gridLevels(config) };
  const kernels = {
    sdf: await runner.compile(FIELD_KERNELS.sdf, layout),
    color: await runner.compile(FIELD_KERNELS.color, layout),
    sdfGrid: await runner.compile(FIELD_KERNELS.sdfGrid, layout),
  };
  const parameters = runner.upload(field.data, 'neus/field');

  const atPoints = async (kernel: CompiledKernel, points: Float32Array, channels: number): Promise<Float32Array> => {
    const total = points.length / 3;
    const out = new Float32Array(total * channels);
    for (let first = 0; first < total; first += CHUNK) {
      const count = Math.min(CHUNK, total - first);
      const input = runner.upload(points.subarray(first * 3, (first + count) * 3), 'neus/points');
      const result = runner.storage(count * channels * 4, 'neus/result');
      const buffers = { points: input, mlp: parameters, table: parameters, result };
      runner
        .batch(kernel.name)
        .dispatch(kernel, buffers, { count }, Math.ceil(count / 64))
        .submit();
      out.set(await runner.read(result, Float32Array, count * channels), first * channels);
      runner.pool.release(input);
      runner.pool.release(result);
    }
    return out;
  };

  /** Starts the evaluation of vertices [first, first + count) of a grid. The result is the caller's to give back. */
  const gridPart = ({ origin, spacing, size }: GridBox, first: number, count: number): GPUBuffer => {
    const result = runner.storage(count * 4, 'neus/result');
    const uniforms = { count, first, width: size[0], height: size[1], origin: [...origin, spacing] };
    runner
      .batch(kernels.sdfGrid.name)
      .dispatch(kernels.sdfGrid, { mlp: parameters, table: parameters, result }, uniforms, Math.ceil(count / 64))
      .submit();
    return result;
  };

  return {
    sdf: (points) => atPoints(kernels.sdf, points, 1),
    color: (points) => atPoints(kernels.color, points, 3),
    async sdfGrid(box) {
      const [width, height, depth] = box.size;
      const total = width * height * depth;
      const out = new Float32Array(total);
      for (let first = 0; first < total; first += CHUNK) {
        const count = Math.min(CHUNK, total - first);
        const result = gridPart(box, first, count);
        out.set(await runner.read(result, Float32Array, count), first);
        runner.pool.release(result);
      }
      return out;
    },
    sdfLayers(box, first, end) {
      const area = box.size[0] * box.size[1];
      const layers = runner.storage(Math.max(1, (end - first) * area) * 4, 'neus/layers');
      for (let at = first * area; at < end * area; at += CHUNK) {
        const count = Math.min(CHUNK, end * area - at);
        const part = gridPart(box, at, count);
        runner
          .batch('neus/layers')
          .copy(part, layers, count * 4, 0, (at - first * area) * 4)
          .submit();
        runner.pool.release(part);
      }
      return layers;
    },
    dispose() {
      runner.pool.release(parameters);
      runner.pool.trim();
    },
  };
}
