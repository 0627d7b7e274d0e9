export type { Dim, Shape } from './dim.ts';
export { type EncodedGraph, type ExternalFile, encodeGraph, encodeWholeGraph, externalFileBytes } from './encode-graph.ts';
export { type Attribute, GraphBuilder, Scope, type Value } from './graph-builder.ts';
export * from './ops/arithmetic.ts';
export * from './ops/attention.ts';
export * from './ops/convolution.ts';
export * from './ops/normalisation.ts';
export * from './ops/shape.ts';
export { checkpointWeights, type WeightSource } from './weight-source.ts';
