import { DeviceUnavailableError, ShapeMismatchError } from '@gestalt3d/core';
import { type CompiledKernel, createScan, GUARANTEED, gpuRunner, type Kernel, read, write } from '@gestalt3d/gpu';
import { caseTable } from '../isosurface/cases.ts';
import { checkGrid, type ScalarGrid } from '../isosurface/marching-cubes.ts';
import type { IsoSurface } from '../isosurface/slab-marcher.ts';
import type { GpuField, GridBox } from './field-gpu.ts';
import { classifyWgsl, compactWgsl, countWgsl, pointsWgsl, trianglesWgsl } from './marching.wgsl.ts';

const SLAB = {
  nx: 'u32',
  ny: 'u32',
  nz: 'u32',
  words: 'u32',
  lowest: 'u32',
  skip: 'u32',
  gridLayer: 'u32',
  iso: 'f32',
  count: 'u32',
} as const;

/** The kernels of marching cubes in the order they run. */
export const MARCHING_KERNELS = {
  classify: {
    name: 'neus/march-classify',
    bindings: { grid: read('u32'), bits: write('u32') },
    uniforms: SLAB,
    source: classifyWgsl,
  },
  count: {
    name: 'neus/march-count',
    bindings: {
      bits: read('u32'),
      cases: read('u32'),
      vertices: write('u32'),
      indices: write('u32'),
      used: write('u32'),
      kinds: write('u32'),
    },
    uniforms: SLAB,
    source: countWgsl,
  },
  compact: {
    name: 'neus/march-compact',
    bindings: { used: read('u32'), places: read('u32'), list: write('u32') },
    uniforms: { count: 'u32' },
    source: compactWgsl,
  },
  points: {
    name: 'neus/march-points',
    bindings: { grid: read('u32'), bits: read('u32'), list: read('u32'), vertexBase: read('u32'), points: write('f32') },
    uniforms: { ...SLAB, skipped: 'u32' },
    source: pointsWgsl,
  },
  triangles: {
    name: 'neus/march-triangles',
    bindings: {
      bits: read('u32'),
      cases: read('u32'),
      list: read('u32'),
      vertexBase: read('u32'),
      indexBase: read('u32'),
      kinds: read('u32'),
      triangles: write('u32'),
    },
    uniforms: { ...SLAB, shift: 'u32' },
    source: trianglesWgsl,
  },
} as const satisfies Record<string, Kernel<undefined>>;

/** Samples that are on the device already: [nz, ny, nx] of f32, usable as storage. */
export interface GpuGrid {
  size: readonly [number, number, number];
  buffer: GPUBuffer;
}

/** Marching cubes on a WebGPU device. */
export interface GpuMarchingCubes {
  /**
   * The surface that `marchingCubes` gives: the same triangles in the same order; positions differ by the rounding of one division.
   * @throws ShapeMismatchError, DeviceUnavailableError where a layer is too large for the device, DeviceLostError, the signal's reason
   */
  march(grid: ScalarGrid | GpuGrid, iso?: number, signal?: AbortSignal): Promise<IsoSurface>;
  /** The level of a fitted field on a box's grid, in grid coordinates; the field is evaluated on the device, slab by slab. */
  marchField(field: GpuField, box: GridBox, iso?: number, signal?: AbortSignal): Promise<IsoSurface>;
  dispose(): void;
}

/** How a slab gets at layers [first, end) of the samples: a buffer, the layer it begins with, and whether it is to be given back. */
type LayerSource = (first: number, end: number) => { buffer: GPUBuffer; gridLayer: number; own: boolean };

interface SlabResult {
  positions: Float32Array;
  indices: Uint32Array;
}

/** @param maxBufferBytes largest buffer to use for samples or output; by default what every device binds. Larger volumes are marched in slabs. */
export async function createGpuMarchingCubes(
  device: GPUDevice,
  maxBufferBytes: number = GUARANTEED.maxStorageBufferBindingSize,
): Promise<GpuMarchingCubes> {
  const runner = gpuRunner(device);
  const kernels = {} as Record<keyof typeof MARCHING_KERNELS, CompiledKernel>;
  for (const name of Object.keys(MARCHING_KERNELS) as (keyof typeof MARCHING_KERNELS)[])
    kernels[name] = await runner.compile(MARCHING_KERNELS[name] as Kernel<undefined>, undefined);
  const cases = runner.upload(caseTable(), 'neus/march cases');
  const limit = Math.min(maxBufferBytes, device.limits.maxStorageBufferBindingSize);

  /** Node layers [from, to), with indices counted from `vertices`. In parts where the output does not fit a buffer. */
  const marchSlab = async (
    size: readonly [number, number, number],
    iso: number,
    from: number,
    to: number,
    source: LayerSource,
    vertices: number,
    signal: AbortSignal | undefined,
  ): Promise<SlabResult[]> => {
    signal?.throwIfAborted();
    const [nx, ny, nz] = size;
    const lowest = Math.max(0, from - 2);
    const words = (nx >> 5) + 1;
    const layerWords = (ny + 1) * words;
    const count = (to - lowest) * layerWords;
    const { buffer: grid, gridLayer, own } = source(lowest, Math.min(nz, to));
    const slab = { nx, ny, nz, words, lowest, skip: from - lowest, gridLayer, iso, count };
    const held = own ? [grid] : [];
    const storage = (label: string, elements: number) => {
      const buffer = runner.storage(Math.max(4, elements * 4), `neus/march ${label}`);
      held.push(buffer);
      return buffer;
    };
    const scan = await createScan(runner, count);
    try {
      const bits = storage('bits', count);
      const kinds = storage('kinds', count);
      const counted = { vertices: storage('vertices', count), indices: storage('indices', count), used: storage('used', count) };
      const vertexBase = storage('vertex base', count);
      const indexBase = storage('index base', count);
      const places = storage('places', count);
      const counters = storage('counters', 4);

      // 1. classify, count, and scan; one read-back tells how much there is
      const batch = runner.batch('neus/march-count');
      batch.dispatch(kernels.classify, { grid, bits }, slab, Math.ceil(count / 8));
      batch.dispatch(kernels.count, { bits, cases, kinds, ...counted }, slab, Math.ceil(count / 64));
      batch.copy(scan.record(batch, counted.vertices, vertexBase, count), counters, 4, 0, 0);
      batch.copy(scan.record(batch, counted.indices, indexBase, count), counters, 4, 0, 4);
      batch.copy(scan.record(batch, counted.used, places, count), counters, 4, 0, 8);
      // the layers of the slab before come first in the numbering
      if (slab.skip > 0) batch.copy(vertexBase, counters, 4, slab.skip * layerWords * 4, 12);
      else batch.clear(counters, 12, 4);
      batch.submit();
      const [vertexCount, indexCount, usedCount, skipped] = await runner.read(counters, Uint32Array, 4);
      signal?.throwIfAborted();
      const pointCount = vertexCount! - skipped!;
      if (indexCount === 0) return [];
      if (Math.max(pointCount * 12, indexCount! * 4) > limit) {
        if (to - from < 2) throw tooLarge(`one layer of the surface has ${indexCount! / 3} triangles`, limit);
        const middle = (from + to) >> 1;
        const lower = await marchSlab(size, iso, from, middle, source, vertices, signal);
        const between = lower.reduce((sum, part) => sum + part.positions.length / 3, vertices);
        return [...lower, ...(await marchSlab(size, iso, middle, to, source, between, signal))];
      }

      // 2. compact and emit
      const list = storage('list', usedCount!);
      const points = storage('points', pointCount * 3);
      const triangles = storage('triangles', indexCount!);
      const emit = { ...slab, count: usedCount! };
      const groups = Math.ceil(usedCount! / 64);
      runner
        .batch('neus/march-emit')
        .dispatch(kernels.compact, { used: counted.used, places, list }, { count }, Math.ceil(count / 64))
        .dispatch(kernels.points, { grid, bits, list, vertexBase, points }, { ...emit, skipped: skipped! }, groups)
        .dispatch(
          kernels.triangles,
          { bits, cases, list, vertexBase, indexBase, kinds, triangles },
          { ...emit, shift: (vertices - skipped!) >>> 0 },
          groups,
        )
        .submit();
      return [
        {
          positions: await runner.read(points, Float32Array, pointCount * 3),
          indices: await runner.read(triangles, Uint32Array, indexCount!),
        },
      ];
    } finally {
      scan.dispose();
      for (const buffer of held) runner.pool.release(buffer);
    }
  };

  const marchAll = async (
    size: readonly [number, number, number],
    iso: number,
    source: LayerSource,
    signal: AbortSignal | undefined,
  ): Promise<IsoSurface> => {
    const [nx, ny, nz] = size;
    const layerBytes = nx * ny * 4;
    if (layerBytes * 3 > limit) throw tooLarge(`three layers have ${Math.ceil((layerBytes * 3) / 2 ** 20)} MiB`, limit);
    const step = Math.max(1, Math.floor(limit / layerBytes) - 2);
    const parts: SlabResult[] = [];
    let vertices = 0;
    for (let from = 0; from <= nz; from += step) {
      const found = await marchSlab(size, iso, from, Math.min(nz + 1, from + step), source, vertices, signal);
      for (const part of found) vertices += part.positions.length / 3;
      parts.push(...found);
    }
    if (parts.length === 1) return parts[0]!;
    const surface: IsoSurface = {
      positions: new Float32Array(vertices * 3),
      indices: new Uint32Array(parts.reduce((sum, part) => sum + part.indices.length, 0)),
    };
    let point = 0;
    let index = 0;
    for (const { positions, indices } of parts) {
      surface.positions.set(positions, point);
      surface.indices.set(indices, index);
      point += positions.length;
      index += indices.length;
    }
    return surface;
  };

  return {
    async march(grid, iso = 0, signal) {
      const area = grid.size[0] * grid.size[1];
      if ('buffer' in grid) {
        checkGrid({ size: grid.size, layer: () => {} });
        const bytes = area * grid.size[2] * 4;
        if (grid.buffer.size < bytes) throw new ShapeMismatchError('grid buffer', [`${bytes} bytes`], [`${grid.buffer.size} bytes`]);
        const binding = device.limits.maxStorageBufferBindingSize;
        if (grid.buffer.size > binding) throw tooLarge(`the grid has ${Math.ceil(grid.buffer.size / 2 ** 20)} MiB`, binding);
        return marchAll(grid.size, iso, () => ({ buffer: grid.buffer, gridLayer: 0, own: false }), signal);
      }
      checkGrid(grid);
      const upload: LayerSource = (first, end) => ({
        buffer: runner.upload(grid.data.subarray(first * area, end * area), 'neus/march grid'),
        gridLayer: first,
        own: true,
      });
      return marchAll(grid.size, iso, upload, signal);
    },
    async marchField(field, box, iso = 0, signal) {
      checkGrid({ size: box.size, layer: () => {} });
      const evaluate: LayerSource = (first, end) => ({ buffer: field.sdfLayers(box, first, end), gridLayer: first, own: true });
      return marchAll(box.size, iso, evaluate, signal);
    },
    dispose() {
      runner.pool.release(cases);
      runner.pool.trim();
    },
  };
}

function tooLarge(what: string, limit: number): DeviceUnavailableError {
  return new DeviceUnavailableError('webgpu', `${what}, the device takes ${Math.floor(limit / 2 ** 20)} MiB in one buffer`);
}
