import { type Camera, ModelCorruptError, type Rig } from '@gestalt3d/core';
import { type LatentCamera, type LatentModel, readLatentModel } from '@gestalt3d/networks';
import type { ModelBundle } from '@gestalt3d/onnx';

/** What the manifest of an imported SyncDreamer bundle says. */
export interface SyncDreamer extends LatentModel {
  /** Of the views, for pictures of `imageSize` pixels, in this project's convention. */
  cameras: Camera[];
  /** The same for the grid of latents, in the model's own convention. */
  latentCameras: LatentCamera[];
  /** Of the views, relative to the input picture. */
  azimuthRad: number[];
  rigElevationDeg: number;
  orbit: Pick<Rig, 'distance' | 'focalPerWidth'>;
  volume: { size: number; halfSide: number; frustumDepth: number; near: number; far: number };
}

/** Numbers that a camera of the manifest takes. */
const POSE = 12;
const INTRINSICS = 9;

/** @throws ModelCorruptError that names every field that is wrong */
export function readSyncDreamer(bundle: ModelBundle): SyncDreamer {
  const model = readLatentModel(bundle, 'syncdreamer', ['spatialVolume', 'frustumVolume']);
  const problems: string[] = [];
  const rig = (bundle.manifest.rig ?? {}) as Record<string, unknown>;
  const volume = (bundle.manifest.volume ?? {}) as SyncDreamer['volume'];
  const numbers = (name: string, each: number): number[] => {
    const values = rig[name];
    if (Array.isArray(values) && values.length > 0 && values.length % each === 0 && values.every(Number.isFinite))
      return values as number[];
    problems.push(`rig.${name}: expected ${each} numbers a view`);
    return [];
  };
  const poses = numbers('poses', POSE);
  const intrinsics = numbers('intrinsics', INTRINSICS);
  const azimuthRad = numbers('azimuthRad', 1);
  const count = azimuthRad.length;
  if (problems.length === 0 && (poses.length !== POSE * count || intrinsics.length !== INTRINSICS * count))
    problems.push(`rig: expected ${count} poses and intrinsics, got ${poses.length / POSE} and ${intrinsics.length / INTRINSICS}`);
  if (!Number.isFinite(rig.elevationDeg)) problems.push('rig.elevationDeg: expected degrees');
  for (const name of ['size', 'halfSide', 'frustumDepth', 'near', 'far'] as const)
    if (!(volume[name] > 0)) problems.push(`volume.${name}: expected a number above 0, got ${JSON.stringify(volume[name])}`);
  if (problems.length > 0) throw new ModelCorruptError(`${bundle.id}/bundle.json`, problems.join('; '));

  const perLatent = model.latentSize / model.imageSize;
  const views = Array.from({ length: count }, (_, i) => ({
    pose: poses.slice(i * POSE, (i + 1) * POSE),
    k: intrinsics.slice(i * INTRINSICS, (i + 1) * INTRINSICS),
  }));
  const [first] = views as [(typeof views)[number], ...typeof views];
  return {
    ...model,
    cameras: views.map(({ pose, k }) => cameraOf(pose, k, model.imageSize)),
    latentCameras: views.map(({ pose, k }) => ({ pose, focal: k[0]! * perLatent, centre: k[2]! * perLatent })),
    azimuthRad,
    rigElevationDeg: rig.elevationDeg as number,
    orbit: { distance: Math.hypot(first.pose[3]!, first.pose[7]!, first.pose[11]!), focalPerWidth: first.k[0]! / model.imageSize },
    volume,
  };
}

/**
 * From world to camera with OpenCV's axes (x right, y down, z forward) in a world whose z is up, integer pixel centres, to this project's: camera to
 * world, y up, looking along -Z, pixel centres at + 0.5. Its world's (x, y, z) is our (z, x, y).
 * @param pose rows of [R | t]
 * @param k rows of the intrinsics, pixels
 */
export function cameraOf(pose: readonly number[], k: readonly number[], size: number): Camera {
  const row = (r: number): number[] => [pose[4 * r]!, pose[4 * r + 1]!, pose[4 * r + 2]!];
  const [right, down, forward] = [row(0), row(1), row(2)];
  // the centre is -R^T t
  const centre = [0, 1, 2].map((c) => -(right[c]! * pose[3]! + down[c]! * pose[7]! + forward[c]! * pose[11]!));
  const ours = ([x, y, z]: number[]): number[] => [y!, z!, x!];
  const negated = (v: number[]): number[] => v.map((value) => -value);
  const column = (v: number[], last: number): number[] => [...ours(v), last];
  return {
    width: size,
    height: size,
    flX: k[0]!,
    flY: k[4]!,
    cx: k[2]! + 0.5,
    cy: k[5]! + 0.5,
    worldFromCamera: [...column(right, 0), ...column(negated(down), 0), ...column(negated(forward), 0), ...column(centre, 1)],
  };
}
