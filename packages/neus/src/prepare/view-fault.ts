import type { View } from '@gestalt3d/core';

/** How far a pose may be from a rotation. */
const RIGID_TOLERANCE = 0.01;

/** Why a view cannot be used, as `expected ..., got ...`; undefined for a good one. Its opaque pixels are not looked at. */
export function viewFault({ image, camera }: View): string | undefined {
  const { width, height, data } = image;
  if (!(Number.isInteger(width) && width > 0 && Number.isInteger(height) && height > 0))
    return `expected a picture, got ${width} x ${height}`;
  if (!(data instanceof Uint8Array || (data as unknown) instanceof Uint8ClampedArray)) return 'expected RGBA as bytes, got other numbers';
  if (image.channels !== 4 || data.length !== width * height * 4)
    return `expected ${width} x ${height} RGBA pixels, got ${data.length} bytes in ${image.channels} channels`;
  if (camera.width !== width || camera.height !== height)
    return `expected a camera of the picture's size ${width} x ${height}, got one of ${camera.width} x ${camera.height}`;
  for (const name of ['flX', 'flY'] as const)
    if (!(camera[name] > 0 && camera[name] < Infinity)) return `expected a positive focal length ${name}, got ${camera[name]}`;
  for (const name of ['cx', 'cy'] as const)
    if (!Number.isFinite(camera[name])) return `expected a finite principal point ${name}, got ${camera[name]}`;
  return poseFault(camera.worldFromCamera);
}

function poseFault(m: readonly number[]): string | undefined {
  if (m.length !== 16 || !m.every(Number.isFinite)) return `expected a pose of 16 finite numbers, got ${m.filter(Number.isFinite).length}`;
  const axis = (c: number) => [m[c * 4], m[c * 4 + 1], m[c * 4 + 2]];
  const dot = (a: number[], b: number[]) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const [x, y, z] = [axis(0), axis(1), axis(2)];
  for (const [name, a] of Object.entries({ x, y, z })) {
    const length = Math.sqrt(dot(a, a));
    if (Math.abs(length - 1) > RIGID_TOLERANCE)
      return `expected a pose without scale, got an ${name} axis of length ${length.toPrecision(3)}`;
  }
  if (Math.max(Math.abs(dot(x, y)), Math.abs(dot(y, z)), Math.abs(dot(z, x))) > RIGID_TOLERANCE)
    return 'expected a rotation, got axes that are not at right angles';
  const turn = dot(x, [y[1] * z[2] - y[2] * z[1], y[2] * z[0] - y[0] * z[2], y[0] * z[1] - y[1] * z[0]]);
  if (turn < 0) return 'expected a right-handed pose, got a mirrored one';
  return undefined;
}
