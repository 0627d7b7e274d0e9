export { frameInput, type InputFrame, OBJECT_SHARE, photoCameraOf } from './input-frame.ts';
export { buildLayeredBody, type LayeredBody, type LayerPlanes } from './layered-body.ts';
export { bodyBounds, type Placement, placeBody, placeCamera, placementOf } from './place-body.ts';
export { renderBody } from './render-body.ts';
export { createSyncDreamerStage, SYNCDREAMER_DEFAULTS, type SyncDreamerOptions } from './syncdreamer-stage.ts';
export { createViewsStage, DEFAULT_ELEVATION_DEG, VIEWS_DEFAULTS, type ViewsOptions } from './views-stage.ts';
export { buildVolumeBody, type FrustumVolume, type VolumeManifest } from './volume-body.ts';
