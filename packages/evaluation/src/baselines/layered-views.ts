import { type MultiView, type MultiViewInput, orbitCamera, resample, rigCameras, SYNC_RIG } from '@gestalt3d/core';
import {
  bodyBounds,
  buildLayeredBody,
  frameInput,
  type InputFrame,
  type LayerPlanes,
  photoCameraOf,
  placeBody,
  placeCamera,
  placementOf,
  renderBody,
} from '@gestalt3d/multiview';

/** Pixels along each side of a body's frame. */
export const BODY_SIZE = 256;
/** World units across a frame, in the plane through the object's centre. */
export const FRAME_WIDTH = SYNC_RIG.distance / SYNC_RIG.focalPerWidth;

/** What the embedded views model assumes of photographs too (its bundle's inputDistance), in units of the object. */
const DISTANCE = 2;
const INPUT_RIG = { distance: DISTANCE, focalPerWidth: (SYNC_RIG.focalPerWidth * DISTANCE) / SYNC_RIG.distance };

/**
 * The way of the views stage's layered body with depths from elsewhere: 16 pictures of the body between them, in the frame in which its box is
 * centred with longest side 1.
 */
export function layeredViews(
  { completion, crop, photo }: MultiViewInput,
  elevationDeg: number,
  size: number,
  planesOf: (frame: InputFrame) => LayerPlanes,
): MultiView {
  const frame = frameInput(completion);
  const rawBody = buildLayeredBody(frame.at(BODY_SIZE), planesOf(frame), DISTANCE);
  const rawCamera = orbitCamera(0, elevationDeg, BODY_SIZE, INPUT_RIG);
  const placement = placementOf(bodyBounds(rawBody, rawCamera));
  const body = placeBody(rawBody, placement);
  const camera = placeCamera(rawCamera, placement);
  const bounds = bodyBounds(body, camera);
  const views = rigCameras(size).map((rigCamera, i) => {
    const fine = orbitCamera(i * SYNC_RIG.azimuthStepDeg, SYNC_RIG.elevationDeg, size * 2);
    return { image: resample(renderBody(body, camera, bounds, fine), size, size), camera: rigCamera };
  });
  const photoCamera = placeCamera(photoCameraOf(frame, completion, crop, photo, elevationDeg, INPUT_RIG), placement);
  return { views, elevationDeg, photoCamera };
}
