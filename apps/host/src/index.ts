export { createEngine, type DoctorReport, type Engine, type EngineOptions, type ModelSummary } from './engine.ts';
export { createFileStore } from './file-store.ts';
export { imageCodec, MAX_PIXELS } from './image-codec.ts';
export { listSamples, type Sample } from './samples.ts';
