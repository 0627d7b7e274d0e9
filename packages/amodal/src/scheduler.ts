import { ModelCorruptError } from '@gestalt3d/core';
import type { DdimRule, Prediction, ScheduleSpec } from '@gestalt3d/diffusion';
import type { ModelBundle } from '@gestalt3d/onnx';
import type { EstimateSpec } from './estimate.ts';

/** `scheduler`, `preprocessing` and `postprocessing` of a completion bundle's manifest. */
export interface CompletionModel {
  schedule: ScheduleSpec;
  prediction: Prediction;
  rule: DdimRule;
  limit?: readonly [number, number];
  steps: number;
  eta: number;
  guidance: number;
  /** With a graph `prior`: timesteps walked from its estimate, with that much noise, instead of from pure noise. */
  startAt?: number;
  /** With a graph `prior`: how a sample's start is drawn from its estimate. */
  estimate?: EstimateSpec;
  /** With a graph `prior`: side of its picture in pixels, the denoiser's times a whole number. */
  estimateSize?: number;
  /** Side of the denoiser's square picture in pixels. */
  size: number;
  /** Side of the crop in longest sides of the visible part. */
  cropScale: number;
  /** See `composeCompletion`. */
  detail: number;
}

/** Without `postprocessing.detail`: a small network's shapes are better than its colours. */
const DETAIL = 0.6;

/** @throws ModelCorruptError that names every field that is wrong */
export function readCompletionModel(bundle: ModelBundle): CompletionModel {
  const problems: string[] = [];
  const scheduler = record(bundle.manifest.scheduler);
  const preprocessing = record(bundle.manifest.preprocessing);
  const oneOf = <T extends string>(name: string, values: readonly T[]): T => {
    const value = scheduler[name] as T;
    if (!values.includes(value)) problems.push(`scheduler.${name}: expected ${values.join(' or ')}, got ${JSON.stringify(value)}`);
    return value;
  };
  const number = (from: Record<string, unknown>, name: string, low: number, high: number): number => {
    const value = from[name];
    if (typeof value === 'number' && value >= low && value <= high) return value;
    problems.push(`${name}: expected a number from ${low} to ${high}, got ${JSON.stringify(value)}`);
    return low;
  };
  const readEstimate = (): EstimateSpec => {
    const estimate = record(scheduler.estimate);
    return {
      bias: number(estimate, 'bias', -20, 20),
      sharpness: number(estimate, 'sharpness', 0, 20),
      spread: number(estimate, 'spread', 0, 20),
    };
  };
  const readEstimateSize = (): number => {
    const size = bundle.manifest.graphs.prior!.inputs.find(({ name }) => name === 'cond')?.dims[2];
    const coarse = Number(preprocessing.size);
    if (typeof size === 'number' && size % coarse === 0) return size;
    problems.push(`graphs.prior: expected an input cond of [B, 8, S, S] with S a multiple of ${coarse}, got S = ${JSON.stringify(size)}`);
    return coarse;
  };
  const { limit } = scheduler;
  const model: CompletionModel = {
    schedule: { ...scheduler, kind: oneOf('kind', ['cosine', 'linear-sqrt']) } as ScheduleSpec,
    prediction: oneOf('prediction', ['v', 'eps', 'x0']),
    rule: oneOf('rule', ['trailing', 'syncdreamer', 'pix2gestalt']),
    steps: number(scheduler, 'steps', 1, 1000),
    eta: number(scheduler, 'eta', 0, 1),
    guidance: number(scheduler, 'guidance', 0, 20),
    size: number(preprocessing, 'size', 8, 4096),
    cropScale: number(preprocessing, 'cropScale', 1, 10),
    detail: number({ detail: DETAIL, ...record(bundle.manifest.postprocessing) }, 'detail', 0, 1),
    ...(bundle.manifest.graphs.prior === undefined
      ? {}
      : { startAt: number(scheduler, 'startAt', 1, 1000), estimate: readEstimate(), estimateSize: readEstimateSize() }),
    ...(Array.isArray(limit) && limit.length === 2 ? { limit: [Number(limit[0]), Number(limit[1])] as const } : {}),
  };
  if (problems.length > 0) throw new ModelCorruptError(`${bundle.id}/bundle.json`, problems.join('; '));
  return model;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
