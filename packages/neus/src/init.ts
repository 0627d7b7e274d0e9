import { createRng } from '@gestalt3d/core';
import {
  COLOR_IN,
  COLOR_OUT,
  type FitConfig,
  HIDDEN,
  MLP_FLOATS,
  OFFSET_B2,
  OFFSET_C1,
  OFFSET_C2,
  OFFSET_C3,
  OFFSET_W1,
  OFFSET_W2,
  parameterCount,
  SDF_IN,
  SDF_OUT,
} from './config.ts';

/**
 * Parameters whose SDF is a sphere of `sphereRadius` around the cube's centre, up to the ripple of 32 directions:
 * hidden unit k reads direction d_k of a Fibonacci sphere, relu(d_k . x) averages |x| / 4, so an output weight of 4 / 32 gives |x|.
 * Network input x is 2 u - 1 (u in the cube), so |x| / 2 is the distance in cube edges.
 */
export function initialParameters(config: FitConfig): Float32Array {
  const rng = createRng(config.seed).fork('neus/init');
  const parameters = new Float32Array(parameterCount(config));
  const dense = (offset: number, inputs: number, outputs: number, stride: number, scale: number) => {
    for (let i = 0; i < inputs; i++) for (let o = 0; o < outputs; o++) parameters[offset + i * stride + o] = rng.normal() * scale;
  };
  dense(OFFSET_W1, SDF_IN, HIDDEN, HIDDEN, Math.sqrt(2 / SDF_IN));
  for (let k = 0; k < HIDDEN; k++) {
    const z = 1 - (2 * k + 1) / HIDDEN;
    const r = Math.sqrt(1 - z * z);
    const angle = k * Math.PI * (3 - Math.sqrt(5));
    [r * Math.cos(angle), r * Math.sin(angle), z].forEach((value, axis) => {
      parameters[OFFSET_W1 + axis * HIDDEN + k] = value;
    });
  }
  dense(OFFSET_W2, HIDDEN, SDF_OUT, SDF_OUT, Math.sqrt(1 / HIDDEN));
  for (let k = 0; k < HIDDEN; k++) parameters[OFFSET_W2 + k * SDF_OUT] = 4 / HIDDEN / 2;
  parameters[OFFSET_B2] = -config.sphereRadius;
  dense(OFFSET_C1, COLOR_IN, HIDDEN, HIDDEN, Math.sqrt(2 / COLOR_IN));
  dense(OFFSET_C2, HIDDEN, HIDDEN, HIDDEN, Math.sqrt(2 / HIDDEN));
  dense(OFFSET_C3, HIDDEN, 3, COLOR_OUT, Math.sqrt(1 / HIDDEN));
  for (let i = MLP_FLOATS; i < parameters.length; i++) parameters[i] = (rng.uniform() * 2 - 1) * 1e-4;
  return parameters;
}
