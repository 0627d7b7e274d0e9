export { type AdapterDescription, adapterLabel, isSoftwareAdapter } from './adapter.ts';
export { BufferPool } from './buffer-pool.ts';
export {
  type Kernel,
  type KernelFeature,
  kernelText,
  packUniforms,
  read,
  type StorageBinding,
  type UniformType,
  type UniformValues,
  uniformLayout,
  write,
} from './kernel.ts';
export { foldGroups, GUARANTEED } from './limits.ts';
export { type CompiledKernel, PipelineCache } from './pipeline-cache.ts';
export { adamCorrections, adamKernel, adamStep } from './primitives/adam.ts';
export { type AdamParams, adamSnippet, float } from './primitives/adam.wgsl.ts';
export { reduceSum, reduceSumKernel, sumOf } from './primitives/reduce.ts';
export { createScan, type Scan, scanAddKernel, scanBlocksKernel, scanExclusive } from './primitives/scan.ts';
export { Batch, type BufferMap, GpuRunner, type Groups, gpuRunner } from './runner.ts';
