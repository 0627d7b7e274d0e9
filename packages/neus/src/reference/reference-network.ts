import {
  COLOR_IN,
  COLOR_OUT,
  FEATURES,
  type GridLevel,
  HIDDEN,
  LEVELS,
  OFFSET_B1,
  OFFSET_B2,
  OFFSET_C1,
  OFFSET_C2,
  OFFSET_C3,
  OFFSET_D1,
  OFFSET_D2,
  OFFSET_D3,
  OFFSET_W1,
  OFFSET_W2,
  SDF_IN,
  SDF_OUT,
} from '../config.ts';

/** One evaluation of the field in doubles, with what the backward pass needs. */
export interface FieldSample {
  /** First float in the parameter array and weight of the corners of the active levels. */
  corners: { index: number; weight: number; feature: number }[];
  input: number[];
  hidden: number[];
  /** sdf and 15 geometry features */
  output: number[];
}

export interface ColorSample {
  input: number[];
  hidden1: number[];
  hidden2: number[];
  rgb: number[];
}

/** Parameter arrays that the reference reads and adds to: doubles, so that finite differences mean something. */
export type Doubles = Float64Array;

/** SDF network at a point of the cube. README: "Hash grid". */
export function referenceField(p: Doubles, levels: readonly GridLevel[], active: number, u: readonly number[]): FieldSample {
  const corners: FieldSample['corners'] = [];
  const input = new Array<number>(SDF_IN).fill(0);
  for (let c = 0; c < 3; c++) input[c] = 2 * u[c] - 1;
  for (let l = 0; l < Math.min(active, LEVELS); l++) {
    const { resolution, offset, entries, dense } = levels[l];
    const cell: number[] = [];
    const fraction: number[] = [];
    for (let c = 0; c < 3; c++) {
      const g = Math.min(1, Math.max(0, u[c])) * resolution;
      cell[c] = Math.min(Math.floor(g), resolution - 1);
      fraction[c] = g - cell[c];
    }
    for (let corner = 0; corner < 8; corner++) {
      const v = [0, 1, 2].map((c) => cell[c] + ((corner >> c) & 1));
      const n = resolution + 1;
      const entry = dense
        ? v[0] + n * (v[1] + n * v[2])
        : ((v[0] ^ Math.imul(v[1], 2654435761) ^ Math.imul(v[2], 805459861)) >>> 0) & (entries - 1);
      const weight = [0, 1, 2].reduce((w, c) => w * ((corner >> c) & 1 ? fraction[c] : 1 - fraction[c]), 1);
      for (let f = 0; f < FEATURES; f++) {
        const index = offset + entry * FEATURES + f;
        const feature = 3 + l * FEATURES + f;
        corners.push({ index, weight, feature });
        input[feature] += p[index] * weight;
      }
    }
  }
  const hidden = dense(p, OFFSET_W1, OFFSET_B1, input, HIDDEN, HIDDEN, true);
  return { corners, input, hidden, output: dense(p, OFFSET_W2, OFFSET_B2, hidden, SDF_OUT, SDF_OUT, false) };
}

/** Colour network on a field sample. */
export function referenceColor(p: Doubles, field: FieldSample): ColorSample {
  const input = [...field.output.slice(1), ...field.input.slice(0, 3)];
  const hidden1 = dense(p, OFFSET_C1, OFFSET_D1, input, HIDDEN, HIDDEN, true);
  const hidden2 = dense(p, OFFSET_C2, OFFSET_D2, hidden1, HIDDEN, HIDDEN, true);
  const rgb = dense(p, OFFSET_C3, OFFSET_D3, hidden2, 3, COLOR_OUT, false).map((value) => 1 / (1 + Math.exp(-value)));
  return { input, hidden1, hidden2, rgb };
}

/** Adds the gradient of a field sample whose output gradient is `d` [16]. */
export function referenceFieldBackward(p: Doubles, grad: Doubles, sample: FieldSample, d: readonly number[]): void {
  const dHidden = denseBackward(p, grad, OFFSET_W2, OFFSET_B2, sample.hidden, d, SDF_OUT).map((value, k) =>
    sample.hidden[k] > 0 ? value : 0,
  );
  const dInput = denseBackward(p, grad, OFFSET_W1, OFFSET_B1, sample.input, dHidden, HIDDEN);
  for (const { index, weight, feature } of sample.corners) grad[index] += weight * dInput[feature];
}

/** Adds the gradient of a colour sample (d: gradient of rgb [3]); returns the gradient of the 15 geometry features. */
export function referenceColorBackward(p: Doubles, grad: Doubles, sample: ColorSample, d: readonly number[]): number[] {
  const dLogit = d.map((value, c) => value * sample.rgb[c] * (1 - sample.rgb[c]));
  const d2 = denseBackward(p, grad, OFFSET_C3, OFFSET_D3, sample.hidden2, dLogit, COLOR_OUT).map((v, k) => (sample.hidden2[k] > 0 ? v : 0));
  const d1 = denseBackward(p, grad, OFFSET_C2, OFFSET_D2, sample.hidden1, d2, HIDDEN).map((v, k) => (sample.hidden1[k] > 0 ? v : 0));
  return denseBackward(p, grad, OFFSET_C1, OFFSET_D1, sample.input, d1, HIDDEN).slice(0, COLOR_IN - 3);
}

function dense(p: Doubles, weights: number, bias: number, x: readonly number[], outputs: number, stride: number, relu: boolean): number[] {
  return Array.from({ length: outputs }, (_, o) => {
    let sum = p[bias + o];
    for (let i = 0; i < x.length; i++) sum += x[i] * p[weights + i * stride + o];
    return relu ? Math.max(0, sum) : sum;
  });
}

function denseBackward(
  p: Doubles,
  grad: Doubles,
  weights: number,
  bias: number,
  x: readonly number[],
  d: readonly number[],
  stride: number,
): number[] {
  for (let o = 0; o < d.length; o++) grad[bias + o] += d[o];
  return x.map((value, i) => {
    let sum = 0;
    for (let o = 0; o < d.length; o++) {
      const at = weights + i * stride + o;
      grad[at] += value * d[o];
      sum += p[at] * d[o];
    }
    return sum;
  });
}
