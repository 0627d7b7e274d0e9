import { ModelCorruptError } from '@gestalt3d/core';
import { createSchedule, type NoiseSchedule, type PublishedWalk, type ScheduleSpec } from '@gestalt3d/diffusion';
import type { ModelBundle } from '@gestalt3d/onnx';

/** What the manifest of an imported latent diffusion model says about how it is sampled. */
export interface LatentModel {
  /** Side of the picture that the autoencoder takes and gives, pixels. */
  imageSize: number;
  /** Side and channels of its latents. */
  latentSize: number;
  latentChannels: number;
  schedule: NoiseSchedule;
  /** As the authors sample. */
  published: PublishedWalk;
  guidance: number;
}

/** Graphs of every latent diffusion model. */
const ROLES = ['context', 'vaeEncoder', 'unet', 'vaeDecoder'] as const;

/**
 * @param rule how this model walks; its bundle must say the same
 * @param roles graphs that it needs beside those of the autoencoder, the context and the UNet
 * @throws ModelCorruptError that names every field that is wrong
 */
export function readLatentModel(bundle: ModelBundle, rule: 'pix2gestalt' | 'syncdreamer', roles: readonly string[] = []): LatentModel {
  const problems: string[] = [];
  const scheduler = record(bundle.manifest.scheduler);
  const latent = record(bundle.manifest.latent);
  const whole = (section: string, from: Record<string, unknown>, name: string, most: number): number => {
    const value = from[name];
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most) return value as number;
    problems.push(`${section}.${name}: expected a whole number from 1 to ${most}, got ${JSON.stringify(value)}`);
    return 1;
  };
  const share = (name: string, most: number): number => {
    const value = scheduler[name];
    if (typeof value === 'number' && value >= 0 && value <= most) return value;
    problems.push(`scheduler.${name}: expected a number from 0 to ${most}, got ${JSON.stringify(value)}`);
    return 0;
  };
  for (const [name, expected] of Object.entries({ kind: 'linear-sqrt', prediction: 'eps', rule }))
    if (scheduler[name] !== expected) problems.push(`scheduler.${name}: expected ${expected}, got ${JSON.stringify(scheduler[name])}`);
  for (const role of [...ROLES, ...roles])
    if (bundle.manifest.graphs[role] === undefined) problems.push(`graphs.${role}: expected a graph`);
  const model = {
    imageSize: whole('preprocessing', record(bundle.manifest.preprocessing), 'size', 4096),
    latentSize: whole('latent', latent, 'size', 512),
    latentChannels: whole('latent', latent, 'channels', 64),
    published: { rule, steps: whole('scheduler', scheduler, 'steps', 1000), eta: share('eta', 1) },
    guidance: share('guidance', 20),
  };
  if (problems.length > 0) throw new ModelCorruptError(`${bundle.id}/bundle.json`, problems.join('; '));
  return { ...model, schedule: createSchedule(scheduler as unknown as ScheduleSpec) };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
