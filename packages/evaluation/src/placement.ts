import { type Camera, pixelRay, projectPoint } from '@gestalt3d/core';
import type { Similarity } from './metrics/occupancy.ts';

/**
 * What brings a reconstruction back to where it lies in the photograph: its box's centre (its world's origin) goes on the ray of the pixel that the
 * centre projects to, at the distance of the true object's centre along the optical axis, and it is scaled so that it keeps its size in pixels there.
 * Orientation is untouched: both cameras stand at azimuth 0 and the same elevation.
 * @param photoCamera the photograph's camera in the reconstruction's world, as the views stage gives it
 * @param camera the true one in the true object's world, whose origin is that object's centre
 */
export function placeInPhoto(photoCamera: Camera, camera: Camera): Similarity {
  const centre = projectPoint(photoCamera, [0, 0, 0]);
  const distance = projectPoint(camera, [0, 0, 0]).depth;
  const ray = pixelRay(camera, centre.x, centre.y);
  const m = camera.worldFromCamera;
  const cosine = -(ray[3] * m[8] + ray[4] * m[9] + ray[5] * m[10]);
  const at = (r: number) => ray[r] + (ray[3 + r] * distance) / cosine;
  const scale = ((photoCamera.flX / centre.depth) * distance) / camera.flX;
  return { scale, rotation: [1, 0, 0, 0, 1, 0, 0, 0, 1], translation: [at(0), at(1), at(2)] };
}
