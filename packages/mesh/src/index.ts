export { BAKE_DEFAULTS, type Baked, type BakeHooks, type BakeOptions, bakeTexture } from './bake.ts';
export type { BakeSource, SourceKind } from './bake-source.ts';
export { CLEAN_DEFAULTS, type CleanOptions, type CleanReport, cleanMesh, compactMesh } from './clean.ts';
export { distanceToZero } from './distance.ts';
export { drawText, textHeight, textWidth } from './font.ts';
export { type Compression, GLB_DEFAULTS, type GlbContent, type GlbOptions, readGlb, writeGlb } from './gltf.ts';
export { makeContactSheet, SHEET_DEFAULTS, type SheetOptions, type SheetRow } from './grid.ts';
export { createMeshStage, MESH_DEFAULTS, type MeshOptions } from './mesh-stage.ts';
export { type AssetTransform, assetTransform, normaliseMesh, transformMesh } from './normalise.ts';
export { computeNormals } from './normals.ts';
export { drawPrompt } from './overlay.ts';
export { type Raster, rasteriseAtlas, rasteriseView } from './rasterise.ts';
export { RENDER_DEFAULTS, type RenderOptions, renderMesh, sampleBilinear } from './render.ts';
export { compareWithView, type ViewAgreement } from './self-check.ts';
export { boxMesh, marchField, sphereMesh, torusMesh } from './shapes.ts';
export {
  SIMPLIFY_DEFAULTS,
  type SimplifyOptions,
  SMOOTH_DEFAULTS,
  type SmoothOptions,
  simplifyClosed,
  simplifyMesh,
  smoothMesh,
} from './simplify.ts';
export { meshTopology, type Topology } from './topology.ts';
export { UNWRAP_DEFAULTS, type UnwrapOptions, type Unwrapped, unwrapMesh } from './unwrap.ts';
