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

/** Poses that the page needs from transforms.json: the photograph's camera and the ring's. */
export function posesOf(transforms: unknown): { photo: OrbitPose; ring: OrbitPose[] } {
  if (typeof transforms !== 'object' || transforms === null) return { photo: DEFAULT_POSE, ring: [] };
  const file = transforms as { photo?: unknown; frames?: unknown };
  const frames = Array.isArray(file.frames) ? file.frames : [];
  const ring = frames.map((frame) => poseOfFrame(frame, transforms)).filter((pose) => pose !== undefined);
  // the photograph is wider than the object: it lends its place, the ring the width of the look
  const photo = poseOfFrame(file.photo) ?? ring[0] ?? DEFAULT_POSE;
  return { photo: { ...photo, fovDeg: ring[0]?.fovDeg ?? DEFAULT_POSE.fovDeg }, ring };
}
