import { type Kernel, read, write } from '../kernel.ts';
import type { GpuRunner } from '../runner.ts';
import { REDUCE_BLOCK, reduceSumWgsl } from './reduce.wgsl.ts';

export const reduceSumKernel: Kernel<undefined> = {
  name: 'gpu/reduce-sum',
  bindings: { values: read('f32'), result: write('f32') },
  uniforms: { count: 'u32' },
  source: reduceSumWgsl,
};

/** Sum of the first `count` numbers of a buffer, in f32 and in a fixed order. */
export async function sumOf(runner: GpuRunner, values: GPUBuffer, count: number): Promise<number> {
  if (count === 0) return 0;
  const kernel = await runner.compile(reduceSumKernel, undefined);
  const batch = runner.batch('gpu/reduce-sum');
  const scratch: GPUBuffer[] = [];
  let from = values;
  let left = count;
  do {
    const blocks = Math.ceil(left / REDUCE_BLOCK);
    const result = runner.storage(blocks * 4, 'gpu/reduce-sum');
    scratch.push(result);
    batch.dispatch(kernel, { values: from, result }, { count: left }, blocks);
    from = result;
    left = blocks;
  } while (left > 1);
  batch.submit();
  const [sum] = await runner.read(from, Float32Array, 1);
  for (const buffer of scratch) runner.pool.release(buffer);
  return sum!;
}

/** CPU twin: the same additions in the same order. */
export function reduceSum(values: Float32Array): number {
  let level = values;
  do {
    const blocks = Math.ceil(level.length / REDUCE_BLOCK);
    const next = new Float32Array(blocks);
    for (let block = 0; block < blocks; block++) {
      const sums = new Float32Array(256);
      const end = Math.min(level.length, (block + 1) * REDUCE_BLOCK);
      for (let i = block * REDUCE_BLOCK; i < end; i++) sums[i % 256]! += level[i]!;
      for (let half = 128; half >= 1; half /= 2) for (let t = 0; t < half; t++) sums[t]! += sums[t + half]!;
      next[block] = sums[0]!;
    }
    level = next;
  } while (level.length > 1);
  return level[0] ?? 0;
}
