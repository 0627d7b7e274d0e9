import type { FitProblem } from '../problem.ts';
import { CAMERA_FLOATS } from '../rays.ts';

/** Empty border around the hull, in its own size. */
const MARGIN = 0.04;

/** A square picture of the object through the eye of one of the views; lengths in cube edges. */
export interface PreviewCamera {
  /** Pixels along an edge. */
  size: number;
  origin: readonly [number, number, number];
  /** Pixel (x, y) of the picture and distance along the view's axis of a point; the distance is <= 0 behind the camera. */
  project(x: number, y: number, z: number): [number, number, number];
  /** Unit direction through a pixel's position. */
  direction(x: number, y: number): [number, number, number];
}

/**
 * The first view's camera (`packCamera`), its picture cropped to the visual hull where that is in front of it.
 * @param size pixels along the picture's edge
 */
export function previewCamera(
  { cameras, support, config }: Pick<FitProblem, 'cameras' | 'support' | 'config'>,
  size: number,
): PreviewCamera {
  const m = cameras.subarray(0, CAMERA_FLOATS);
  const origin: [number, number, number] = [m[0], m[1], m[2]];
  const a = [m[4], m[5], m[6]];
  const b = [m[8], m[9], m[10]];
  const c = [m[12], m[13], m[14]];
  // p - origin = s (a x + b y + c): rows of the inverse are cross products over the determinant
  const bc = cross(b, c);
  const ca = cross(c, a);
  const ab = cross(a, b);
  const det = dot(a, bc);
  const inView = (x: number, y: number, z: number): [number, number, number] => {
    const p = [x - origin[0], y - origin[1], z - origin[2]];
    const s = dot(p, ab) / det;
    return [dot(p, bc) / det / s, dot(p, ca) / det / s, s];
  };
  let x0 = 0;
  let y0 = 0;
  let scale = Math.max(m[7], m[11]) / size;
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  let nearest = Infinity;
  const edge = config.occupancyEdge;
  // only the ends of each row of cells: what is between lies between them in the picture
  for (let row = 0; row < edge * edge; row++) {
    const cells = support.subarray(row * edge, (row + 1) * edge);
    const first = cells.indexOf(1);
    if (first < 0) continue;
    for (const i of [first, cells.lastIndexOf(1)]) {
      const [px, py, s] = inView((i + 0.5) / edge, ((row % edge) + 0.5) / edge, (Math.floor(row / edge) + 0.5) / edge);
      nearest = Math.min(nearest, s);
      low[0] = Math.min(low[0], px);
      low[1] = Math.min(low[1], py);
      high[0] = Math.max(high[0], px);
      high[1] = Math.max(high[1], py);
    }
  }
  if (nearest > 0 && nearest < Infinity) {
    const extent = Math.max(high[0] - low[0], high[1] - low[1]) * (1 + 2 * MARGIN);
    x0 = (low[0] + high[0] - extent) / 2;
    y0 = (low[1] + high[1] - extent) / 2;
    scale = extent / size;
  }
  return {
    size,
    origin,
    project(x, y, z) {
      const [px, py, s] = inView(x, y, z);
      return [(px - x0) / scale, (py - y0) / scale, s];
    },
    direction(x, y) {
      const px = x0 + x * scale;
      const py = y0 + y * scale;
      const d = [0, 1, 2].map((k) => a[k] * px + b[k] * py + c[k]);
      const length = Math.hypot(d[0], d[1], d[2]);
      return [d[0] / length, d[1] / length, d[2] / length];
    },
  };
}

const dot = (a: readonly number[], b: readonly number[]) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a: readonly number[], b: readonly number[]) => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
