import { createImage, type Mask, type Rng } from '@gestalt3d/core';
import { smoothNoise } from './smooth-noise.ts';

export const SHAPES = ['blob', 'ellipse', 'box', 'bar', 'polygon', 'ring'] as const;
export type Shape = (typeof SHAPES)[number];

/** A random shape of a kind, about `size` pixels long, with an edge of about one pixel. */
export function drawShape(shape: Shape, size: number, rng: Rng): Mask {
  const inside = INSIDE[shape](rng, size);
  const turn = 2 * Math.PI * rng.uniform();
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const mask = createImage(size, size, 1);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const u = ((x + 0.5) / size) * 2 - 1;
      const v = ((y + 0.5) / size) * 2 - 1;
      const depth = inside(cos * u + sin * v, cos * v - sin * u);
      mask.data[y * size + x] = Math.round(255 * Math.min(Math.max(0.5 + (depth * size) / 2, 0), 1));
    }
  return mask;
}

const between = (rng: Rng, low: number, high: number): number => low + (high - low) * rng.uniform();

/** Distance, roughly, to the shape's edge at a point of the square -1..1; positive inside. */
type Inside = (x: number, y: number) => number;

const INSIDE: Record<Shape, (rng: Rng, size: number) => Inside> = {
  blob: (rng) => {
    const cells = 48;
    const noise = smoothNoise(cells, 2, 3, rng);
    return (x, y) => {
      const at = (v: number) => Math.min(Math.max(((v + 1) / 2) * cells - 0.5, 0), cells - 1.001);
      const [i, j] = [Math.floor(at(x)), Math.floor(at(y))];
      const [u, v] = [at(x) - i, at(y) - j];
      const p = j * cells + i;
      const value = (noise[p]! * (1 - u) + noise[p + 1]! * u) * (1 - v) + (noise[p + cells]! * (1 - u) + noise[p + cells + 1]! * u) * v;
      return 0.68 - Math.hypot(x, y) + 0.5 * (value - 0.5);
    };
  },
  ellipse: (rng) => {
    const ratio = between(rng, 0.35, 1);
    return (x, y) => (0.93 - Math.hypot(x / ratio, y)) * ratio;
  },
  box: (rng) => {
    const round = between(rng, 0, 0.25);
    const [halfX, halfY] = [between(rng, 0.3, 0.65), 0.68];
    return (x, y) => {
      const [qx, qy] = [Math.abs(x) - halfX + round, Math.abs(y) - halfY + round];
      return round - Math.hypot(Math.max(qx, 0), Math.max(qy, 0)) - Math.min(Math.max(qx, qy), 0);
    };
  },
  bar: (rng) => {
    const [half, bend, phase] = [between(rng, 0.12, 0.3), between(rng, 0, 0.15), between(rng, 0, 6)];
    return (x, y) => Math.min(half - Math.abs(x + bend * Math.sin(2.5 * y + phase)), 0.95 - Math.abs(y));
  },
  polygon: (rng) => {
    const count = 3 + rng.integer(6);
    const corners = Array.from({ length: count }, (_, k) => {
      const angle = (2 * Math.PI * (k + between(rng, -0.3, 0.3))) / count;
      const radius = between(rng, 0.55, 0.95);
      return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
    });
    return (x, y) => polygonDepth(corners, x, y);
  },
  ring: (rng) => {
    const [half, ratio] = [between(rng, 0.12, 0.24), between(rng, 0.6, 1)];
    return (x, y) => half - Math.abs(Math.hypot(x / ratio, y) - 0.68);
  },
};

/** Signed distance to a polygon's outline, positive inside (even-odd). */
function polygonDepth(corners: readonly { x: number; y: number }[], x: number, y: number): number {
  let distance = Infinity;
  let inside = false;
  for (const [k, b] of corners.entries()) {
    const a = corners[(k + corners.length - 1) % corners.length]!;
    const [ex, ey, px, py] = [b.x - a.x, b.y - a.y, x - a.x, y - a.y];
    const t = Math.min(Math.max((px * ex + py * ey) / (ex * ex + ey * ey), 0), 1);
    distance = Math.min(distance, Math.hypot(px - t * ex, py - t * ey));
    if (a.y > y !== b.y > y && x < a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x)) inside = !inside;
  }
  return inside ? distance : -distance;
}
