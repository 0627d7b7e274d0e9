import { BoxGeometry, CylinderGeometry, SphereGeometry } from 'three';
import type { Dice } from '../dice.ts';
import { box, lathe, type Part, part, smooth, surface } from './part.ts';

// Things with legs, shelves and shades.

export function lamp(r: Dice): Part[] {
  const h = r.range(0.8, 2.6),
    base = r.range(0.2, 0.5),
    shade = r.range(0.3, 0.7),
    shadeTop = shade * r.range(0.35, 1),
    shadeH = r.range(0.35, 0.8);
  const stem = r.chance(0.5)
    ? lathe(
        smooth(
          [
            [base, 0],
            [base * 0.5, h * 0.1],
            [r.range(0.05, base), h * 0.4],
            [0.04, h * 0.85],
            [0.04, h],
          ],
          30,
        ),
      )
    : new CylinderGeometry(0.04, 0.04, h, 16).translate(0, h / 2, 0);
  const look = surface(r, 0.35);
  return [
    part(stem, look),
    part(new CylinderGeometry(base, base * 1.05, 0.08, 36), look),
    part(new CylinderGeometry(shadeTop, shade, shadeH, 40, 1, r.chance(0.6)), surface(r, 0.5), { at: [0, h + shadeH * 0.2, 0] }),
  ];
}

export function table(r: Dice): Part[] {
  const w = r.range(0.8, 2),
    d = r.range(0.6, 1.2),
    h = r.range(0.4, 1),
    t = r.range(0.04, 0.12),
    look = surface(r),
    legs = r.chance(0.6) ? look : surface(r, 0.2),
    parts: Part[] = [];
  const round = r.chance(0.35);
  parts.push(part(round ? new CylinderGeometry(d / 1.6, d / 1.6, t, 40) : box(w, t, d, r), look, { at: [0, h, 0] }));
  if (round && r.chance(0.6)) {
    parts.push(
      part(new CylinderGeometry(0.05, r.range(0.05, 0.15), h, 20), legs, { at: [0, h / 2, 0] }),
      part(new CylinderGeometry(d / 3.5, d / 3, 0.06, 30), legs, { at: [0, 0.03, 0] }),
    );
  } else {
    const x = round ? d / 2.6 : w / 2 - 0.08,
      z = round ? d / 2.6 : d / 2 - 0.08,
      s = r.range(0.05, 0.12),
      square = r.chance(0.5);
    for (const a of [-1, 1])
      for (const b of [-1, 1])
        parts.push(
          part(square ? new BoxGeometry(s, h, s) : new CylinderGeometry(s / 2, s / 3, h, 14), legs, {
            at: [a * x, h / 2, b * z],
          }),
        );
    if (r.chance(0.35)) parts.push(part(box(w * 0.85, t * 0.7, d * 0.8, r), legs, { at: [0, h * r.range(0.2, 0.5), 0] }));
    if (r.chance(0.3)) parts.push(part(box(w * 0.9, h * 0.3, d * 0.85, r), look, { at: [0, h * 0.82, 0] }));
  }
  return parts;
}

export function chair(r: Dice): Part[] {
  const w = r.range(0.5, 0.8),
    d = r.range(0.5, 0.75),
    seat = r.range(0.4, 0.55),
    back = r.range(0.3, 0.8),
    thick = r.range(0.05, 0.25),
    frame = surface(r, 0.3),
    cloth = r.chance(0.5) ? frame : surface(r),
    parts: Part[] = [];
  parts.push(part(box(w, thick, d, r), cloth, { at: [0, seat, 0] }));
  if (r.chance(0.85))
    parts.push(
      part(box(w, back, r.range(0.05, 0.18), r), cloth, { at: [0, seat + back / 2 + thick / 3, -d / 2], turn: [-r.range(0, 0.25), 0, 0] }),
    );
  if (r.chance(0.3)) {
    parts.push(
      part(new CylinderGeometry(0.05, 0.05, seat, 16), frame, { at: [0, seat / 2, 0] }),
      part(new CylinderGeometry(w * 0.4, w * 0.45, 0.06, 24), frame, { at: [0, 0.03, 0] }),
    );
  } else {
    for (const a of [-1, 1])
      for (const b of [-1, 1])
        parts.push(
          part(r.chance(0.5) ? new BoxGeometry(0.06, seat, 0.06) : new CylinderGeometry(0.035, 0.03, seat, 12), frame, {
            at: [a * (w / 2 - 0.05), seat / 2, b * (d / 2 - 0.05)],
          }),
        );
  }
  if (r.chance(0.4))
    for (const a of [-1, 1]) parts.push(part(box(0.1, r.range(0.08, 0.3), d, r), cloth, { at: [(a * w) / 2, seat + 0.2, 0] }));
  return parts;
}

export function boxes(r: Dice): Part[] {
  const parts: Part[] = [],
    kind = r.int(0, 2);
  if (kind === 0) {
    const w = r.range(0.4, 1),
      h = r.range(0.3, 1.4),
      d = r.range(0.15, 0.8),
      n = r.int(0, 4),
      look = surface(r, 0.7),
      front = surface(r, 0.3);
    parts.push(part(box(w, h, d, r), look));
    for (let i = 0; i < n; i++) {
      const y = -h / 2 + ((i + 0.5) * h) / n;
      parts.push(
        part(box(w * 0.88, (h / n) * 0.82, 0.04, r), front, { at: [0, y, d / 2] }),
        part(new SphereGeometry(0.03, 12, 8), surface(r, 0), { at: [0, y, d / 2 + 0.04] }),
      );
    }
  } else if (kind === 1) {
    let y = 0;
    const n = r.int(1, 6);
    for (let i = 0; i < n; i++) {
      const h = r.range(0.05, 0.3);
      parts.push(
        part(box(r.range(0.6, 1), h, r.range(0.4, 0.8), r), surface(r, 0.7), {
          at: [r.range(-0.06, 0.06), y + h / 2, r.range(-0.06, 0.06)],
          turn: [0, r.range(-0.4, 0.4), 0],
        }),
      );
      y += h;
    }
  } else {
    const w = r.range(0.6, 1.4),
      h = r.range(0.5, 1.8),
      d = r.range(0.2, 0.5),
      n = r.int(2, 5),
      look = surface(r, 0.6),
      t = 0.05;
    parts.push(
      part(new BoxGeometry(t, h, d), look, { at: [-w / 2, h / 2, 0] }),
      part(new BoxGeometry(t, h, d), look, { at: [w / 2, h / 2, 0] }),
      part(new BoxGeometry(w, h, 0.03), look, { at: [0, h / 2, -d / 2] }),
    );
    for (let i = 0; i <= n; i++) {
      const y = (i / n) * h;
      parts.push(part(new BoxGeometry(w, t, d), look, { at: [0, y, 0] }));
      if (i < n)
        for (let x = -w / 2 + 0.1; x < w / 2 - 0.1; ) {
          const b = r.range(0.04, 0.16),
            bh = (h / n) * r.range(0.4, 0.85);
          if (r.chance(0.75))
            parts.push(part(new BoxGeometry(b * 0.95, bh, d * 0.7), surface(r, 0.05), { at: [x + b / 2, y + bh / 2, 0] }));
          x += b;
        }
    }
  }
  return parts;
}
