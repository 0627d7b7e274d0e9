export { createEngine, type DoctorReport, type Engine, type EngineOptions, type ModelSummary } from './engine.ts';
export { loadEvaluationInput } from './evaluation-input.ts';
export { createFileStore } from './file-store.ts';
export { imageCodec, MAX_PIXELS } from './image-codec.ts';
export { type ImportOptions, type ImportResult, importCheckpoint } from './import-checkpoint.ts';
export { makePairSetInFolder } from './pair-set.ts';
export { listSamples, type Sample } from './samples.ts';
export { encodeAnimatedWebp, encodeMp4, renderTurntable, TURNTABLE_DEFAULTS, type TurntableOptions } from './turntable.ts';
