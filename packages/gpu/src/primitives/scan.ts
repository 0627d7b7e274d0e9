import { type Kernel, read, write } from '../kernel.ts';
import type { Batch, GpuRunner } from '../runner.ts';
import { SCAN_BLOCK, scanAddWgsl, scanBlocksWgsl } from './scan.wgsl.ts';

export const scanBlocksKernel: Kernel<undefined> = {
  name: 'gpu/scan-blocks',
  bindings: { values: read('u32'), result: write('u32'), totals: write('u32') },
  uniforms: { count: 'u32' },
  source: scanBlocksWgsl,
};

export const scanAddKernel: Kernel<undefined> = {
  name: 'gpu/scan-add',
  bindings: { offsets: read('u32'), result: write('u32') },
  uniforms: { count: 'u32' },
  source: scanAddWgsl,
};

/** A prepared exclusive scan of u32 for at most `capacity` elements, with its scratch buffers. */
export interface Scan {
  /** Adds the scan's commands to a batch: result[i] = values[0] + ... + values[i - 1]. Returns the one-element buffer that gets the total. */
  record(batch: Batch, values: GPUBuffer, result: GPUBuffer, count: number): GPUBuffer;
  dispose(): void;
}

export async function createScan(runner: GpuRunner, capacity: number): Promise<Scan> {
  const blocks = await runner.compile(scanBlocksKernel, undefined);
  const add = await runner.compile(scanAddKernel, undefined);
  // level k holds the totals of level k - 1's blocks, and their scan
  const levels: { totals: GPUBuffer; offsets: GPUBuffer }[] = [];
  for (let n = Math.max(capacity, 1); ; n = Math.ceil(n / SCAN_BLOCK)) {
    const size = Math.ceil(n / SCAN_BLOCK) * 4;
    levels.push({ totals: runner.storage(size, 'gpu/scan totals'), offsets: runner.storage(size, 'gpu/scan offsets') });
    if (n <= SCAN_BLOCK) break;
  }
  const record = (batch: Batch, values: GPUBuffer, result: GPUBuffer, count: number, depth = 0): GPUBuffer => {
    const { totals, offsets } = levels[depth]!;
    const groups = Math.ceil(count / SCAN_BLOCK);
    if (groups === 0) batch.clear(totals, 0, 4);
    batch.dispatch(blocks, { values, result, totals }, { count }, groups);
    if (groups <= 1) return totals;
    const total = record(batch, totals, offsets, groups, depth + 1);
    batch.dispatch(add, { offsets, result }, { count }, Math.ceil(count / 256));
    return total;
  };
  return {
    record: (batch, values, result, count) => {
      if (count > capacity) throw new RangeError(`expected at most ${capacity} elements to scan, got ${count}`);
      return record(batch, values, result, count);
    },
    dispose: () => {
      for (const { totals, offsets } of levels) {
        runner.pool.release(totals);
        runner.pool.release(offsets);
      }
    },
  };
}

/** CPU twin: exclusive prefix sum modulo 2^32, and the total. */
export function scanExclusive(values: Uint32Array): { result: Uint32Array; total: number } {
  const result = new Uint32Array(values.length);
  let total = 0;
  values.forEach((value, i) => {
    result[i] = total;
    total = (total + value) >>> 0;
  });
  return { result, total };
}
