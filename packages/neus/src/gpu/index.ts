export { createGpuField, type GpuField, type GridBox } from './field-gpu.ts';
export { createGpuFitter } from './fit-gpu.ts';
