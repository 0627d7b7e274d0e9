import {
  CELL_MARCHED,
  CELL_SURFACE,
  COLOR_EPSILON,
  COLOR_WEIGHT_MIN,
  CURVATURE_KNEE,
  EIKONAL_OF_RAY,
  EIKONAL_OF_SURFACE,
  gridLevels,
  MASK_EPSILON,
  MAX_SAMPLES,
  SDF_OUT,
  STOP_TRANSMITTANCE,
  type StepSchedule,
  SURFACE_TRIES,
} from '../config.ts';
import type { FitProblem } from '../problem.ts';
import { CAMERA_FLOATS, cubeInterval, DIMENSION, rayKey, rayUniform } from '../rays.ts';
import {
  type ColorSample,
  type Doubles,
  type FieldSample,
  referenceColor,
  referenceColorBackward,
  referenceField,
  referenceFieldBackward,
} from './reference-network.ts';

/** Every second corner of a cube: the taps around an eikonal point, in units of h. */
const TETRAHEDRON = [
  [1, -1, -1],
  [-1, -1, 1],
  [-1, 1, -1],
  [1, 1, 1],
];

/** A step's loss and its parts, sums over the rays (not yet divided), and the gradient. */
export interface ReferenceStep {
  loss: number;
  colorLoss: number;
  maskLoss: number;
  eikonalLoss: number;
  samples: number;
  gradient: Doubles;
}

/**
 * One training step without the update, in doubles and without any trick: the oracle of the kernels. What is decided by comparisons
 * (which samples, which stop) is the algorithm of the README; everything else is smooth and can be checked by finite differences.
 */
export function referenceStep(
  problem: FitProblem,
  parameters: Doubles,
  occupancy: Uint8Array,
  step: number,
  schedule: StepSchedule,
): ReferenceStep {
  const { config } = problem;
  const levels = gridLevels(config);
  const out: ReferenceStep = {
    loss: 0,
    colorLoss: 0,
    maskLoss: 0,
    eikonalLoss: 0,
    samples: 0,
    gradient: new Float64Array(parameters.length),
  };
  const field = (u: readonly number[]) => referenceField(parameters, levels, schedule.activeLevels, u);
  for (let ray = 0; ray < config.rays; ray++) referenceRay(problem, parameters, occupancy, step, ray, schedule, field, out);
  return out;
}

function referenceRay(
  problem: FitProblem,
  parameters: Doubles,
  occupancy: Uint8Array,
  step: number,
  ray: number,
  { sharpness: s, tap }: StepSchedule,
  field: (u: readonly number[]) => FieldSample,
  out: ReferenceStep,
): void {
  const { config, foreground, background, viewStart, cameras, pixels, hullCells } = problem;
  const key = rayKey(config.seed, step, ray);
  const u = (dimension: number) => rayUniform(key, dimension);
  const wantForeground = u(DIMENSION.foreground) < config.foregroundShare;
  const list = (wantForeground && foreground.length > 0) || background.length === 0 ? foreground : background;
  const pixel = list[Math.min(list.length - 1, Math.floor(Math.fround(u(DIMENSION.pixel) * list.length)))];
  let view = 0;
  while (viewStart[view + 1] <= pixel) view++;
  const camera = cameras.subarray(view * CAMERA_FLOATS, (view + 1) * CAMERA_FLOATS);
  const local = pixel - viewStart[view];
  const px = (local % camera[7]) + 0.5;
  const py = Math.floor(local / camera[7]) + 0.5;
  const raw = [0, 1, 2].map((c) => camera[4 + c] * px + camera[8 + c] * py + camera[12 + c]);
  const length = Math.hypot(...raw);
  const direction = raw.map((value) => value / length);
  const origin = [camera[0], camera[1], camera[2]];
  const weight = camera[3] / config.rays;
  const rgba = pixels[pixel];
  const alpha = (rgba >>> 24) / 255;
  const backdrop = [0, 1, 2].map((c) => u(DIMENSION.background + c));
  const target = [0, 1, 2].map((c) => (alpha * ((rgba >>> (8 * c)) & 255)) / 255 + (1 - alpha) * backdrop[c]);

  // march
  const [near, far] = cubeInterval(origin, direction);
  const edge = config.occupancyEdge;
  const at = (k: number) => near + (k + u(DIMENSION.jitter)) * config.marchStep;
  const point = (k: number) => origin.map((o, c) => o + at(k) * direction[c]);
  const isOccupied = (p: readonly number[]) => {
    const [x, y, z] = p.map((value) => Math.min(edge - 1, Math.max(0, Math.floor(value * edge))));
    return (occupancy[x + edge * (y + edge * z)] & CELL_MARCHED) !== 0;
  };
  const samples: {
    field: FieldSample;
    live: boolean;
    weight: number;
    next: number;
    alpha: number;
    entry: number;
    entryNext: number;
    color?: ColorSample;
    df: number;
  }[] = [];
  let transmittance = 1;
  let previousLive = false;
  for (let k = 0; k < MAX_SAMPLES && at(k) < far; k++) {
    const live = isOccupied(point(k)) && at(k + 1) < far;
    if (live || previousLive) {
      if (transmittance < STOP_TRANSMITTANCE) {
        if (samples.length > 0) samples[samples.length - 1].live = false;
        break;
      }
      const sample = { field: field(point(k)), live, weight: 0, next: transmittance, alpha: 0, entry: 0, entryNext: 0, df: 0 };
      const before = samples[samples.length - 1];
      const exponent = (f: number) => Math.exp(-Math.min(30, Math.max(-30, s * f)));
      if (!previousLive) {
        const through = 1 / (1 + exponent(sample.field.output[0]));
        sample.entry = transmittance * (1 - through);
        transmittance *= through;
        sample.entryNext = transmittance;
      } else {
        const through = Math.min(1, (1 + exponent(before.field.output[0])) / (1 + exponent(sample.field.output[0])));
        before.alpha = 1 - through;
        before.weight = transmittance * before.alpha;
        transmittance *= through;
        before.next = transmittance;
      }
      samples.push(sample);
    }
    previousLive = live;
  }
  out.samples += samples.length;

  // composite
  const total = [0, 0, 0];
  let opacity = 0;
  const sampleWeights = samples.map((sample, j) => sample.entry + ((samples[j - 1]?.weight ?? 0) + sample.weight) / 2);
  samples.forEach((sample, j) => {
    opacity += sample.weight + sample.entry;
    if (sampleWeights[j] < COLOR_WEIGHT_MIN) return;
    sample.color = referenceColor(parameters, sample.field);
    for (let c = 0; c < 3; c++) total[c] += sampleWeights[j] * sample.color.rgb[c];
  });
  const difference = [0, 1, 2].map((c) => total[c] + (1 - opacity) * backdrop[c] - target[c]);
  const root = Math.sqrt(difference.reduce((sum, value) => sum + value * value, COLOR_EPSILON));
  const clamped = Math.min(1 - MASK_EPSILON, Math.max(MASK_EPSILON, opacity));
  const mask = -(alpha * Math.log(clamped) + (1 - alpha) * Math.log(1 - clamped));
  out.colorLoss += root;
  out.maskLoss += mask;
  out.loss += weight * (config.colorWeight * root + config.maskWeight * mask);

  // backward
  const dColor = difference.map((value) => (config.colorWeight * weight * value) / root);
  const dOpacity =
    config.maskWeight * weight * ((1 - alpha) / (1 - clamped) - alpha / clamped) -
    dColor.reduce((sum, value, c) => sum + value * backdrop[c], 0);
  const colorTerm = (j: number) => samples[j]?.color?.rgb.reduce((sum, value, c) => sum + value * dColor[c], 0) ?? 0;
  let suffix = 0;
  for (let j = samples.length - 1; j >= 0; j--) {
    const sample = samples[j];
    const f0 = s * sample.field.output[0];
    const g = (colorTerm(j) + colorTerm(j + 1)) / 2 + dOpacity;
    if (sample.live && sample.alpha > 0) {
      const inner = s * (sample.next * g - suffix);
      const f1 = s * samples[j + 1].field.output[0];
      if (Math.abs(f0) < 30) sample.df += inner / (1 + Math.exp(f0));
      if (Math.abs(f1) < 30) samples[j + 1].df -= inner / (1 + Math.exp(f1));
    }
    suffix += g * sample.weight;
    const entryG = colorTerm(j) + dOpacity;
    if (sample.entry > 0 && Math.abs(f0) < 30) sample.df -= (s * (sample.entryNext * entryG - suffix)) / (1 + Math.exp(f0));
    suffix += entryG * sample.entry;
  }
  samples.forEach((sample, j) => {
    const d = new Array<number>(SDF_OUT).fill(0);
    d[0] = sample.df;
    if (sample.color) {
      const dRgb = dColor.map((value) => value * sampleWeights[j]);
      referenceColorBackward(parameters, out.gradient, sample.color, dRgb).forEach((value, k) => {
        d[1 + k] = value;
      });
    }
    referenceFieldBackward(parameters, out.gradient, sample.field, d);
  });

  // eikonal point: eikonal loss, curvature near the surface
  const draw = u(DIMENSION.eikonalKind);
  let centre = [0, 1, 2].map((c) => u(DIMENSION.eikonalPoint + c));
  let nearSurface = false;
  if (draw < EIKONAL_OF_RAY && samples.length > 0) {
    nearSurface = true;
    const chosen = samples[Math.min(samples.length - 1, Math.floor(2 * draw * samples.length))];
    centre = chosen.field.input.slice(0, 3).map((x) => (x + 1) / 2);
  } else if (draw < EIKONAL_OF_RAY + EIKONAL_OF_SURFACE && hullCells.length > 0) {
    nearSurface = true;
    let cell = 0;
    for (let k = 0; k < SURFACE_TRIES; k++) {
      cell = hullCells[Math.min(hullCells.length - 1, Math.floor(Math.fround(u(DIMENSION.eikonalCell + k) * hullCells.length)))];
      if (occupancy[cell] & CELL_SURFACE) break;
    }
    const corner = [cell % edge, Math.floor(cell / edge) % edge, Math.floor(cell / edge ** 2)];
    centre = centre.map((value, c) => (corner[c] + value) / edge);
  }
  centre = centre.map((value) => Math.min(1 - tap, Math.max(tap, value)));
  const base = field(centre);
  const taps = TETRAHEDRON.map((corner) => ({ corner, sample: field(centre.map((value, c) => value + tap * corner[c])) }));
  const slope = [0, 1, 2].map((c) => taps.reduce((sum, { corner, sample }) => sum + corner[c] * sample.output[0], 0) / (4 * tap));
  const norm = Math.max(Math.hypot(...slope), 1e-6);
  const mean = taps.reduce((sum, { sample }) => sum + sample.output[0], 0) / 4;
  const laplacian = nearSurface ? (2 / tap ** 2) * (mean - base.output[0]) : 0;
  const bent = Math.hypot(laplacian, CURVATURE_KNEE);
  out.eikonalLoss += (norm - 1) ** 2;
  out.loss += (config.eikonalWeight * (norm - 1) ** 2 + config.curvatureWeight * (bent - CURVATURE_KNEE)) / config.rays;
  const scale = ((config.eikonalWeight / config.rays) * 2 * (norm - 1)) / norm / (4 * tap);
  const bend = ((config.curvatureWeight / config.rays) * (2 / tap ** 2) * laplacian) / bent;
  const only = (df: number) => {
    const d = new Array<number>(SDF_OUT).fill(0);
    d[0] = df;
    return d;
  };
  for (const { corner, sample } of taps) {
    const along = corner.reduce((sum, value, c) => sum + value * slope[c], 0);
    referenceFieldBackward(parameters, out.gradient, sample, only(scale * along + bend / 4));
  }
  referenceFieldBackward(parameters, out.gradient, base, only(-bend));
}
