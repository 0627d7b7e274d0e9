import { mat4, vec3 } from 'gl-matrix';

/**
 * Pinhole camera. Right-handed, +Y up, camera looks along -Z (glTF, OpenGL, NeRF transforms.json).
 * Pixel (column i, row j) has its centre at (i + 0.5, j + 0.5).
 */
export interface Camera {
  width: number;
  height: number;
  /** Focal lengths and principal point in pixels. */
  flX: number;
  flY: number;
  cx: number;
  cy: number;
  /** Column-major 4 x 4, camera to world, rigid. */
  worldFromCamera: number[];
}

/** Cameras on a ring that look at the origin. Source of the defaults: SyncDreamer, camera-16.pkl. */
export interface Rig {
  count: number;
  elevationDeg: number;
  azimuthStepDeg: number;
  /** From the origin, in units of the object's longest side. */
  distance: number;
  /** Focal length in widths of the image: 280 / 256. */
  focalPerWidth: number;
}

export const SYNC_RIG: Readonly<Rig> = { count: 16, elevationDeg: 30, azimuthStepDeg: 22.5, distance: 1.5, focalPerWidth: 280 / 256 };

/**
 * Camera at (sin a cos e, sin e, cos a cos e) * distance that looks at the origin: azimuth 0 is in front (+Z), azimuth 90 is at +X.
 * In SyncDreamer's z-up frame this is (cos a cos e, sin a cos e, sin e), so world axes map (x, y, z) -> (y, z, x).
 */
export function orbitCamera(
  azimuthDeg: number,
  elevationDeg: number,
  size: number,
  rig: Pick<Rig, 'distance' | 'focalPerWidth'> = SYNC_RIG,
): Camera {
  const a = (azimuthDeg * Math.PI) / 180;
  const e = (elevationDeg * Math.PI) / 180;
  const eye = vec3.fromValues(
    Math.sin(a) * Math.cos(e) * rig.distance,
    Math.sin(e) * rig.distance,
    Math.cos(a) * Math.cos(e) * rig.distance,
  );
  const pose = mat4.targetTo(mat4.create(), eye, [0, 0, 0], [0, 1, 0]);
  const focal = rig.focalPerWidth * size;
  return { width: size, height: size, flX: focal, flY: focal, cx: size / 2, cy: size / 2, worldFromCamera: Array.from(pose) };
}

/** The cameras of a rig for square images of `size` pixels. */
export function rigCameras(size: number, rig: Rig = SYNC_RIG): Camera[] {
  return Array.from({ length: rig.count }, (_, i) => orbitCamera(i * rig.azimuthStepDeg, rig.elevationDeg, size, rig));
}

/** World to camera, column-major. */
export function cameraFromWorld(camera: Camera): Float64Array {
  const m = camera.worldFromCamera;
  const out = new Float64Array(16);
  for (let r = 0; r < 3; r++) {
    for (let c = 0; c < 3; c++) out[c * 4 + r] = m[r * 4 + c]!;
    out[12 + r] = -(m[r * 4]! * m[12]! + m[r * 4 + 1]! * m[13]! + m[r * 4 + 2]! * m[14]!);
  }
  out[15] = 1;
  return out;
}

/** Pixel coordinates and depth (distance along the optical axis, > 0 in front) of a world point. */
export function projectPoint(camera: Camera, point: ArrayLike<number>): { x: number; y: number; depth: number } {
  const m = cameraFromWorld(camera);
  const at = (r: number) => m[r]! * point[0]! + m[4 + r]! * point[1]! + m[8 + r]! * point[2]! + m[12 + r]!;
  const depth = -at(2);
  return { x: camera.cx + (camera.flX * at(0)) / depth, y: camera.cy - (camera.flY * at(1)) / depth, depth };
}

/** World-space ray through image position (x, y) in pixels (centres at + 0.5): origin xyz, unit direction xyz. */
export function pixelRay(camera: Camera, x: number, y: number): [number, number, number, number, number, number] {
  const m = camera.worldFromCamera;
  const dx = (x - camera.cx) / camera.flX;
  const dy = -(y - camera.cy) / camera.flY;
  const length = Math.hypot(dx, dy, 1);
  const d = (r: number) => (m[r]! * dx + m[4 + r]! * dy - m[8 + r]!) / length;
  return [m[12]!, m[13]!, m[14]!, d(0), d(1), d(2)];
}

/**
 * The same camera seen in another pixel frame: p' = scale * p + (dx, dy).
 * This is how a camera of a crop becomes the camera of the whole photograph.
 */
export function reframeCamera(camera: Camera, frame: { scale: number; dx: number; dy: number; width: number; height: number }): Camera {
  return {
    width: frame.width,
    height: frame.height,
    flX: camera.flX * frame.scale,
    flY: camera.flY * frame.scale,
    cx: camera.cx * frame.scale + frame.dx,
    cy: camera.cy * frame.scale + frame.dy,
    worldFromCamera: [...camera.worldFromCamera],
  };
}
