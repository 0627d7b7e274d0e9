import { NumericalError } from '@gestalt3d/core';
import {
  type FitConfig,
  gridLevels,
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
} from './config.ts';
import type { FitReport } from './fitter.ts';

/** The parts of the parameter array by their first float, as the README names them. */
const NETWORK_TENSORS: readonly (readonly [number, string])[] = [
  [OFFSET_W1, 'SDF hidden layer, weights W1'],
  [OFFSET_B1, 'SDF hidden layer, bias B1'],
  [OFFSET_W2, 'SDF output layer, weights W2'],
  [OFFSET_B2, 'SDF output layer, bias B2'],
  [OFFSET_C1, 'colour layer 1, weights C1'],
  [OFFSET_D1, 'colour layer 1, bias D1'],
  [OFFSET_C2, 'colour layer 2, weights C2'],
  [OFFSET_D2, 'colour layer 2, bias D2'],
  [OFFSET_C3, 'colour output layer, weights C3'],
  [OFFSET_D3, 'colour output layer, bias D3'],
];

/** Tensors that a message names; once one is broken the others soon follow. */
const NAMED = 3;

/**
 * Looks for NaN and infinity in the parameter array; names the tensors that have some.
 * @param where e.g. `step 12`
 * @throws NumericalError
 */
export function requireFiniteParameters(
  config: Pick<FitConfig, 'resolutions' | 'tableSize'>,
  parameters: Float32Array,
  where: string,
): void {
  // 0 times a finite number is 0: one sum tells of all of them, at the speed of memory
  let zero = 0;
  for (let i = 0; i < parameters.length; i++) zero += parameters[i] * 0;
  if (zero === 0) return;
  const levels = gridLevels(config).map(({ offset, resolution }, l) => [offset, `hash table, level ${l} (${resolution} cells)`] as const);
  const tensors = [...NETWORK_TENSORS, ...levels, [parameters.length, ''] as const];
  const names: string[] = [];
  let total = 0;
  for (let t = 0; t + 1 < tensors.length; t++) {
    const tensor = parameters.subarray(tensors[t][0], tensors[t + 1][0]);
    const broken = tensor.reduce((count, value) => count + (Number.isFinite(value) ? 0 : 1), 0);
    if (broken > 0) names.push(tensors[t][1]);
    total += broken;
  }
  const others = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  throw new NumericalError(`parameters (${names.slice(0, NAMED).join('; ')}${others})`, where, total);
}

/** The sums of a report, by what they are sums of. */
const LOSSES = {
  colorLoss: 'colour loss',
  maskLoss: 'mask loss',
  eikonalLoss: 'eikonal loss',
  squaredError: 'squared colour error',
} as const;

type LossKey = keyof typeof LOSSES;

export function lossesAreFinite(report: FitReport): boolean {
  return Object.keys(LOSSES).every((key) => Number.isFinite(report[key as LossKey]));
}

/** @throws NumericalError that names the first loss that is none */
export function requireFiniteLosses(report: FitReport, where: string): void {
  for (const [key, name] of Object.entries(LOSSES)) if (!Number.isFinite(report[key as LossKey])) throw new NumericalError(name, where, 1);
}
