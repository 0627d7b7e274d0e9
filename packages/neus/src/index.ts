export { evaluateField, type FieldReader, fieldOf, openField } from './field.ts';
export { fitSurface, type ReconstructInput, reconstructStage } from './fit-surface.ts';
export type { FitReport, FitterFactory, SurfaceFitter } from './fitter.ts';
export { createGpuField, type GpuField, type GridBox } from './gpu/field-gpu.ts';
export { createGpuFitter } from './gpu/fit-gpu.ts';
export { type ExtractOptions, extractMesh, fieldNormals, type Support } from './isosurface/extract-mesh.ts';
export { type IsoSurface, type LayeredGrid, marchingCubes, type ScalarGrid } from './isosurface/marching-cubes.ts';
export { type FitPreset, type PresetName, RECONSTRUCT_DEFAULTS, RECONSTRUCT_PRESETS, type ReconstructOptions } from './options.ts';
export type { FitProblem } from './problem.ts';
