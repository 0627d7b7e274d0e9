export type { CompletionsFile } from './artifacts/completions-format.ts';
export { completionName } from './artifacts/completions-format.ts';
export type { GestaltTransforms } from './artifacts/multi-view-format.ts';
export { loadMask, maskFromImage } from './artifacts/segmentation-format.ts';
export { type AssetRecord, photoRecord, promptOfRecord, readAssetRecord } from './asset-record.ts';
export { loadExternalViews, loadPhotoCamera } from './external-views.ts';
export {
  importViews,
  loadPrompt,
  type ModelChoice,
  type PipelineDeps,
  type PipelineStages,
  type RunRequest,
  type RunResult,
  runPipeline,
} from './pipeline.ts';
export { type ModelRecord, RunFolder, type StageRecord, sha256 } from './run-folder.ts';
export { type DeviceChoice, type Preset, RUN_DEFAULTS, type RunOptions, resolveRunOptions, SAMPLERS } from './run-options.ts';
