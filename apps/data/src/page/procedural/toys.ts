import { CapsuleGeometry, CylinderGeometry, SphereGeometry, TorusGeometry } from 'three';
import type { Dice } from '../dice.ts';
import { box, type Look, type Part, part, surface, tube } from './part.ts';

// Rings, cars, dolls and balls; fruit.

export function toy(r: Dice): Part[] {
  const parts: Part[] = [],
    kind = r.int(0, 3);
  if (kind === 0) {
    let y = 0;
    const n = r.int(3, 6);
    for (let i = 0; i < n; i++) {
      const t = r.range(0.08, 0.16),
        R = 0.5 * (1 - i / (n + 1));
      parts.push(part(new TorusGeometry(R, t, 16, 36), surface(r, 0.15), { at: [0, y + t, 0], turn: [Math.PI / 2, 0, 0] }));
      y += 2 * t;
    }
    parts.push(part(new SphereGeometry(0.15, 20, 14), surface(r, 0.1), { at: [0, y + 0.1, 0] }));
  } else if (kind === 1) {
    // car-like
    const look = surface(r, 0.3),
      l = r.range(1, 1.8),
      w = r.range(0.5, 0.8),
      wheel = r.range(0.14, 0.25),
      dark: Look = { colour: [0.1, 0.1, 0.1], texture: null };
    parts.push(
      part(box(l, 0.3, w, r), look, { at: [0, wheel + 0.15, 0] }),
      part(box(l * r.range(0.4, 0.65), r.range(0.2, 0.4), w * 0.9, r), r.chance(0.5) ? look : surface(r, 0.2), {
        at: [r.range(-0.2, 0.2), wheel + 0.42, 0],
      }),
    );
    for (const a of [-1, 1])
      for (const b of [-1, 1])
        parts.push(
          part(new CylinderGeometry(wheel, wheel, 0.12, 24), dark, {
            at: [a * l * 0.32, wheel, (b * w) / 2],
            turn: [Math.PI / 2, 0, 0],
          }),
        );
  } else if (kind === 2) {
    // animal or doll
    const look = surface(r, 0.4),
      b = r.range(0.3, 0.5),
      other = r.chance(0.5) ? look : surface(r, 0.2);
    parts.push(
      part(new SphereGeometry(b, 24, 18), look, { at: [0, b, 0], scale: [1, r.range(1, 1.5), r.range(0.8, 1.2)] }),
      part(new SphereGeometry(b * 0.75, 24, 18), other, { at: [0, b * 2.5, 0.05] }),
    );
    for (const s of [-1, 1]) {
      parts.push(
        part(new SphereGeometry(b * 0.3, 14, 10), look, { at: [s * b * 0.55, b * 3.1, 0], scale: [1, r.range(0.8, 2), 0.6] }),
        part(new CapsuleGeometry(b * 0.22, b * 0.6, 6, 12), look, { at: [s * b * 1.05, b * 1.3, 0.1], turn: [0, 0, s * 0.6] }),
        part(new CapsuleGeometry(b * 0.27, b * 0.4, 6, 12), look, { at: [s * b * 0.5, b * 0.15, b * 0.5], turn: [1.4, 0, 0] }),
        part(
          new SphereGeometry(b * 0.09, 10, 8),
          { colour: [0.05, 0.05, 0.05], texture: null },
          { at: [s * b * 0.3, b * 2.6, 0.05 + b * 0.7] },
        ),
      );
    }
  } else {
    parts.push(part(new SphereGeometry(0.5, 32, 24), surface(r, 0.95)));
    if (r.chance(0.3)) parts.push(part(new CylinderGeometry(0.2, 0.3, 0.15, 24), surface(r, 0), { at: [0, -0.5, 0] }));
  }
  return parts;
}

export function fruit(r: Dice): Part[] {
  const geometry = new SphereGeometry(0.5, 36, 28),
    position = geometry.attributes.position,
    squash = r.range(0.75, 1.3),
    dimple = r.range(0, 0.3),
    lobes = r.int(0, 6),
    depth = lobes ? r.range(0, 0.1) : 0,
    pear = r.range(-0.05, 0.35),
    bend = r.chance(0.2) ? r.range(0.2, 0.6) : 0,
    stretch = bend ? r.range(1.5, 2.2) : squash;
  for (let i = 0; i < position.count; i++) {
    let x = position.getX(i),
      y = position.getY(i),
      z = position.getZ(i);
    const turn = Math.atan2(z, x),
      rho = Math.hypot(x, z),
      k = (1 + depth * Math.cos(turn * lobes)) * (1 - pear * (y + 0.2));
    const d = y > 0 ? dimple * Math.exp(-rho * rho * 20) * 0.5 : dimple * 0.25 * -Math.exp(-rho * rho * 20);
    x *= k;
    z *= k;
    y = (y - d) * stretch;
    x += bend * y * y;
    position.setXYZ(i, x, y, z);
  }
  geometry.computeVertexNormals();
  const parts = [
    part(geometry, surface(r, 0.7), { turn: [bend ? r.range(0, 1.57) : r.range(-0.2, 0.2), r.range(0, 6), bend ? r.range(0, 1.57) : 0] }),
  ];
  if (!bend && r.chance(0.7))
    parts.push(
      part(
        tube(
          [
            [0, 0.35 * squash, 0],
            [0.02, 0.55 * squash, 0],
            [r.range(-0.1, 0.1), 0.68 * squash, 0],
          ],
          0.025,
          10,
        ),
        { colour: [0.35, 0.25, 0.1], texture: null },
      ),
    );
  if (!bend && r.chance(0.3))
    parts.push(
      part(
        new SphereGeometry(0.15, 12, 8),
        { colour: [0.2, 0.5, 0.15], texture: null },
        { at: [0.12, 0.6 * squash, 0], scale: [1, 0.15, 0.5], turn: [0, r.range(0, 6), 0.5] },
      ),
    );
  return parts;
}
