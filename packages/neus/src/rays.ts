import type { Bounds, Camera } from '@gestalt3d/core';

/** splitmix32 finaliser; the same function in TypeScript, WebAssembly and WGSL. */
export function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** Key of the random numbers of one ray of one step. Counter-based: no state, any order, any device. */
export function rayKey(seed: number, step: number, ray: number): number {
  const stepKey = mix((seed + Math.imul(step, 0x9e3779b9)) >>> 0);
  return mix((stepKey + Math.imul(ray, 0x85ebca6b)) >>> 0);
}

/** Number `dimension` of a ray, uniform in [0, 1), 24 bits: exact in a 32-bit float. */
export function rayUniform(key: number, dimension: number): number {
  return (mix((key + Math.imul(dimension, 0xc2b2ae35)) >>> 0) >>> 8) / 16777216;
}

/** What each of a ray's random numbers decides. */
export const DIMENSION = { foreground: 0, pixel: 1, jitter: 2, background: 3, eikonalKind: 6, eikonalPoint: 7, eikonalCell: 10 } as const;

/** Floats of a packed camera. */
export const CAMERA_FLOATS = 16;

/**
 * Camera as the fitters read it, in the fit cube's frame, 16 floats:
 * [origin xyz, weight, a xyz, width, b xyz, height, c xyz, 0] with direction of pixel (i, j) = normalise(a (i + 0.5) + b (j + 0.5) + c).
 * @param min the cube's corner in the world
 * @param edgeWorld the cube's edge
 */
export function packCamera(camera: Camera, min: readonly number[], edgeWorld: number, weight: number): Float32Array {
  const m = camera.worldFromCamera;
  const out = new Float32Array(CAMERA_FLOATS);
  for (let k = 0; k < 3; k++) {
    out[k] = (m[12 + k] - min[k]) / edgeWorld;
    out[4 + k] = m[k] / camera.flX;
    out[8 + k] = -m[4 + k] / camera.flY;
    out[12 + k] = -m[8 + k] - (camera.cx * m[k]) / camera.flX + (camera.cy * m[4 + k]) / camera.flY;
  }
  out[3] = weight;
  out[7] = camera.width;
  out[11] = camera.height;
  return out;
}

/** Positions of packed cameras in the world. [V, 3] */
export function cameraEyes(cameras: Float32Array, { min, max }: Bounds): Float32Array {
  const eyes = new Float32Array((cameras.length / CAMERA_FLOATS) * 3);
  for (let i = 0; i < eyes.length; i++) {
    const c = i % 3;
    eyes[i] = min[c] + (max[c] - min[c]) * cameras[Math.floor(i / 3) * CAMERA_FLOATS + c];
  }
  return eyes;
}

/** Where a ray is inside the cube [0, 1]^3: near and far along the unit direction, near >= 0; far <= near if it misses. */
export function cubeInterval(origin: ArrayLike<number>, direction: ArrayLike<number>): [number, number] {
  let near = 0;
  let far = 1e30;
  for (let k = 0; k < 3; k++) {
    // a direction parallel to a face must not give 0 * Infinity
    const d = Math.abs(direction[k]) < 1e-9 ? (direction[k] < 0 ? -1e-9 : 1e-9) : direction[k];
    const a = -origin[k] / d;
    const b = (1 - origin[k]) / d;
    near = Math.max(near, Math.min(a, b));
    far = Math.min(far, Math.max(a, b));
  }
  return [near, far];
}
