import type { PreviewCamera } from '../preview/preview-camera.ts';

/** The smallest box around points, as middle and half its diagonal. */
export function boundingBall(positions: Float32Array): { middle: [number, number, number]; radius: number } {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < positions.length; i++) {
    low[i % 3] = Math.min(low[i % 3], positions[i]);
    high[i % 3] = Math.max(high[i % 3], positions[i]);
  }
  const middle = low.map((value, c) => (value + high[c]) / 2) as [number, number, number];
  return { middle, radius: Math.hypot(...low.map((value, c) => high[c] - value)) / 2 };
}

/**
 * A square picture of a ball from an eye, which looks at its middle and has it just in frame. Undefined for an eye in the ball: it sees parts of it from
 * within, no picture of the whole.
 * @param size pixels along the picture's edge
 */
export function eyeCamera(
  origin: readonly [number, number, number],
  middle: readonly number[],
  radius: number,
  size: number,
): PreviewCamera | undefined {
  const towards = middle.map((value, c) => value - origin[c]);
  const distance = Math.hypot(...towards);
  if (!(distance > radius)) return undefined;
  const f = towards.map((value) => value / distance);
  const [r, u] = frameOf(f);
  const scale = (0.5 * size) / (radius / Math.sqrt(distance * distance - radius * radius));
  return {
    size,
    origin,
    project(px, py, pz) {
      const x = px - origin[0];
      const y = py - origin[1];
      const z = pz - origin[2];
      const depth = x * f[0] + y * f[1] + z * f[2];
      return [
        size / 2 + (scale * (x * r[0] + y * r[1] + z * r[2])) / depth,
        size / 2 + (scale * (x * u[0] + y * u[1] + z * u[2])) / depth,
        depth,
      ];
    },
    direction(x, y) {
      const a = (x - size / 2) / scale;
      const b = (y - size / 2) / scale;
      const d = f.map((value, c) => value + a * r[c] + b * u[c]);
      const length = Math.hypot(d[0], d[1], d[2]);
      return [d[0] / length, d[1] / length, d[2] / length];
    },
  };
}

/** Two unit vectors that are perpendicular to a direction and to each other. */
function frameOf([x, y, z]: readonly number[]): [number[], number[]] {
  const side = Math.abs(y) < 0.9 ? [z, 0, -x] : [0, -z, y];
  const length = Math.hypot(...side);
  const right = side.map((value) => value / length);
  return [right, [y * right[2] - z * right[1], z * right[0] - x * right[2], x * right[1] - y * right[0]]];
}
