export { type CompleteDeps, type CompleteInput, type CompleteOptions, createCompleteStage } from './complete.ts';
export { cropToObject, type EmbeddedRecogniseOptions, recogniseEmbedded } from './embedded-recogniser.ts';
export { createPix2gestaltStage, PIX2GESTALT_DEFAULTS, type Pix2gestaltOptions } from './pix2gestalt-stage.ts';
export { checkMask, checkPrompt } from './prompt.ts';
export { RECOGNISE_PROMPT, type RecogniseOptions, type Recognition, recognise } from './recognise.ts';
export { createSamStage } from './sam-stage.ts';
export { createSegmentStage, type SegmentDeps, type SegmentInput, type SegmentOptions } from './segment.ts';
export { voteOf } from './vote.ts';
