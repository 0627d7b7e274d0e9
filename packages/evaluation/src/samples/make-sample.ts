import {
  alphaOf,
  type Camera,
  createRng,
  type Mask,
  maskArea,
  orbitCamera,
  projectPoint,
  type RgbaImage,
  type RgbImage,
  type Rng,
  reframeCamera,
  SYNC_RIG,
} from '@gestalt3d/core';
import { type MaterialMesh, normaliseMesh } from '@gestalt3d/mesh';
import { OCCLUSION_BANDS, superimpose, type WholePartPair } from '@gestalt3d/pairs';
import { drawBackdrop } from './backdrop.ts';
import { type Light, renderModel } from './render-model.ts';

/** A known object; loaded when a sample needs it. */
export interface EvaluationObject {
  id: string;
  name: string;
  /** SHA-256 of its file. */
  hash: string;
  load(): Promise<MaterialMesh>;
}

/** Pixels along each side of the photograph. Source: pix2gestalt, section 4.3. */
export const PHOTO_SIZE = 256;

/** One object, seen from somewhere, partly hidden; and everything that is known about it. */
export interface EvaluationSample {
  /** Index into OCCLUSION_BANDS. */
  band: number;
  /** Hidden share of the object's pixels. */
  hidden: number;
  occluder: string;
  /** Of the camera about the object, before the object was turned to azimuth 0. */
  azimuthDeg: number;
  elevationDeg: number;
  /** Of the camera from the object's centre, in units of its longest side. */
  distance: number;
  photo: RgbImage;
  /** The object alone, in the photograph's frame. */
  whole: RgbaImage;
  amodal: Mask;
  modal: Mask;
  /** In the truth's frame: azimuth 0. */
  camera: Camera;
  light: Light;
  /** Turned so that the camera stands at azimuth 0, box centred at the origin with longest side 1, +Y up. */
  truth: MaterialMesh;
}

/** Views whose object covers less than this many pixels are drawn anew. */
const LEAST_AREA = 1200;
/** Attempts at a placement, each with another occluder. */
const OCCLUDER_TRIES = 12;
const VIEW_TRIES = 6;

/**
 * A sample from a seed: azimuth anywhere, elevation 0..40 degrees, distance 1.5..3 with a focal length such that the object takes 0.45 to 0.65 of the
 * picture, off its middle by up to a twelfth; light, backdrop and occluder at random; the hidden share within the band.
 * @returns undefined when nothing could be placed so
 */
export async function makeSample(
  object: EvaluationObject,
  band: number,
  others: readonly EvaluationObject[],
  photos: readonly RgbImage[],
  seed: number,
): Promise<EvaluationSample | undefined> {
  const rng = createRng(seed);
  const model = await object.load();
  for (let attempt = 0; attempt < VIEW_TRIES; attempt++) {
    const view = drawView(model, rng.fork(`view ${attempt}`));
    if (maskArea(view.amodal) < LEAST_AREA) continue;
    const scene = over(view.whole, drawBackdrop(photos, PHOTO_SIZE, rng.fork(`backdrop ${attempt}`)));
    for (let k = 0; k < OCCLUDER_TRIES; k++) {
      const draw = rng.fork(`occluder ${attempt} ${k}`);
      const pick = others[draw.integer(others.length)];
      const occluder = drawView(await pick.load(), draw).whole;
      const pair = superimpose<3>({ scene, amodal: view.amodal, occluder, band: OCCLUSION_BANDS[band], seed: draw.integer(2 ** 32) });
      if (pair) return finish(view, pair, band, pick.id);
    }
  }
  return undefined;
}

type Drawn = ReturnType<typeof drawView>;

function finish(view: Drawn, pair: WholePartPair<3>, band: number, occluder: string): EvaluationSample {
  const { photo, modal, hidden } = pair;
  return { ...view, band, occluder, photo, modal, hidden };
}

function drawView(model: MaterialMesh, rng: Rng) {
  const azimuthDeg = 360 * rng.uniform();
  const elevationDeg = 40 * rng.uniform();
  const distance = 1.5 + 1.5 * rng.uniform();
  const truth = normaliseMesh(model, orbitCamera(azimuthDeg, elevationDeg, PHOTO_SIZE)).mesh as MaterialMesh;
  const share = 0.45 + 0.2 * rng.uniform();
  const shift = [rng.uniform(), rng.uniform()].map((value) => ((value - 0.5) * PHOTO_SIZE) / 6);
  const camera = fill(truth, orbitCamera(0, elevationDeg, PHOTO_SIZE, { distance, focalPerWidth: SYNC_RIG.focalPerWidth }), share, shift);
  const light = drawLight(rng);
  const whole = renderModel(truth, camera, light);
  return { azimuthDeg, elevationDeg, distance, truth, camera, light, whole, amodal: alphaOf(whole) };
}

/** The camera zoomed so that the object's box in the picture has this share of its side, and moved so that it lies there. */
function fill(mesh: MaterialMesh, camera: Camera, share: number, shift: readonly number[]): Camera {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let v = 0; v < mesh.positions.length; v += 3) {
    const { x, y } = projectPoint(camera, mesh.positions.subarray(v, v + 3));
    low[0] = Math.min(low[0], x);
    low[1] = Math.min(low[1], y);
    high[0] = Math.max(high[0], x);
    high[1] = Math.max(high[1], y);
  }
  const scale = (share * PHOTO_SIZE) / Math.max(high[0] - low[0], high[1] - low[1]);
  const place = (r: number) => PHOTO_SIZE / 2 + shift[r] - (scale * (low[r] + high[r])) / 2;
  return reframeCamera(camera, { scale, dx: place(0), dy: place(1), width: PHOTO_SIZE, height: PHOTO_SIZE });
}

/** A lamp above, on the camera's side of the object or beside it. */
function drawLight(rng: Rng): Light {
  const a = (rng.uniform() - 0.5) * Math.PI;
  const e = (0.15 + 0.3 * rng.uniform()) * Math.PI;
  return { towards: [Math.sin(a) * Math.cos(e), Math.sin(e), Math.cos(a) * Math.cos(e)], strength: 0.3 + 0.25 * rng.uniform() };
}

/** A picture with alpha over an opaque one of its size. */
export function over(top: RgbaImage, below: RgbImage): RgbImage {
  const data = below.data.slice();
  for (let i = 0; i < top.width * top.height; i++) {
    const alpha = top.data[i * 4 + 3] / 255;
    for (let c = 0; c < 3; c++) data[i * 3 + c] = Math.round(top.data[i * 4 + c] * alpha + data[i * 3 + c] * (1 - alpha));
  }
  return { ...below, data };
}

/** An opaque picture of one colour. */
export function plain(width: number, height: number, color: readonly [number, number, number]): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = color[i % 3];
  return { width, height, channels: 3, data };
}
