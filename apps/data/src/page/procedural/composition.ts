import { CapsuleGeometry, ConeGeometry, CylinderGeometry, SphereGeometry, TorusGeometry, TorusKnotGeometry } from 'three';
import type { Dice } from '../dice.ts';
import { box, lathe, type Part, type Point2, type Point3, part, smooth, surface } from './part.ts';

// A few primitives that overlap.

export function composition(r: Dice): Part[] {
  const n = r.int(2, 6),
    parts: Part[] = [],
    centres: Point3[] = [];
  for (let i = 0; i < n; i++) {
    const s = () => r.range(0.2, 0.8),
      kind = r.int(0, 7);
    const geometry = [
      () => box(1, 1, 1, r),
      () => new SphereGeometry(0.55, 28, 20),
      () => new CylinderGeometry(0.5, 0.5 * r.range(0, 1.2), 1, 32),
      () => new ConeGeometry(0.5, 1, 32),
      () => new TorusGeometry(0.4, r.range(0.06, 0.22), 16, 36),
      () => new CapsuleGeometry(0.3, 0.5, 8, 20),
      () => new TorusKnotGeometry(0.3, 0.1, 80, 12),
      () => lathe(smooth(Array.from({ length: 4 }, (_, k): Point2 => [r.range(0.1, 0.5), k / 3 - 0.5]))),
    ][kind]!();
    const uniform = s(),
      scale: Point3 = r.chance(0.4) ? [uniform, uniform, uniform] : [s(), s(), s()];
    const from: Point3 = centres.length ? r.pick(centres) : [0, 0, 0];
    const at = centres.length ? (from.map((v) => v + r.range(-0.4, 0.4)) as Point3) : from;
    centres.push(at);
    parts.push(
      part(geometry, surface(r, 0.65), {
        at,
        turn: r.chance(0.5) ? [0, r.range(0, 6.283), 0] : [r.range(0, 6.283), r.range(0, 6.283), r.range(0, 6.283)],
        scale,
      }),
    );
  }
  return parts;
}
