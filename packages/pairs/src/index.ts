export { bandOf, OCCLUSION_BANDS, type OcclusionBand } from './bands.ts';
export { cutOut } from './occluders/cut-out.ts';
export { photoPartOccluder } from './occluders/photo-part-occluder.ts';
export { SHAPES, type Shape } from './occluders/shape-mask.ts';
export { shapeOccluder } from './occluders/shape-occluder.ts';
export { makePairSet, type PairRecord, type PairSetDeps, type PairSetEvent, type PairSetReport } from './pair-set/make-pair-set.ts';
export { PAIR_SET_DEFAULTS, type PairSetOptions } from './pair-set/pair-set-options.ts';
export type { Placement } from './placed-occluder.ts';
export { type DepthMap, type FrontVerdict, frontByDepth, frontByOutline } from './proposals/front-cues.ts';
export { maskIou } from './proposals/mask-measures.ts';
export {
  type EstimateDepth,
  PROPOSE_DEFAULTS,
  type Proposal,
  type Proposals,
  type ProposeDeps,
  type ProposeOptions,
  proposeObjects,
  type Refusal,
  type Segment,
} from './proposals/propose-objects.ts';
export { SUPERIMPOSE_DEFAULTS, type SuperimposeInput, type SuperimposeOptions, superimpose, type WholePartPair } from './superimpose.ts';
