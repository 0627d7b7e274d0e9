import { boundingBox, type Mesh, type RgbaImage, reframeCamera, resample, type View } from '@gestalt3d/core';
import { renderMesh } from './render.ts';

/** A picture's object and its surroundings, and the mesh seen by the same camera, in the same pixels. */
export interface RenderedBack {
  target: RgbaImage;
  own: RgbaImage;
  /** Corner of the region in the picture's pixels. */
  x: number;
  y: number;
  /** Compared pixels to one of the picture's, at most 1. */
  scale: number;
  width: number;
  height: number;
  /** Longest side of the object's box, in the picture's pixels. */
  longest: number;
}

/**
 * @param margin around the object's box, share of its longest side
 * @param maxSide most compared pixels along a side
 * @returns undefined for a picture of nothing
 */
export function renderBack(mesh: Mesh, view: View, margin: number, maxSide: number): RenderedBack | undefined {
  const box = boundingBox(view.image);
  if (!box) return undefined;
  const longest = Math.max(box.x1 - box.x0, box.y1 - box.y0);
  const around = Math.ceil(longest * margin);
  const x = Math.max(0, box.x0 - around);
  const y = Math.max(0, box.y0 - around);
  const regionWidth = Math.min(view.image.width, box.x1 + around) - x;
  const regionHeight = Math.min(view.image.height, box.y1 + around) - y;
  const scale = Math.min(1, maxSide / Math.max(regionWidth, regionHeight));
  const width = Math.max(1, Math.round(regionWidth * scale));
  const height = Math.max(1, Math.round(regionHeight * scale));
  const target = resample(view.image, width, height, { x, y, width: regionWidth, height: regionHeight });
  const own = renderMesh(mesh, reframeCamera(view.camera, { scale, dx: -x * scale, dy: -y * scale, width, height }), { mode: 'unlit' });
  return { target, own, x, y, scale, width, height, longest };
}
