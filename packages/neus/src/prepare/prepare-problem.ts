import { type Bounds, type Camera, NoSurfaceError, reframeCamera, resample, type StageMessage, type View } from '@gestalt3d/core';
import { type FitConfig, LEVELS, levelResolutions, MAX_SAMPLES } from '../config.ts';
import { initialParameters } from '../init.ts';
import type { FitPreset } from '../options.ts';
import type { FitProblem } from '../problem.ts';
import { CAMERA_FLOATS, cubeInterval, packCamera } from '../rays.ts';
import { findBounds } from './find-bounds.ts';
import { dilate, silhouetteOf, visualHull } from './hull.ts';

/** Cells along the edge of the occupancy grid. */
const OCCUPANCY_EDGE = 64;
/** Cells around the hull that are marched too. 0: error 0.71 px (torus, 250 steps), 2: 0.37, 5: 0.30 and a quarter more time, all: 0.27 and half more. */
const MARGIN_CELLS = 3;

/** Turns views into a fit's plain arrays: sizes capped, empty views dropped, bounds and hull found, sizes of everything set by a pixel's footprint. */
export function prepareProblem(
  views: readonly View[],
  weights: readonly number[] | undefined,
  preset: FitPreset,
  seed: number,
  emit: (event: StageMessage) => void,
): FitProblem {
  const kept: View[] = [];
  const keptWeights: number[] = [];
  views.forEach((view, index) => {
    const weight = weights?.[index] ?? 1;
    let opaque = 0;
    for (let i = 3; i < view.image.data.length; i += 4) if (view.image.data[i] >= 128) opaque++;
    if (opaque === 0 || !(weight > 0)) {
      if (opaque === 0) emit({ kind: 'warning', code: 'view-empty', message: `view ${index} has no opaque pixel and is left out` });
      return;
    }
    kept.push(shrink(view, preset.maxViewSize));
    keptWeights.push(weight);
  });
  if (kept.length === 0) throw new NoSurfaceError(`none of ${views.length} views has an opaque pixel`);
  const silhouettes = kept.map(({ image, camera }) => silhouetteOf(image, camera));
  const { bounds, rule } = findBounds(kept, silhouettes);
  if (rule.tolerance > Math.max(1, kept.length / 12))
    emit({
      kind: 'warning',
      code: 'views-disagree',
      message: `the silhouettes of ${rule.tolerance} of ${kept.length} views disagree with the others; check their cameras and masks`,
    });
  const edgeWorld = bounds.max[0] - bounds.min[0];
  const support = visualHull(silhouettes, bounds.min, edgeWorld, OCCUPANCY_EDGE, rule);
  const hullCells = support.reduce((sum, value) => sum + value, 0);
  if (hullCells === 0) throw new NoSurfaceError('the silhouettes do not meet in space');

  const pixel = Math.min(1 / 48, Math.max(1 / 512, pixelFootprint(kept, bounds)));
  const meanWeight = keptWeights.reduce((sum, weight) => sum + weight, 0) / keptWeights.length;
  const cameras = new Float32Array(kept.length * CAMERA_FLOATS);
  kept.forEach((view, v) => {
    cameras.set(packCamera(view.camera, bounds.min, edgeWorld, keptWeights[v] / meanWeight), v * CAMERA_FLOATS);
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
    sphereRadius: Math.min(0.45, Math.max(0.15, 0.9 * Math.cbrt((3 * hullCells) / support.length / (4 * Math.PI)))),
    marchStep: Math.max(Math.sqrt(3) / MAX_SAMPLES, 1.5 * pixel),
    occupancyEdge: OCCUPANCY_EDGE,
    occupancyEvery: 16,
    sharpnessStart: 30,
    sharpnessEnd: Math.max(100, 3.5 / pixel),
    sharpnessUntil: 0.8,
    lrStart: 1e-2,
    lrEnd: 1e-3,
    lrMlp: 2,
    colorWeight: 1,
    maskWeight: 0.3,
    eikonalWeight: 0.1,
  };
  return {
    config,
    bounds,
    cameras,
    hull: dilate(support, OCCUPANCY_EDGE, MARGIN_CELLS),
    support,
    parameters: initialParameters(config),
    ...packPixels(kept, cameras),
  };
}

/** The view at no more than `size` pixels on its longer side. */
function shrink(view: View, size: number): View {
  const { image, camera } = view;
  const scale = size / Math.max(image.width, image.height);
  if (scale >= 1) return view;
  const width = Math.max(1, Math.round(image.width * scale));
  const height = Math.max(1, Math.round(image.height * scale));
  const framed = reframeCamera(camera, { scale: width / image.width, dx: 0, dy: 0, width, height });
  const sy = height / image.height;
  const fitted: Camera = { ...framed, flY: camera.flY * sy, cy: camera.cy * sy };
  return { image: resample(image, width, height), camera: fitted };
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

/** Concatenated pixels and the two lists that rays are drawn from. */
function packPixels(views: readonly View[], cameras: Float32Array): Pick<FitProblem, 'viewStart' | 'pixels' | 'foreground' | 'background'> {
  const viewStart = new Uint32Array(views.length + 1);
  views.forEach(({ image }, v) => {
    viewStart[v + 1] = viewStart[v] + image.width * image.height;
  });
  const total = viewStart[views.length];
  const pixels = new Uint32Array(total);
  const foreground = new Uint32Array(total);
  const background = new Uint32Array(total);
  let foregroundCount = 0;
  let backgroundCount = 0;
  views.forEach(({ image }, v) => {
    const { data, width, height } = image;
    const camera = cameras.subarray(v * CAMERA_FLOATS, (v + 1) * CAMERA_FLOATS);
    for (let y = 0, i = 0, at = viewStart[v]; y < height; y++)
      for (let x = 0; x < width; x++, i += 4, at++) {
        pixels[at] = (data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24)) >>> 0;
        if (data[i + 3] >= 128) foreground[foregroundCount++] = at;
        else {
          const direction = [0, 1, 2].map((c) => camera[4 + c] * (x + 0.5) + camera[8 + c] * (y + 0.5) + camera[12 + c]);
          const [near, far] = cubeInterval(camera, direction);
          if (far > near) background[backgroundCount++] = at;
        }
      }
  });
  return { viewStart, pixels, foreground: foreground.slice(0, foregroundCount), background: background.slice(0, backgroundCount) };
}
