import type { Camera } from './camera.ts';
import type { Box, Mask, RgbaImage } from './image.ts';
import type { Bounds, Mesh } from './mesh.ts';

/** What the user says about the object, in pixels of the photograph. */
export interface Prompt {
  points: { x: number; y: number; positive: boolean }[];
  box?: Box;
  /** Of the photograph's size; taken as the visible part as it is. */
  mask?: Mask;
}

/** segment -> */
export interface Segmentation {
  /** Modal mask: the visible part of the object, of the photograph's size. */
  mask: Mask;
}

/** Square part of the photograph in photograph pixels; may reach outside it. */
export interface Crop {
  x: number;
  y: number;
  size: number;
}

/** complete -> K of these. */
export interface Completion {
  /** The whole object in the crop's frame, straight alpha = amodal mask. The visible part is the photograph's own pixels. */
  image: RgbaImage;
  seed: number;
}

/** complete -> */
export interface CompletionSet {
  /** Frame shared by all completions. */
  crop: Crop;
  completions: Completion[];
  /** Per-pixel majority of the amodal masks, in the crop's frame. */
  vote: Mask;
  /** Visible part in the crop's frame. */
  visible: Mask;
}

/** Image with a camera; the object is opaque in it where alpha says so. */
export interface View {
  image: RgbaImage;
  camera: Camera;
}

/** views <- */
export interface MultiViewInput {
  /** The chosen completion. */
  completion: RgbaImage;
  /** Where it lies in the photograph. */
  crop: Crop;
  photo: { width: number; height: number };
}

/** views -> */
export interface MultiView {
  views: View[];
  /** Elevation of the photograph's camera above the object, given or estimated. */
  elevationDeg: number;
  /** The camera of the photograph, in photograph pixels and in the world frame of `views`. Absent when only views were given. */
  photoCamera?: Camera;
}

/** A signed-distance and colour field, serialisable; `evaluateField` of the package named by `kind` reads it. */
export interface SurfaceField {
  kind: 'hash-grid';
  /** Numbers that describe the layout of `data`. */
  config: Record<string, number | number[]>;
  data: Float32Array;
  /** World-space box that the field is defined in. */
  bounds: Bounds;
}

/** reconstruct -> */
export interface Surface {
  field: SurfaceField;
  /** Marching cubes of the field with vertex colours and normals, not yet simplified. */
  mesh: Mesh;
  /** Numbers about the fit: loss, PSNR on the views, steps, samples. */
  stats: Record<string, number>;
}

/** mesh <- : everything that the texture may take colours from. */
export interface MeshInput {
  surface: Surface;
  views: View[];
  /** The photograph with the visible mask as alpha; absent when only views were given. */
  photo?: View;
  /** The chosen completion. */
  completion?: View;
  /** How all this came about: prompt, options, models, versions; no times, no paths. Goes into the GLB's asset.extras. */
  record?: Record<string, unknown>;
}

/** mesh -> */
export interface Asset {
  mesh: Mesh;
  glb: Uint8Array;
  /** Files for a printer, in millimetres; only where a print was asked for and the mesh is the boundary of a solid. */
  print?: { stl: Uint8Array; threeMf: Uint8Array };
  /** Triangle counts, closedness, atlas utilisation, seen share, what the pictures say to it. */
  report: Record<string, number | boolean | string>;
}

/** What each stage gives. */
export interface StageArtifacts {
  segment: Segmentation;
  complete: CompletionSet;
  views: MultiView;
  reconstruct: Surface;
  mesh: Asset;
}
