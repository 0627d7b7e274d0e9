import {
  boundingBox,
  type Camera,
  type Crop,
  components,
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

/** Pieces smaller than this share of the largest are specks. */
const SPECK = 0.005;
/** Alpha below which a pixel joins nothing. */
const FAINT = 12;

/**
 * Without the specks that masks come with: a few pixels seen through a gap. Two of them beside a table top stretch the box, and so shrink the object,
 * and the surface fit loses a surface that is asked to be in two places so far apart.
 */
function withoutSpecks(image: RgbaImage): RgbaImage {
  const { width, height } = image;
  const { labels, sizes } = components(
    Uint8Array.from({ length: width * height }, (_, i) => (image.data[i * 4 + 3]! > FAINT ? 1 : 0)),
    width,
    height,
  );
  const least = SPECK * sizes.reduce((most, size) => Math.max(most, size), 0);
  if (sizes.every((size, label) => label === 0 || size >= least)) return image;
  const data = image.data.slice();
  for (let i = 0; i < labels.length; i++) if (labels[i]! > 0 && sizes[labels[i]!]! < least) data[i * 4 + 3] = 0;
  return { ...image, data };
}

/** @throws EmptyMaskError when nothing is opaque */
export function frameInput(image: RgbaImage): InputFrame {
  const completion = withoutSpecks(image);
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
