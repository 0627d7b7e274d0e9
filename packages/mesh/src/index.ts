export { BAKE_DEFAULTS, type Baked, type BakeHooks, type BakeOptions, bakeTexture } from './bake.ts';
export type { BakeSource, SourceKind } from './bake-source.ts';
export { checkSolid, INTERSECTION_LIMIT, type SolidCheck, type SolidChecker } from './check-solid.ts';
export { CLEAN_DEFAULTS, type CleanOptions, type CleanReport, cleanMesh, compactMesh } from './clean.ts';
export { CREASE_DEG, creaseNormals } from './creases.ts';
export { diffuseTexels } from './diffuse-texels.ts';
export { distanceToZero } from './distance.ts';
export { vertexColors } from './export/vertex-colors.ts';
export { write3mf } from './export/write-3mf.ts';
export { writeObj } from './export/write-obj.ts';
export { writePly } from './export/write-ply.ts';
export { writeStl } from './export/write-stl.ts';
export { writeUsdz } from './export/write-usdz.ts';
export { type Exposure, NO_EXPOSURE } from './exposure.ts';
export { fitPhotoCamera } from './fit-photo.ts';
export { drawText, textHeight, textWidth } from './font.ts';
export {
  type Compression,
  GLB_DEFAULTS,
  type GlbContent,
  type GlbOptions,
  readGlb,
  readGlbExtras,
  type TextureFormat,
  writeGlb,
} from './gltf.ts';
export { type Evidence, GRADE_LIMITS, type Grade, gradeAsset } from './grade.ts';
export { makeContactSheet, SHEET_DEFAULTS, type SheetOptions, type SheetRow } from './grid.ts';
export { makeSolid, SOLID_DEFAULTS, type Solid, type SolidOptions } from './make-solid.ts';
export { type ColorAt, materialColor } from './material-color.ts';
export { joinParts, type Material, type MaterialMesh, type MaterialPart } from './material-mesh.ts';
export { createMeshStage, MESH_DEFAULTS, type MeshOptions, type MeshStageInput } from './mesh-stage.ts';
export { type AssetTransform, assetTransform, normaliseMesh, transformMesh } from './normalise.ts';
export { computeNormals } from './normals.ts';
export { drawPrompt } from './overlay.ts';
export { type PackedGeometry, packGeometry } from './pack-geometry.ts';
export { compareWithPhoto, type PhotoAgreement } from './photo-check.ts';
export { DEFAULT_SIZE_MM, type PrintModel, printModel } from './print-model.ts';
export { type Raster, rasteriseAtlas, rasteriseView } from './rasterise.ts';
export { readAsset } from './read-asset.ts';
export type { SiblingReader } from './read-obj.ts';
export { REBUILD_DEFAULTS, type RebuildOptions, rebuildSolid } from './rebuild-solid.ts';
export { type CameraChange, changeCamera, NO_CHANGE, refineCamera } from './refine-camera.ts';
export { RENDER_DEFAULTS, type RenderOptions, renderMesh, sampleBilinear } from './render.ts';
export { compareWithView, type ViewAgreement } from './self-check.ts';
export { SHAPE_DEFAULTS, type Shape, type ShapeOptions, shapeMesh } from './shape-mesh.ts';
export { boxMesh, marchField, sphereMesh, torusMesh } from './shapes.ts';
export {
  SIMPLIFY_DEFAULTS,
  type SimplifyOptions,
  SMOOTH_DEFAULTS,
  type SmoothOptions,
  simplifyMesh,
  simplifySound,
  smoothMesh,
  smoothSound,
} from './simplify.ts';
export { linkTexels, type TexelLinks } from './texel-graph.ts';
export { meshTopology, type Topology } from './topology.ts';
export { type SurfacePoint, TriangleTree } from './triangle-tree.ts';
export { trianglesMeet } from './triangles-meet.ts';
export { UNWRAP_DEFAULTS, type UnwrapOptions, type Unwrapped, unwrapMesh } from './unwrap.ts';
