import { type Bounds, createImage, maskArea, NoSurfaceError, reframeCamera, resample, type StageMessage, type View } from '@gestalt3d/core';
import { type FitConfig, LEVELS, levelResolutions, MAX_SAMPLES } from '../config.ts';
import { initialParameters } from '../init.ts';
import type { FitPreset } from '../options.ts';
import type { FitProblem } from '../problem.ts';
import { CAMERA_FLOATS, cubeInterval, packCamera } from '../rays.ts';
import { finishWork, type Work } from '../work.ts';
import { agreeingViews } from './agreeing-views.ts';
import { AGREEING } from './agreement.ts';
import { dilate, type Silhouette, silhouetteOf, visualHull } from './hull.ts';
import { type Outline, outlineOf } from './outline.ts';
import { startFromHull } from './start-from-hull.ts';
import { viewFault } from './view-fault.ts';

/** Cells along the edge of the occupancy grid. */
const OCCUPANCY_EDGE = 64;
/** Cells around the hull that are marched too. 0: error 0.71 px (torus, 250 steps), 2: 0.37, 5: 0.30 and a quarter more time, all: 0.27 and half more. */
const MARGIN_CELLS = 3;

/** Views that leave more than this share of one another's pixels unexplained do not show one object. */
const HOPELESS_SHARE = 0.5;
/** Colours that vary by less than this (standard deviation, of 255) are one colour. */
const PLAIN_DEVIATION = 2;
/** Of this many pixels one is looked at for that; prime, so as not to follow columns. */
const COLOR_STRIDE = 7;
/** Source pixels shrunk in one go. */
const PIXELS_A_PIECE = 1 << 17;
/** Fewer views than this leave much of the surface to the imagination. */
const FEW_VIEWS = 4;
/** A mask of which more than this share of the object's pixels is specks and pinholes is worth a word. */
const NOISY_SHARE = 0.02;

/**
 * Turns views into a fit's plain arrays: unusable, empty and contradicting views dropped with a warning each, sizes capped, bounds and hull
 * found, sizes of everything set by a pixel's footprint.
 * @param weights one a view, any positive scale; a view of weight 0 is not used
 * @throws NoSurfaceError when no view is left or they show nothing in common; the signal's reason
 */
export async function prepareProblem(
  views: readonly View[],
  weights: readonly number[] | undefined,
  preset: FitPreset,
  seed: number,
  emit: (event: StageMessage) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<FitProblem> {
  const problem = await finishWork(preparing(views, weights, preset, seed, emit), signal);
  problem.parameters = await startFromHull(problem, signal);
  return problem;
}

/** A view that takes part. */
interface Participant {
  /** Place in the caller's list, for messages. */
  index: number;
  view: View;
  weight: number;
  outline: Outline;
}

/** @internal The work of prepareProblem but for the start from the hull, in pieces of a few milliseconds. */
export function* preparing(
  views: readonly View[],
  weights: readonly number[] | undefined,
  preset: FitPreset,
  seed: number,
  emit: (event: StageMessage) => void,
): Work<FitProblem> {
  const warn = (code: string, message: string) => emit({ kind: 'warning', code, message });
  const usable = yield* usableViews(views, weights, preset.maxViewSize, warn);
  const noisy = usable.filter(({ outline }) => outline.doubtful > NOISY_SHARE * Math.max(1, maskArea(outline.mask)));
  if (noisy.length > 0)
    warn('mask-noisy', `${listViews(indicesOf(noisy), views.length)}: the mask has many specks or pinholes; their pixels are not used`);
  const silhouettes: Silhouette[] = [];
  for (const { outline, view } of usable) {
    silhouettes.push(silhouetteOf(outline.mask, view.camera));
    yield;
  }
  const { bounds, rule, leftOut, unexplained } = yield* agreeingViews(silhouettes);
  if (unexplained > HOPELESS_SHARE)
    throw new NoSurfaceError(
      `${(unexplained * 100).toFixed(0)} % of the views' pixels show nothing that the other views leave room for: they show different places, or their cameras are wrong`,
    );
  if (leftOut.length > 0)
    warn(
      'view-disagrees',
      `${listViews(indicesOf(leftOut.map((i) => usable[i])), views.length)}: outlines that contradict all others', left out; check camera and mask`,
    );
  else if (unexplained > AGREEING)
    warn(
      'views-disagree',
      `${(unexplained * 100).toFixed(1)} % of the views' pixels show nothing that the other views leave room for; check their cameras and masks`,
    );
  const kept = usable.filter((_, i) => !leftOut.includes(i));
  const keptViews = kept.map(({ view }) => view);
  if (kept.length < FEW_VIEWS)
    warn(
      'few-views',
      `${kept.length} ${kept.length === 1 ? 'view says' : 'views say'} little about the shape between them; expect a bulky surface`,
    );
  if (colorDeviation(kept) < PLAIN_DEVIATION)
    warn('one-color', 'the object has the same colour everywhere: its shape is taken from the outlines alone, hollows stay filled');
  const edgeWorld = bounds.max[0] - bounds.min[0];
  const keptSilhouettes = silhouettes.filter((_, i) => !leftOut.includes(i));
  const support = yield* visualHull(keptSilhouettes, bounds.min, edgeWorld, OCCUPANCY_EDGE, rule);
  const solidCells = support.reduce((sum, value) => sum + value, 0);
  if (solidCells === 0) throw new NoSurfaceError('the silhouettes do not meet in space');

  const pixel = Math.min(1 / 48, Math.max(1 / 512, pixelFootprint(keptViews, bounds)));
  const meanWeight = kept.reduce((sum, { weight }) => sum + weight, 0) / kept.length;
  const cameras = new Float32Array(kept.length * CAMERA_FLOATS);
  kept.forEach(({ view, weight }, v) => {
    cameras.set(packCamera(view.camera, bounds.min, edgeWorld, weight / meanWeight), v * CAMERA_FLOATS);
  });
  const config: FitConfig = {
    seed,
    steps: preset.steps,
    rays: preset.rays,
    foregroundShare: 0.67,
    resolutions: levelResolutions(Math.min(LEVELS, preset.levels), 16, Math.min(256, Math.max(48, Math.round(0.9 / pixel)))),
    tableSize: preset.tableSize,
    startLevels: Math.ceil(Math.min(LEVELS, preset.levels) / 2),
    levelsUntil: 0.5,
    sphereRadius: Math.min(0.45, Math.max(0.15, 0.9 * Math.cbrt((3 * solidCells) / support.length / (4 * Math.PI)))),
    marchStep: Math.max(Math.sqrt(3) / MAX_SAMPLES, 1.5 * pixel),
    occupancyEdge: OCCUPANCY_EDGE,
    occupancyEvery: 16,
    sharpnessStart: 100,
    sharpnessEnd: Math.max(100, 3.5 / pixel),
    sharpnessUntil: 0.8,
    lrStart: 1e-2,
    lrEnd: 1e-3,
    lrMlp: 2,
    colorWeight: 1,
    maskWeight: 0.3,
    eikonalWeight: 0.1,
    curvatureWeight: 4e-4,
  };
  const hull = dilate(support, OCCUPANCY_EDGE, MARGIN_CELLS);
  yield;
  const lists = yield* packPixels(kept, cameras);
  const hullCells = Uint32Array.from(setCells(hull));
  return { config, bounds, cameras, hull, hullCells, support, parameters: initialParameters(config), ...lists };
}

function setCells(grid: Uint8Array): number[] {
  const cells: number[] = [];
  for (let i = 0; i < grid.length; i++) if (grid[i]) cells.push(i);
  return cells;
}

/** The views that show something, shrunk, with their outlines. @throws NoSurfaceError */
function* usableViews(
  views: readonly View[],
  weights: readonly number[] | undefined,
  maxSize: number,
  warn: (code: string, message: string) => void,
): Work<Participant[]> {
  const usable: Participant[] = [];
  /** Views by what is wrong with them. */
  const empty: number[] = [];
  const faults = new Map<string, number[]>();
  for (const [index, view] of views.entries()) {
    const weight = weights?.[index] ?? 1;
    if (!(weight > 0)) continue;
    const fault = viewFault(view);
    if (fault !== undefined) {
      faults.set(fault, [...(faults.get(fault) ?? []), index]);
      continue;
    }
    let opaque = false;
    for (let i = 3; i < view.image.data.length && !opaque; i += 4) opaque = view.image.data[i] >= 128;
    yield;
    if (!opaque) {
      empty.push(index);
      continue;
    }
    const small = yield* shrink(view, maxSize);
    yield;
    const outline = outlineOf(small.image);
    yield;
    // an object thin as a thread may be gone when it is made smaller
    if (maskArea(outline.mask) > 0) usable.push({ index, view: small, weight, outline });
    else empty.push(index);
  }
  const unusable = [...faults].map(([fault, indices]) => `${listViews(indices, views.length)}: ${fault}`);
  if (empty.length > 0) unusable.push(`${listViews(empty, views.length)}: no opaque pixel`);
  if (usable.length === 0)
    throw new NoSurfaceError(`none of ${views.length} views is usable${unusable.length > 0 ? `; ${unusable.join('; ')}` : ''}`);
  if (empty.length > 0) warn('view-empty', `${listViews(empty, views.length)}: no opaque pixel, left out`);
  for (const [fault, indices] of faults) warn('view-unusable', `${listViews(indices, views.length)}: ${fault}, left out`);
  return usable;
}

/** Root mean square over the channels of the standard deviation of the opaque pixels' colours, 0..255. */
function colorDeviation(kept: readonly Participant[]): number {
  let count = 0;
  const sum = [0, 0, 0];
  let squares = 0;
  for (const { view, outline } of kept)
    for (let i = 0; i < outline.mask.data.length; i += COLOR_STRIDE) {
      if (outline.mask.data[i] < 128) continue;
      count++;
      for (let c = 0; c < 3; c++) {
        const value = view.image.data[i * 4 + c];
        sum[c] += value;
        squares += value * value;
      }
    }
  const mean = sum.reduce((total, value) => total + (value / count) ** 2, 0);
  return Math.sqrt(Math.max(0, squares / count - mean) / 3);
}

const indicesOf = (some: readonly Participant[]): number[] => some.map(({ index }) => index);

/** `view 3`, `views 3, 5`, `all 16 views`. */
const listViews = (indices: readonly number[], count: number): string =>
  indices.length > 1 && indices.length === count ? `all ${count} views` : `view${indices.length > 1 ? 's' : ''} ${indices.join(', ')}`;

/** The view at no more than `size` pixels on its longer side. */
function* shrink(view: View, size: number): Work<View> {
  const { image, camera } = view;
  const scale = size / Math.max(image.width, image.height);
  if (scale >= 1) return view;
  const width = Math.max(1, Math.round(image.width * scale));
  const height = Math.max(1, Math.round(image.height * scale));
  const sx = width / image.width;
  const sy = height / image.height;
  // band by band: a large photograph takes a second as a whole
  const small = createImage(width, height, 4);
  const rows = Math.max(1, Math.floor((PIXELS_A_PIECE * sy) / image.width));
  for (let y = 0; y < height; y += rows) {
    const count = Math.min(rows, height - y);
    const band = resample(image, width, count, { x: 0, y: y / sy, width: image.width, height: count / sy });
    small.data.set(band.data, y * width * 4);
    yield;
  }
  const framed = reframeCamera(camera, { scale: sx, dx: 0, dy: 0, width, height });
  return { image: small, camera: { ...framed, flY: camera.flY * sy, cy: camera.cy * sy } };
}

/** Median over the views of a pixel's size at the cube's centre, in cube edges. */
function pixelFootprint(views: readonly View[], bounds: Bounds): number {
  const edge = bounds.max[0] - bounds.min[0];
  const sizes = views.map(({ camera }) => {
    const m = camera.worldFromCamera;
    let depth = 0;
    for (let c = 0; c < 3; c++) depth -= ((bounds.min[c] + bounds.max[c]) / 2 - m[12 + c]) * m[8 + c];
    return Math.max(depth, edge / 2) / camera.flX / edge;
  });
  sizes.sort((a, b) => a - b);
  return sizes[sizes.length >> 1];
}

/** Concatenated pixels and the two lists that rays are drawn from; pixels whose mask is in doubt are in neither. */
function* packPixels(
  kept: readonly Participant[],
  cameras: Float32Array,
): Work<Pick<FitProblem, 'viewStart' | 'pixels' | 'foreground' | 'background'>> {
  const viewStart = new Uint32Array(kept.length + 1);
  kept.forEach(({ view }, v) => {
    viewStart[v + 1] = viewStart[v] + view.image.width * view.image.height;
  });
  const total = viewStart[kept.length];
  const pixels = new Uint32Array(total);
  const foreground = new Uint32Array(total);
  const background = new Uint32Array(total);
  let foregroundCount = 0;
  let backgroundCount = 0;
  for (const [v, { view, outline }] of kept.entries()) {
    const { data, width, height } = view.image;
    const camera = cameras.subarray(v * CAMERA_FLOATS, (v + 1) * CAMERA_FLOATS);
    const direction = [0, 0, 0];
    for (let y = 0, i = 0, at = viewStart[v]; y < height; y++) {
      for (let x = 0; x < width; x++, i += 4, at++) {
        pixels[at] = (data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24)) >>> 0;
        const solid = outline.mask.data[i >> 2] > 127;
        if (solid !== data[i + 3] >= 128) continue;
        if (solid) foreground[foregroundCount++] = at;
        else {
          for (let c = 0; c < 3; c++) direction[c] = camera[4 + c] * (x + 0.5) + camera[8 + c] * (y + 0.5) + camera[12 + c];
          const [near, far] = cubeInterval(camera, direction);
          if (far > near) background[backgroundCount++] = at;
        }
      }
      yield;
    }
  }
  // the unused rest is never touched, so that it takes no memory
  return {
    viewStart,
    pixels,
    foreground: foreground.subarray(0, foregroundCount),
    background: background.subarray(0, backgroundCount),
  };
}
