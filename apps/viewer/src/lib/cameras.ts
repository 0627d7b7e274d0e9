import type { Crop } from '@gestalt3d/core';

/** Where a camera stands around the object, and how wide it looks. */
export interface OrbitPose {
  azimuthDeg: number;
  elevationDeg: number;
  distance: number;
  /** Vertical field of view. */
  fovDeg: number;
}

/** SyncDreamer's rig: 280 / 256 focal lengths per width, 1.5 from the object. */
export const DEFAULT_POSE: Readonly<OrbitPose> = {
  azimuthDeg: 0,
  elevationDeg: 0,
  distance: 1.5,
  fovDeg: (2 * Math.atan(128 / 280) * 180) / Math.PI,
};

/** Number of views on the ring and the angle between two. */
export const VIEW_COUNT = 16;
export const VIEW_STEP_DEG = 360 / VIEW_COUNT;

interface Frame {
  transform_matrix?: unknown;
  fl_y?: unknown;
  h?: unknown;
}

/** Pose of one frame of a NeRF transforms.json, undefined where the frame does not say. */
export function poseOfFrame(frame: unknown, shared: unknown = {}): OrbitPose | undefined {
  if (typeof frame !== 'object' || frame === null) return undefined;
  const own = frame as Frame;
  const common = (shared ?? {}) as Frame;
  const rows = own.transform_matrix;
  if (!Array.isArray(rows)) return undefined;
  const [x, y, z] = [0, 1, 2].map((row) => Number((rows[row] as unknown[] | undefined)?.[3]));
  if (x === undefined || y === undefined || z === undefined) return undefined;
  const distance = Math.hypot(x, y, z);
  if (!(distance > 0) || !Number.isFinite(distance)) return undefined;
  const focal = Number(own.fl_y ?? common.fl_y);
  const height = Number(own.h ?? common.h);
  return {
    azimuthDeg: (Math.atan2(x, z) * 180) / Math.PI,
    elevationDeg: (Math.asin(y / distance) * 180) / Math.PI,
    distance,
    fovDeg: focal > 0 && height > 0 ? (2 * Math.atan(height / 2 / focal) * 180) / Math.PI : DEFAULT_POSE.fovDeg,
  };
}

/**
 * Square of the photograph that its camera shows within `fovDeg` around the optical axis, in photograph pixels;
 * null where the frame has no intrinsics.
 */
export function photoSquare(frame: unknown, fovDeg: number): Crop | null {
  if (typeof frame !== 'object' || frame === null) return null;
  const { fl_x, cx, cy } = frame as { fl_x?: unknown; cx?: unknown; cy?: unknown };
  const [focal, x, y] = [Number(fl_x), Number(cx), Number(cy)];
  if (!(focal > 0) || !Number.isFinite(x) || !Number.isFinite(y)) return null;
  const half = focal * Math.tan((fovDeg * Math.PI) / 360);
  return { x: x - half, y: y - half, size: 2 * half };
}

export interface Poses {
  photo: OrbitPose;
  ring: OrbitPose[];
  /** What of the photograph the photo's pose shows, for laying it over the mesh. */
  square: Crop | null;
}

/** What the page needs from transforms.json: the photograph's camera and the ring's. */
export function posesOf(transforms: unknown): Poses {
  if (typeof transforms !== 'object' || transforms === null) return { photo: DEFAULT_POSE, ring: [], square: null };
  const file = transforms as { photo?: unknown; frames?: unknown };
  const frames = Array.isArray(file.frames) ? file.frames : [];
  const ring = frames.map((frame) => poseOfFrame(frame, transforms)).filter((pose) => pose !== undefined);
  // the photograph is wider than the object: it lends its place, the ring the width of the look
  const photo = poseOfFrame(file.photo) ?? ring[0] ?? DEFAULT_POSE;
  const fovDeg = ring[0]?.fovDeg ?? DEFAULT_POSE.fovDeg;
  return { photo: { ...photo, fovDeg }, ring, square: photoSquare(file.photo, fovDeg) };
}
