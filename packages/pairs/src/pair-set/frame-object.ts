import { boundingBox, type Crop, createImage, type Image, type Mask, type RgbImage, type Rng, resample } from '@gestalt3d/core';

/** Sides of the square in longest sides of the object: the completion network sees about twice the visible part. */
const MIN_SCALE = 1.25;
const MAX_SCALE = 2.4;
/** Pictures are not enlarged by more than this. */
const MAX_ENLARGEMENT = 1.5;
/** Least free border in longest sides of the object. */
const MARGIN = 0.04;

/** A square part of a photograph with a whole object in it. */
export interface FramedObject {
  scene: RgbImage;
  amodal: Mask;
  /** In photograph pixels; may reach outside the photograph, where the scene is black. */
  crop: Crop;
}

/**
 * Cuts a random square round an object and scales it. The square lies inside the photograph where the object leaves room for that.
 * @param mask of any size, the photograph stretched to it
 * @param size side of the result in pixels
 * @returns undefined if the object is so small in the photograph that it would have to be enlarged too much
 */
export function frameObject(photo: Image<3 | 4>, mask: Mask, size: number, rng: Rng): FramedObject | undefined {
  const box = boundingBox(mask);
  if (box === undefined) return undefined;
  const [sx, sy] = [photo.width / mask.width, photo.height / mask.height];
  const longest = Math.max((box.x1 - box.x0) * sx, (box.y1 - box.y0) * sy);
  const room = Math.min(photo.width, photo.height);
  const least = longest * (1 + 2 * MARGIN);
  const smallest = size / MAX_ENLARGEMENT;
  if (smallest > Math.max(room, least) || longest * MAX_SCALE < smallest) return undefined;
  const wanted = Math.max(longest * (MIN_SCALE + (MAX_SCALE - MIN_SCALE) * rng.uniform()), smallest);
  const side = Math.ceil(Math.max(Math.min(wanted, room), least));
  const place = (from: number, to: number, limit: number): number => {
    const margin = longest * MARGIN;
    const low = Math.max(0, to + margin - side);
    const high = Math.min(limit - side, from - margin);
    // no place inside: the object in the middle, as far as the photograph allows
    if (low > high) return Math.round(side <= limit ? Math.min(Math.max((from + to - side) / 2, 0), limit - side) : (from + to - side) / 2);
    return Math.floor(low + (high - low) * rng.uniform());
  };
  const crop = { x: place(box.x0 * sx, box.x1 * sx, photo.width), y: place(box.y0 * sy, box.y1 * sy, photo.height), size: side };
  const picture = resample(photo, size, size, { x: crop.x, y: crop.y, width: side, height: side });
  const scene = createImage(size, size, 3);
  for (let i = 0; i < size * size; i++) for (let c = 0; c < 3; c++) scene.data[i * 3 + c] = picture.data[i * picture.channels + c]!;
  blacken(scene, crop, photo);
  return { scene, amodal: resample(mask, size, size, { x: crop.x / sx, y: crop.y / sy, width: side / sx, height: side / sy }), crop };
}

/** Sets to 0, in place, what lies less than half inside a photograph. */
export function blacken(picture: Image, crop: Crop, photo: { width: number; height: number }): void {
  const step = crop.size / picture.width;
  const outside = (origin: number, k: number, limit: number): boolean => {
    const middle = origin + (k + 0.5) * step;
    return middle < 0 || middle > limit;
  };
  for (let y = 0; y < picture.height; y++)
    for (let x = 0; x < picture.width; x++)
      if (outside(crop.x, x, photo.width) || outside(crop.y, y, photo.height)) {
        const at = (y * picture.width + x) * picture.channels;
        picture.data.fill(0, at, at + picture.channels);
      }
}
