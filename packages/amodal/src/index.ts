export { type CompleteDeps, type CompleteInput, type CompleteOptions, createCompleteStage } from './complete.ts';
export { checkMask, checkPrompt } from './prompt.ts';
export { createSegmentStage, type SegmentDeps, type SegmentInput, type SegmentOptions } from './segment.ts';
export { voteOf } from './vote.ts';
