import { CircleGeometry, CylinderGeometry, SphereGeometry } from 'three';
import type { Dice } from '../dice.ts';
import { handle, type Look, lathe, type Part, type Point2, part, smooth, surface, tube } from './part.ts';
import { type Colour, randomColour } from './texture.ts';

// Bodies of revolution, with handles, lids, plants and fruit.

export function mug(r: Dice): Part[] {
  const height = r.range(0.7, 1.4),
    bottom = r.range(0.25, 0.45),
    top = bottom * r.range(0.9, 1.5),
    wall = 0.04,
    belly = r.range(-0.05, 0.14);
  const outer = smooth([
    [bottom, 0],
    [(bottom + top) / 2 + belly, height / 2],
    [top, height],
  ]);
  const inner = outer
    .slice()
    .reverse()
    .map(([x, y]): Point2 => [x - wall, Math.max(y, wall)]);
  const look = surface(r);
  const parts = [part(lathe([[0, 0], ...outer, ...inner, [0, wall]]), look)];
  if (r.chance(0.85))
    parts.push(
      handle(
        r,
        (bottom + top) / 2 + belly * 0.6,
        height * r.range(0.15, 0.3),
        height * r.range(0.68, 0.88),
        r.chance(0.7) ? look : surface(r, 0),
        0.05,
      ),
    );
  if (r.chance(0.3)) parts.push(part(new CylinderGeometry(top * 1.7, top * 1.3, 0.06, 40), surface(r), { at: [0, -0.03, 0] }));
  if (r.chance(0.4))
    parts.push(
      part(
        new CircleGeometry(top - wall, 32),
        {
          colour: r.pick<Colour>([
            [0.25, 0.13, 0.06],
            [0.8, 0.6, 0.3],
            [0.9, 0.9, 0.85],
          ]),
          texture: null,
        },
        { at: [0, height * 0.85, 0], turn: [-Math.PI / 2, 0, 0], scale: [0.97, 0.97, 1] },
      ),
    );
  return parts;
}

export function bottle(r: Dice): Part[] {
  const h = r.range(1.2, 2.4),
    body = r.range(0.25, 0.5),
    neck = body * r.range(0.22, 0.6),
    shoulder = h * r.range(0.5, 0.75),
    neckStart = Math.min(h * 0.92, shoulder + h * r.range(0.08, 0.25));
  const points: Point2[] = [
    [0, 0],
    [body * 0.9, 0],
    [body, h * 0.04],
    ...smooth(
      [
        [body, h * 0.06],
        [body * r.range(0.85, 1.08), shoulder * 0.5],
        [body, shoulder],
        [neck, neckStart],
      ],
      24,
    ),
    [neck, h],
    [0, h],
  ];
  const parts = [part(lathe(points), surface(r))];
  if (r.chance(0.7))
    parts.push(part(new CylinderGeometry(neck * 1.15, neck * 1.15, h * r.range(0.05, 0.14), 24), surface(r, 0.1), { at: [0, h, 0] }));
  if (r.chance(0.5))
    parts.push(
      part(new CylinderGeometry(body * 1.02, body * 1.02, shoulder * r.range(0.3, 0.7), 40, 1, true), surface(r, 0.95), {
        at: [0, shoulder * 0.48, 0],
      }),
    );
  if (r.chance(0.2)) parts.push(handle(r, body, shoulder * 0.4, h * 0.85, surface(r, 0)));
  return parts;
}

export function vase(r: Dice): Part[] {
  const h = r.range(0.8, 2),
    n = r.int(3, 6),
    points: Point2[] = [];
  for (let i = 0; i <= n; i++) points.push([r.range(0.15, 0.6), (i / n) * h]);
  const outer = smooth(points, 40).map(([x, y]): Point2 => [Math.max(x, 0.06), y]);
  const inner = outer
    .slice()
    .reverse()
    .map(([x, y]): Point2 => [Math.max(x - 0.04, 0.02), Math.max(y, 0.05)]);
  const look = surface(r, 0.7);
  const parts = [part(lathe([[0, 0], ...outer, ...inner, [0, 0.05]]), look)];
  if (r.chance(0.25)) {
    const k = r.chance(0.5) ? 1 : 2;
    for (let i = 0; i < k; i++) {
      const p = handle(r, points[1][0], h * 0.35, h * 0.75, look);
      if (i) p.geometry.rotateY(Math.PI);
      parts.push(p);
    }
  }
  if (r.chance(0.35)) {
    // a plant
    const stems = r.int(4, 14),
      green: Look = { colour: [r.range(0.1, 0.35), r.range(0.35, 0.6), r.range(0.05, 0.3)], texture: null };
    for (let i = 0; i < stems; i++) {
      const turn = r.range(0, 6.283),
        lean = r.range(0.1, 0.7),
        len = h * r.range(0.3, 0.9),
        x = Math.cos(turn) * lean,
        z = Math.sin(turn) * lean;
      parts.push(
        part(
          tube(
            [
              [0, h * 0.9, 0],
              [x * 0.4, h + len * 0.6, z * 0.4],
              [x, h + len, z],
            ],
            0.02,
            8,
          ),
          green,
        ),
      );
      parts.push(
        part(new SphereGeometry(0.14, 12, 8), r.chance(0.5) ? green : { colour: randomColour(r), texture: null }, {
          at: [x, h + len, z],
          turn: [r.range(-1, 1), turn, r.range(-1, 1)],
          scale: [r.range(0.5, 1.3), r.range(0.3, 1), r.range(0.5, 1.3)],
        }),
      );
    }
  }
  return parts;
}

export function bowl(r: Dice): Part[] {
  const rim = r.range(0.4, 0.9),
    h = rim * r.range(0.15, 0.9),
    foot = rim * r.range(0.3, 0.6),
    power = r.range(1.2, 3);
  const outer: Point2[] = [],
    inner: Point2[] = [];
  for (let i = 0; i <= 20; i++) {
    const t = i / 20;
    outer.push([foot + (rim - foot) * t ** (1 / power), h * t]);
  }
  for (let i = 20; i >= 0; i--) inner.push([Math.max(outer[i][0] - 0.035, 0.01), Math.max(outer[i][1], 0.05)]);
  const parts = [part(lathe([[0, 0], ...outer, ...inner, [0, 0.05]]), surface(r, 0.6))];
  if (r.chance(0.5)) {
    const n = r.int(1, 7),
      look = surface(r, 0.4);
    for (let i = 0; i < n; i++) {
      const size = rim * r.range(0.15, 0.32),
        turn = r.range(0, 6.283),
        d = n === 1 ? 0 : rim * r.range(0, 0.5);
      parts.push(
        part(new SphereGeometry(size, 20, 14), r.chance(0.6) ? look : surface(r, 0.3), {
          at: [Math.cos(turn) * d, h * 0.6 + size * r.range(0.2, 0.8), Math.sin(turn) * d],
          scale: [1, r.range(0.8, 1.15), 1],
        }),
      );
    }
  }
  return parts;
}

export function teapot(r: Dice): Part[] {
  const radius = r.range(0.4, 0.65),
    h = radius * r.range(0.9, 1.8),
    look = surface(r),
    parts: Part[] = [];
  parts.push(
    part(
      lathe([
        [0, 0],
        ...smooth(
          [
            [radius * r.range(0.5, 0.8), 0],
            [radius, h * 0.4],
            [radius * r.range(0.5, 0.9), h * 0.85],
            [radius * 0.35, h],
          ],
          30,
        ),
        [0, h * 1.02],
      ]),
      look,
    ),
  );
  parts.push(part(new SphereGeometry(0.08, 16, 12), r.chance(0.5) ? look : surface(r, 0), { at: [0, h * 1.06, 0] }));
  const turn = r.range(0, 6.283);
  if (r.chance(0.85))
    parts.push(
      part(
        tube(
          [
            [radius * 0.8, h * 0.3, 0],
            [radius * 1.3, h * 0.5, 0],
            [radius * 1.6, h * r.range(0.8, 1.1), 0],
          ],
          r.range(0.05, 0.09),
        ),
        look,
        { turn: [0, turn, 0] },
      ),
    );
  if (r.chance(0.85))
    parts.push(
      part(
        tube(
          [
            [-radius * 0.8, h * 0.2, 0],
            [-radius * 1.5, h * 0.35, 0],
            [-radius * 1.5, h * 0.75, 0],
            [-radius * 0.7, h * 0.85, 0],
          ],
          r.range(0.04, 0.07),
        ),
        look,
        { turn: [0, turn, 0] },
      ),
    );
  return parts;
}
