import {
  BoxGeometry,
  type BufferGeometry,
  CapsuleGeometry,
  ConeGeometry,
  CylinderGeometry,
  DodecahedronGeometry,
  OctahedronGeometry,
  SphereGeometry,
  TorusGeometry,
} from 'three';
import type { Dice } from '../dice.ts';
import { deform } from './deform.ts';
import { type Part, type Point3, part, surface } from './part.ts';

/** Fine enough along y to be bent. */
const PRIMITIVES: readonly ((r: Dice) => BufferGeometry)[] = [
  () => new BoxGeometry(1, 1, 1, 6, 12, 6),
  () => new SphereGeometry(0.5, 28, 20),
  () => new CylinderGeometry(0.5, 0.5, 1, 28, 12),
  (r) => new CylinderGeometry(0.5, 0.5, 1, r.int(3, 8), 12),
  () => new ConeGeometry(0.5, 1, 28, 12),
  (r) => new TorusGeometry(0.38, r.range(0.06, 0.16), 14, 32),
  () => new CapsuleGeometry(0.25, 0.5, 8, 20, 8),
  (r) => new CylinderGeometry(0.5, 0.5, 1, 28, 12, true, 0, r.range(3, 6)),
  () => new OctahedronGeometry(0.55),
  () => new DodecahedronGeometry(0.52),
];

/**
 * Three to nine deformed primitives, each grown onto one that is there, every one with its own texture: no thing, all shapes.
 * After Zeroverse (LRM-Zero, Xie et al. 2024), without its boolean cuts and wireframes. A third are mirrored, as most things are.
 */
export function compound(r: Dice): Part[] {
  const parts: Part[] = [];
  const centres: Point3[] = [];
  const mirrored = r.chance(0.35);
  const count = mirrored ? r.int(2, 5) : r.int(3, 9);
  for (let i = 0; i < count; i++) {
    const size = i === 0 ? r.range(0.7, 1) : r.range(0.2, 0.75);
    const uniform = r.chance(0.4);
    const stretch = (): number => (uniform ? size : size * r.range(0.35, 1.3));
    const scale: Point3 = [stretch(), stretch(), stretch()];
    const from = i === 0 ? ([0, 0, 0] satisfies Point3) : r.pick(centres);
    const away = i === 0 ? 0 : 0.45;
    const at: Point3 = [from[0] + r.range(-away, away), from[1] + r.range(-away, away), from[2] + r.range(-away, away)];
    centres.push(at);
    const turn: Point3 = r.chance(0.5) ? [0, r.range(0, 6.283), 0] : [r.range(0, 6.283), r.range(0, 6.283), r.range(0, 6.283)];
    const primitive = r.pick(PRIMITIVES)(r);
    const made = part(r.chance(0.6) ? deform(primitive, r) : primitive, surface(r, 0.75), { at, turn, scale });
    parts.push(made);
    // both sides of the plane x = 0; triangles are drawn from both sides, so their winding may turn
    if (mirrored && i > 0) parts.push({ ...made, geometry: made.geometry.clone().scale(-1, 1, 1) });
  }
  return parts;
}
