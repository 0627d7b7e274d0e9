import { DeviceLostError, ShaderCompileError } from '@gestalt3d/core';
import { afterAll, describe, expect, it } from 'vitest';
import { openTestGpu } from '../../../apps/host/src/software-vulkan.ts';
import { createRng } from '../../core/src/rng.ts';
import {
  adamCorrections,
  adamKernel,
  adamStep,
  createScan,
  gpuRunner,
  type Kernel,
  read,
  reduceSum,
  reduceSumKernel,
  scanAddKernel,
  scanBlocksKernel,
  scanExclusive,
  sumOf,
  write,
} from './index.ts';

const gpu = await openTestGpu();
afterAll(() => gpu?.close());

describe.skipIf(!gpu)('kernel runner', () => {
  const runner = gpuRunner(gpu!.device);

  it('compiles every kernel of the package', async () => {
    await runner.compile(scanBlocksKernel, undefined);
    await runner.compile(scanAddKernel, undefined);
    await runner.compile(reduceSumKernel, undefined);
    await runner.compile(adamKernel, { beta1: 0.9, beta2: 0.99, epsilon: 1e-10 });
  });

  it('asks the device for no more than the guaranteed limits', () => {
    expect(gpu!.device.limits.maxStorageBuffersPerShaderStage).toBe(8);
    expect(gpu!.device.limits.maxComputeWorkgroupStorageSize).toBe(16384);
  });

  it('names kernel, line and text when WGSL does not compile, and works afterwards', async () => {
    const broken: Kernel<undefined> = {
      name: 'test/broken',
      bindings: { data: write('f32') },
      source: () => '@compute @workgroup_size(1)\nfn main() { data[0] = missing; }',
    };
    const both = await Promise.allSettled([runner.compile(broken, undefined), runner.compile(scanAddKernel, undefined)]);
    expect(both[1].status).toBe('fulfilled');
    const error = (both[0] as PromiseRejectedResult).reason;
    expect(error).toBeInstanceOf(ShaderCompileError);
    expect(error.message).toMatch(/test\/broken.*line 4:\d+ unresolved.*missing.*"fn main\(\) \{ data\[0\] = missing; \}"/);
    expect(error.message).not.toContain('\n');
  });

  it("runs the README's example", async () => {
    const axpy: Kernel<{ factor: number }> = {
      name: 'example/axpy',
      bindings: { x: read('f32'), y: write('f32') },
      uniforms: { count: 'u32' },
      source: ({ factor }) => `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(group, groups) * 64u + local;
  if (i < u.count) { y[i] += f32(${factor}) * x[i]; }
}`,
    };
    const kernel = await runner.compile(axpy, { factor: 2 });
    const x = runner.upload(Float32Array.of(1, 2, 3), 'x');
    const y = runner.upload(Float32Array.of(10, 20, 30), 'y');
    runner.batch('axpy').dispatch(kernel, { x, y }, { count: 3 }, 1).submit();
    expect([...(await runner.read(y, Float32Array, 3))]).toEqual([12, 24, 36]);
  });

  it('runs the same kernel with different uniforms in one batch, in order', async () => {
    const step: Kernel<undefined> = {
      name: 'test/step',
      bindings: { data: write('u32') },
      uniforms: { scale: 'u32', add: 'u32', color: 'vec4f' },
      source: () => '@compute @workgroup_size(1)\nfn main() { data[0] = data[0] * u.scale + u.add; data[1] = u32(u.color.z); }',
    };
    const kernel = await runner.compile(step, undefined);
    const data = runner.upload(Uint32Array.of(1, 0), 'test/data');
    const batch = runner.batch('test');
    for (let i = 0; i < 40; i++) batch.dispatch(kernel, { data }, { scale: 3, add: i, color: [0, 0, i, 0] }, 1);
    batch.submit();
    let expected = 1;
    for (let i = 0; i < 40; i++) expected = (Math.imul(expected, 3) + i) >>> 0;
    expect([...(await runner.read(data, Uint32Array, 2))]).toEqual([expected, 39]);
    runner.pool.release(data);
  });

  it('folds more than 65,535 workgroups and counts each once', async () => {
    const count = 70_001;
    const mark: Kernel<undefined> = {
      name: 'test/mark',
      bindings: { data: write('u32') },
      uniforms: { count: 'u32' },
      source: () => `@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = groupIndex(group, groups);
  if (i < u.count) { data[i] += i + 1u; }
}`,
    };
    const kernel = await runner.compile(mark, undefined);
    const data = runner.storage(count * 4, 'test/mark');
    runner.batch('test').clear(data).dispatch(kernel, { data }, { count }, count).submit();
    const got = await runner.read(data, Uint32Array, count);
    expect(got.every((value, i) => value === i + 1)).toBe(true);
    runner.pool.release(data);
  });

  it.each([0, 1, 1023, 1025, 1_100_000])('scans %i numbers like the CPU twin', async (count) => {
    const rng = createRng(count);
    const values = Uint32Array.from({ length: count }, () => rng.integer(1000));
    const expected = scanExclusive(values);
    const input = runner.upload(values, 'test/values');
    const result = runner.storage(count * 4, 'test/result');
    const scan = await createScan(runner, count);
    const batch = runner.batch('test');
    const total = scan.record(batch, input, result, count);
    batch.submit();
    const got = await runner.read(result, Uint32Array, count);
    expect(got.every((value, i) => value === expected.result[i])).toBe(true);
    expect((await runner.read(total, Uint32Array, 1))[0]).toBe(expected.total);
    scan.dispose();
    runner.pool.release(input);
    runner.pool.release(result);
  });

  it.each([0, 1, 2049, 300_000])('sums %i numbers to the bits of the CPU twin', async (count) => {
    const values = createRng(count).fillNormal(new Float32Array(count));
    const input = runner.upload(values, 'test/values');
    expect(await sumOf(runner, input, count)).toBe(reduceSum(values));
    runner.pool.release(input);
  });

  it('takes Adam steps like the CPU twin and leaves parameters without gradient alone', async () => {
    const params = { beta1: 0.9, beta2: 0.99, epsilon: 1e-10 };
    const rng = createRng(7);
    const values = rng.fillNormal(new Float32Array(1000));
    const moments = new Float32Array(2000);
    const kernel = await runner.compile(adamKernel, params);
    const buffers = {
      values: runner.upload(values, 'test'),
      moments: runner.upload(moments, 'test'),
      gradients: runner.storage(4000, 'test'),
    };
    for (let t = 1; t <= 3; t++) {
      const gradients = rng.fillNormal(new Float32Array(1000)).map((g, i) => (i % 5 === 0 ? 0 : g));
      adamStep(values, moments, gradients, 0.01, t, params);
      runner.write(buffers.gradients, gradients);
      runner
        .batch('test')
        .dispatch(kernel, buffers, { count: 1000, rate: 0.01, ...adamCorrections(params, t) }, 4)
        .submit();
    }
    const got = await runner.read(buffers.values, Float32Array, 1000);
    // f32 with contracted multiply-adds, and division within 2.5 ulp: three steps of 0.01 differ by far less than 1e-6
    for (let i = 0; i < 1000; i++) expect(Math.abs(got[i]! - values[i]!)).toBeLessThan(1e-6);
    expect(got[0]).toBe(values[0]);
  });

  it('rejects with DeviceLostError after an error that nobody caught, and after the device is gone', async () => {
    const second = await openTestGpu();
    const other = gpuRunner(second!.device);
    const reading = other.read(other.storage(16, 'test'), Uint32Array, 99_999);
    await expect(reading).rejects.toBeInstanceOf(DeviceLostError);
    expect(() => other.batch('test')).toThrow(DeviceLostError);
    second!.close();

    const third = await openTestGpu();
    const gone = gpuRunner(third!.device);
    const waiting = gone.done().then(() => gone.read(gone.storage(16, 'test'), Uint32Array, 4));
    third!.close();
    await expect(waiting).rejects.toBeInstanceOf(DeviceLostError);
    await expect(gone.done()).rejects.toBeInstanceOf(DeviceLostError);
  });
});
