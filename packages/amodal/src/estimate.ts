import { createRng } from '@gestalt3d/core';
import { float32, type InferenceBackend, type ModelBundle } from '@gestalt3d/onnx';

/** How samples start from a one-step estimate: `scheduler.estimate` of a completion bundle. */
export interface EstimateSpec {
  /** Logit of alpha that counts as the outline. */
  bias: number;
  /** Factor on the logit before it becomes alpha. */
  sharpness: number;
  /** Standard deviation of a sample's own change of the logit, at the corners of the crop. */
  spread: number;
}

/** Name of the one-step graph in a bundle, and of the input of a denoiser that wants its answer. */
export const PRIOR = 'prior';

/**
 * The whole object that the bundle's one-step network expects: [4, S, S], straight colours in about -1..1 and the logit of alpha. It is an average
 * over what may be hidden. Undefined for a bundle without such a network.
 * @param cond [8, S, S], see `conditionOf`
 * @throws as ModelBundle.open and Session.run
 */
export async function estimateWhole(
  bundle: ModelBundle,
  backend: InferenceBackend,
  cond: Float32Array,
  size: number,
  signal: AbortSignal,
): Promise<Float32Array | undefined> {
  if (bundle.manifest.graphs[PRIOR] === undefined) return undefined;
  const session = await bundle.open(PRIOR, backend);
  try {
    return (await session.runSingle({ cond: float32(cond, [1, 8, size, size]) }, signal)).slice();
  } finally {
    await session.dispose();
  }
}

/** Mean of the first pair's departures, and the share of their differences from it that is kept. */
const EXTENT = 0.5;
const SLANT = 0.5;

/**
 * How sample `index` departs from the estimate: four numbers for the crop's corners, in units of the spread. The first sample does not, it is the
 * likeliest; then come pairs of opposite departures (antithetic variates). Of the first pair one is more of the object everywhere and one is less, because
 * how far an object goes on is what is least known of it; where it goes on is what the others try.
 * @param seeds of all samples
 */
export function departureOf(seeds: readonly number[], index: number): Float32Array {
  if (index === 0) return new Float32Array(4);
  const opposite = index % 2 === 0;
  const drawn = createRng(seeds[opposite ? index - 1 : index]!).fillNormal(new Float32Array(4));
  const mean = drawn.reduce((sum, value) => sum + value / drawn.length, 0);
  const corners = index > 2 ? drawn : drawn.map((value) => Math.sign(mean) * EXTENT + SLANT * (value - mean));
  return opposite ? corners.map((value) => -value) : corners;
}

/**
 * One clean picture that the estimate allows: [4, S, S], colours times alpha and 2 alpha - 1. The logit is changed by a smooth field, so
 * that where the estimate is sure nothing happens, and where it is not, whole regions come or go together (stochastic segmentation networks,
 * Monteiro et al. 2020, with a fixed covariance). The field is bilinear between the four numbers of `departureOf` at the crop's corners.
 */
export function drawEstimate(
  estimate: Float32Array,
  size: number,
  { bias, sharpness, spread }: EstimateSpec,
  corners: Float32Array,
): Float32Array {
  const plane = size * size;
  const out = new Float32Array(4 * plane);
  for (let i = 0; i < plane; i++) {
    const [u, v] = [((i % size) + 0.5) / size, (Math.floor(i / size) + 0.5) / size];
    const field = (corners[0]! * (1 - u) + corners[1]! * u) * (1 - v) + (corners[2]! * (1 - u) + corners[3]! * u) * v;
    const alpha = 1 / (1 + Math.exp(-sharpness * (estimate[3 * plane + i]! + spread * field - bias)));
    for (let c = 0; c < 3; c++) out[c * plane + i] = alpha * Math.min(Math.max(estimate[c * plane + i]!, -1), 1);
    out[3 * plane + i] = 2 * alpha - 1;
  }
  return out;
}
