import {
  boundingBox,
  type Camera,
  EmptyMaskError,
  type Mesh,
  meshBounds,
  orbitCamera,
  projectPoint,
  type RgbaImage,
  reframeCamera,
} from '@gestalt3d/core';

/** Far enough that perspective is a photograph's of an object on a table. */
const DISTANCE_SIDES = 2;

/**
 * A first guess of the camera of a cut-out photograph: in front (+Z) at the given elevation, two longest sides away, moved and scaled so that the
 * mesh's outline has the box of the picture's alpha.
 * @throws EmptyMaskError when the picture shows nothing
 */
export function fitPhotoCamera(mesh: Mesh, photo: RgbaImage, elevationDeg: number): Camera {
  const box = boundingBox(photo);
  if (!box) throw new EmptyMaskError('the photograph');
  const { min, max } = meshBounds(mesh.positions);
  const longest = Math.max(max[0] - min[0], max[1] - min[1], max[2] - min[2]);
  const size = 256;
  const camera = orbitCamera(0, elevationDeg, size, { distance: longest * DISTANCE_SIDES, focalPerWidth: 1 });
  for (let k = 0; k < 3; k++) camera.worldFromCamera[12 + k] += (min[k] + max[k]) / 2;
  const seen = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (let v = 0; v < mesh.positions.length; v += 3) {
    const { x, y } = projectPoint(camera, mesh.positions.subarray(v, v + 3));
    seen.x0 = Math.min(seen.x0, x);
    seen.x1 = Math.max(seen.x1, x);
    seen.y0 = Math.min(seen.y0, y);
    seen.y1 = Math.max(seen.y1, y);
  }
  // one scale for both directions: the mean, so that neither side is off by all of what the shapes differ
  const scale = Math.sqrt(((box.x1 - box.x0) / (seen.x1 - seen.x0)) * ((box.y1 - box.y0) / (seen.y1 - seen.y0)));
  const dx = (box.x0 + box.x1) / 2 - (scale * (seen.x0 + seen.x1)) / 2;
  const dy = (box.y0 + box.y1) / 2 - (scale * (seen.y0 + seen.y1)) / 2;
  return reframeCamera(camera, { scale, dx, dy, width: photo.width, height: photo.height });
}
