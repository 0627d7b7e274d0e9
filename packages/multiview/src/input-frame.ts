import {
  boundingBox,
  type Camera,
  type Crop,
  EmptyMaskError,
  orbitCamera,
  type Region,
  type RgbaImage,
  type Rig,
  reframeCamera,
  resample,
} from '@gestalt3d/core';

/** Share of the frame that the object's longest side takes: SyncDreamer's crop_size 200 of 256. */
export const OBJECT_SHARE = 200 / 256;

/** The completion, re-cropped so that the object is centred and fills OBJECT_SHARE of a square frame. */
export interface InputFrame {
  /** Square part of the completion's pixels that the frame shows. */
  region: Region;
  /** @returns the frame at a size, straight alpha */
  at(size: number): RgbaImage;
}

/** @throws EmptyMaskError when nothing is opaque */
export function frameInput(completion: RgbaImage): InputFrame {
  const box = boundingBox(completion);
  if (!box) throw new EmptyMaskError('the completion');
  const side = Math.max(box.x1 - box.x0, box.y1 - box.y0) / OBJECT_SHARE;
  const region = { x: (box.x0 + box.x1 - side) / 2, y: (box.y0 + box.y1 - side) / 2, width: side, height: side };
  return { region, at: (size) => resample(completion, size, size, region) };
}

/**
 * Camera of the photograph in photograph pixels. The frame is taken as a rig camera at azimuth 0 and the given elevation,
 * so the photograph's is the same camera with its pixels moved and scaled.
 */
export function photoCameraOf(
  frame: InputFrame,
  completion: { width: number },
  crop: Crop,
  photo: { width: number; height: number },
  elevationDeg: number,
  rig: Pick<Rig, 'distance' | 'focalPerWidth'>,
): Camera {
  const photoPerCompletion = crop.size / completion.width;
  const size = 256;
  return reframeCamera(orbitCamera(0, elevationDeg, size, rig), {
    scale: (frame.region.width / size) * photoPerCompletion,
    dx: crop.x + frame.region.x * photoPerCompletion,
    dy: crop.y + frame.region.y * photoPerCompletion,
    ...photo,
  });
}
