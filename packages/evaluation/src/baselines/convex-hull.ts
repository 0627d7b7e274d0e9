import { createImage, type Mask } from '@gestalt3d/core';

/** Smallest convex mask that holds every pixel above 127: pixels whose centres lie in the hull of those centres. */
export function convexHull(mask: Mask): Mask {
  const { width, height } = mask;
  const out = createImage(width, height, 1);
  const hull = hullOf(rowEnds(mask));
  if (hull.length === 0) return out;
  for (let y = 0; y < height; y++) {
    let left = Infinity;
    let right = -Infinity;
    for (let k = 0; k < hull.length; k++) {
      const [ax, ay] = hull[k];
      const [bx, by] = hull[(k + 1) % hull.length];
      if (Math.min(ay, by) > y || Math.max(ay, by) < y) continue;
      for (const x of ay === by ? [ax, bx] : [ax + ((bx - ax) * (y - ay)) / (by - ay)]) {
        left = Math.min(left, x);
        right = Math.max(right, x);
      }
    }
    for (let x = Math.ceil(left - 1e-9); x <= right + 1e-9; x++) out.data[y * width + x] = 255;
  }
  return out;
}

type Pixel = readonly [x: number, y: number];

/** First and last pixel of every row: no others can be corners. */
function rowEnds({ width, height, data }: Mask): Pixel[] {
  const ends: Pixel[] = [];
  for (let y = 0; y < height; y++) {
    let first = -1;
    let last = -1;
    for (let x = 0; x < width; x++)
      if (data[y * width + x] > 127) {
        if (first < 0) first = x;
        last = x;
      }
    if (first >= 0) ends.push([first, y]);
    if (last > first) ends.push([last, y]);
  }
  return ends;
}

/** Corners in order, by Andrew's monotone chain. */
function hullOf(pixels: Pixel[]): Pixel[] {
  const sorted = [...pixels].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  if (sorted.length < 3) return sorted;
  const chain = (list: Pixel[]): Pixel[] => {
    const corners: Pixel[] = [];
    for (const p of list) {
      for (let a = corners.at(-2), b = corners.at(-1); a && b; a = corners.at(-2), b = corners.at(-1)) {
        if ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0) break;
        corners.pop();
      }
      corners.push(p);
    }
    return corners.slice(0, -1);
  };
  return [...chain(sorted), ...chain(sorted.reverse())];
}
