export { checkMask, checkPrompt } from './prompt.ts';
export { createSegmentStage, type SegmentDeps, type SegmentInput, type SegmentOptions } from './segment.ts';
