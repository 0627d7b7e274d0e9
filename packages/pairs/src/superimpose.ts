import {
  boundingBox,
  createImage,
  createRng,
  EmptyMaskError,
  type Image,
  type Mask,
  MaskSizeError,
  maskArea,
  OptionError,
  type RgbaImage,
  type Rng,
  resample,
} from '@gestalt3d/core';
import { checkBand, type OcclusionBand } from './bands.ts';
import { contactShadow, randomShadow } from './contact-shadow.ts';
import { findPlacement, prepareSearch } from './find-placement.ts';
import { largestPiece } from './largest-piece.ts';
import { type Lens, measureLens } from './lens.ts';
import { type PlacedOccluder, type Placement, placeOccluder } from './placed-occluder.ts';

export interface SuperimposeInput<C extends 3 | 4 = 3 | 4> {
  /** Photograph that holds the whole object, [H, W, C]. */
  scene: Image<C>;
  /** The whole object, [H, W]; above 127 is inside. */
  amodal: Mask;
  /** Cut-out with straight alpha, of any size. Only its opaque part counts, empty borders do not matter. */
  occluder: RgbaImage;
  /** Wanted hidden share of the object's area, `low <= hidden < high`. */
  band: OcclusionBand;
  /** Any integer: the same input and seed give the same pair. */
  seed: number;
}

export interface SuperimposeOptions {
  /** The largest visible piece of the object has at least so many pixels. */
  minVisiblePixels: number;
  /** Largest turn of the occluder in either direction. */
  maxAngleRad: number;
  /** Placements to try before giving up. */
  tries: number;
  /** Whether the occluder darkens what is just behind it. */
  shadow: boolean;
}

export const SUPERIMPOSE_DEFAULTS: Readonly<SuperimposeOptions> = { minVisiblePixels: 100, maxAngleRad: 0.35, tries: 40, shadow: true };

/** All pictures have the scene's size. */
export interface WholePartPair<C extends 3 | 4 = 3 | 4> {
  /** The scene with the occluder in front. Where both `occluder` and `shadow` are 0 it is the scene, bit for bit. */
  photo: Image<C>;
  /** The visible part: amodal x (255 - occluder) / 255, rounded. */
  modal: Mask;
  /** The input's. */
  amodal: Mask;
  /** Opacity of the occluder as it lies. */
  occluder: Mask;
  /** Light that the occluder takes from what is behind it, 255 all of it. */
  shadow: Mask;
  /** 1 - area(modal) / area(amodal), pixels above 127. */
  hidden: number;
  /** Of the occluder's picture cut to its opaque box. */
  placement: Placement;
}

/** An occluder may be cut by the photograph's border, but so much of its area stays inside. */
const MIN_INSIDE = 0.4;

/**
 * Puts an occluder in front of an object that is known to be whole, so that the hidden share of the object's area lies in a band.
 *
 * The occluder is brought closer to the photograph's brightness, blur and noise, its edge is as soft as the photograph's sharpest edges (1 to 2
 * pixels), and it casts a soft contact shadow: a network trained on such pairs should learn objects, not cut edges. The search for a placement
 * slides the occluder in from random directions (models/complete/compose.py does the same in batches).
 *
 * @returns undefined when no try fits: occluder too thin for the band, or too little of the object would be left
 * @throws MaskSizeError, EmptyMaskError (object or occluder has no pixel above 127), OptionError (band, tries)
 */
export function superimpose<C extends 3 | 4>(
  { scene, amodal, occluder, band, seed }: SuperimposeInput<C>,
  options: Partial<SuperimposeOptions> = {},
): WholePartPair<C> | undefined {
  const { minVisiblePixels, maxAngleRad, tries, shadow } = { ...SUPERIMPOSE_DEFAULTS, ...options };
  if (amodal.width !== scene.width || amodal.height !== scene.height) throw new MaskSizeError(amodal, scene);
  checkBand(band);
  if (!(Number.isInteger(tries) && tries > 0)) throw new OptionError('tries', 'a whole number above 0', String(tries));
  const cutOut = trim(occluder);
  const search = prepareSearch(amodal, cutOut);
  const object = boundingBox(amodal);
  if (search === undefined || object === undefined) throw new EmptyMaskError('the whole object');

  const rng = createRng(seed);
  const lens = measureLens(scene, around(object, scene));
  const margin = Math.min(0.01, (band[1] - band[0]) / 4);
  for (let attempt = 0; attempt < tries; attempt++) {
    const draw = rng.fork(attempt);
    const target = band[0] + margin + (band[1] - band[0] - 2 * margin) * draw.uniform();
    const placement = findPlacement(search, target, maxAngleRad, draw);
    if (placement === undefined) continue;
    const placed = placeOccluder(cutOut, placement, scene.width, scene.height, extraBlur(lens, placement));
    if (placed.inside < MIN_INSIDE) continue;
    const front = opacity(placed, scene);
    const modal = subtract(amodal, front);
    const hidden = 1 - maskArea(modal) / maskArea(amodal);
    if (!(hidden >= band[0] && hidden < band[1]) || largestPiece(modal) < minVisiblePixels) continue;
    harmonise(placed, lens, draw.fork('look'));
    const dark = shadow
      ? contactShadow(placed, randomShadow(draw.fork('shadow')), scene.width, scene.height)
      : createImage(scene.width, scene.height, 1);
    return { photo: compose(scene, placed, front, dark), modal, amodal, occluder: front, shadow: dark, hidden, placement };
  }
  return undefined;
}

/** Without its empty borders but for the soft rim. @throws EmptyMaskError */
function trim(image: RgbaImage): RgbaImage {
  const box = boundingBox(image);
  if (box === undefined) throw new EmptyMaskError('the occluder');
  const [x, y] = [Math.max(0, box.x0 - 2), Math.max(0, box.y0 - 2)];
  const region = { x, y, width: Math.min(image.width, box.x1 + 2) - x, height: Math.min(image.height, box.y1 + 2) - y };
  return resample(image, region.width, region.height, region);
}

/** The object's box and as much again on every side. */
function around(
  { x0, y0, x1, y1 }: { x0: number; y0: number; x1: number; y1: number },
  { width, height }: { width: number; height: number },
) {
  const [w, h] = [x1 - x0, y1 - y0];
  const x = Math.max(0, x0 - w);
  const y = Math.max(0, y0 - h);
  return { x, y, width: Math.min(width, x1 + w) - x, height: Math.min(height, y1 + h) - y };
}

/** Blur in pixels that sampling leaves on a picture at its own size. */
const SAMPLED_SIGMA = 0.55;

/** What is missing to the photograph's blur. */
function extraBlur({ blurSigma }: Lens, { scale }: Placement): number {
  const own = SAMPLED_SIGMA * Math.max(1, scale);
  // an edge is never harder than that of one mixed pixel
  return Math.max(0.35, Math.sqrt(Math.max(0, blurSigma ** 2 - own ** 2)));
}

function opacity(placed: PlacedOccluder, { width, height }: { width: number; height: number }): Mask {
  const mask = createImage(width, height, 1);
  for (let y = 0; y < placed.height; y++)
    for (let x = 0; x < placed.width; x++)
      mask.data[(y + placed.y) * width + x + placed.x] = Math.round(placed.premultiplied[(y * placed.width + x) * 4 + 3]!);
  return mask;
}

function subtract(amodal: Mask, front: Mask): Mask {
  const modal = createImage(amodal.width, amodal.height, 1);
  for (let i = 0; i < modal.data.length; i++) modal.data[i] = Math.round((amodal.data[i]! * (255 - front.data[i]!)) / 255);
  return modal;
}

/** How far the occluder's brightness follows the photograph's: 0 not at all, 1 all the way. */
const FOLLOW = 0.4;

/** Brings the occluder's colours towards the photograph's brightness, in place, and adds the noise that it lacks. */
function harmonise(placed: PlacedOccluder, photo: Lens, rng: Rng): void {
  const { premultiplied, width, height } = placed;
  const picture = createImage(width, height, 4);
  for (let i = 0; i < premultiplied.length; i += 4) {
    const alpha = premultiplied[i + 3]!;
    for (let c = 0; c < 3 && alpha > 0; c++) picture.data[i + c] = Math.round((255 * premultiplied[i + c]!) / alpha);
    picture.data[i + 3] = Math.round(alpha);
  }
  const own = measureLens(picture, { x: 0, y: 0, width, height });
  const gain = Math.min(Math.max((Math.max(photo.brightness, 8) / Math.max(own.brightness, 8)) ** FOLLOW, 0.6), 1.6);
  const noise = Math.sqrt(Math.max(0, photo.noiseSigma ** 2 - own.noiseSigma ** 2));
  for (let i = 0; i < premultiplied.length; i += 4) {
    const alpha = premultiplied[i + 3]!;
    if (alpha === 0) continue;
    // a sensor's noise is mostly in brightness once a photograph has been compressed
    const grain = noise > 0 ? noise * rng.normal() * (alpha / 255) : 0;
    for (let c = 0; c < 3; c++) premultiplied[i + c] = Math.min(Math.max(premultiplied[i + c]! * gain + grain, 0), alpha);
  }
}

/** The scene in shadow with the occluder over it. */
function compose<C extends 3 | 4>(scene: Image<C>, placed: PlacedOccluder, front: Mask, shadow: Mask): Image<C> {
  const { width, channels } = scene;
  const photo: Image<C> = { ...scene, data: scene.data.slice() };
  for (let i = 0; i < shadow.data.length; i++) {
    if (shadow.data[i] === 0) continue;
    const light = 1 - shadow.data[i]! / 255;
    for (let c = 0; c < 3; c++) photo.data[i * channels + c] = Math.round(scene.data[i * channels + c]! * light);
  }
  for (let y = 0; y < placed.height; y++)
    for (let x = 0; x < placed.width; x++) {
      const at = (y + placed.y) * width + x + placed.x;
      if (front.data[at] === 0) continue;
      const from = (y * placed.width + x) * 4;
      const alpha = placed.premultiplied[from + 3]! / 255;
      // straight alpha behind: weigh its colour by what of it is seen
      const behind = (1 - alpha) * (channels === 4 ? scene.data[at * 4 + 3]! / 255 : 1);
      for (let c = 0; c < 3; c++) {
        const light = 1 - shadow.data[at]! / 255;
        const value = (placed.premultiplied[from + c]! + behind * light * scene.data[at * channels + c]!) / (alpha + behind);
        photo.data[at * channels + c] = Math.round(Math.min(value, 255));
      }
      if (channels === 4) photo.data[at * 4 + 3] = Math.round(255 * (alpha + behind));
    }
  return photo;
}
