// Procedural objects. Every family returns a list of parts; a part is a three.js geometry with its placement baked in, a colour and,
// mostly, a drawn texture. Y is up and the unit is arbitrary: the renderer normalises the whole.
import * as THREE from 'three';
import { RoundedBoxGeometry } from 'three/addons/geometries/RoundedBoxGeometry.js';

/** @typedef {{ geometry: THREE.BufferGeometry, colour: number[], texture: OffscreenCanvas | null }} Part */

/** Small seeded generator (mulberry32). @param {number} seed */
export function makeRandom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    range: (a, b) => a + (b - a) * next(),
    int: (a, b) => a + Math.floor(next() * (b - a + 1)),
    pick: (list) => list[Math.floor(next() * list.length)],
    chance: (p) => next() < p,
  };
}

const css = (c) => `rgb(${c.map((v) => Math.round(v * 255)).join(',')})`;

function randomColour(r) {
  const colour = new THREE.Color();
  if (r.chance(0.25)) {
    const v = r.range(0.08, 0.95);
    return [v, v * r.range(0.92, 1), v * r.range(0.85, 1)];
  }
  const hue = r.chance(0.35) ? r.range(0.04, 0.13) : r.next();
  colour.setHSL(hue, r.range(0.15, 0.95), r.range(0.2, 0.8));
  return [colour.r, colour.g, colour.b];
}

/** Draws one of eight kinds of texture. @returns {OffscreenCanvas} */
function drawTexture(r) {
  const size = 256;
  const canvas = new OffscreenCanvas(size, size);
  const g = canvas.getContext('2d');
  const a = randomColour(r),
    b = randomColour(r),
    c = randomColour(r);
  g.fillStyle = css(a);
  g.fillRect(0, 0, size, size);
  const kind = r.int(0, 7);
  g.fillStyle = css(b);
  if (kind === 0) {
    const gradient = g.createLinearGradient(0, 0, 0, size);
    gradient.addColorStop(0, css(a));
    gradient.addColorStop(r.range(0.3, 0.7), css(b));
    gradient.addColorStop(1, css(r.chance(0.5) ? a : c));
    g.fillStyle = gradient;
    g.fillRect(0, 0, size, size);
  } else if (kind === 1) {
    const n = r.int(2, 10),
      vertical = r.chance(0.5),
      w = r.range(0.2, 0.8);
    for (let i = 0; i < n; i++) {
      const p = (i / n) * size;
      if (vertical) g.fillRect(p, 0, (size / n) * w, size);
      else g.fillRect(0, p, size, (size / n) * w);
    }
  } else if (kind === 2) {
    const n = r.int(2, 8) * 2;
    for (let y = 0; y < n; y++) for (let x = 0; x < n; x++) if ((x + y) % 2) g.fillRect((x * size) / n, (y * size) / n, size / n, size / n);
  } else if (kind === 3) {
    const n = r.int(3, 8),
      radius = (size / n) * r.range(0.15, 0.4);
    for (let y = 0; y < n; y++)
      for (let x = 0; x < n; x++) {
        g.beginPath();
        g.arc(((x + 0.5) * size) / n, ((y + 0.5) * size) / n, radius, 0, 7);
        g.fill();
      }
  } else if (kind === 4) {
    for (let i = 0; i < 60; i++) {
      g.globalAlpha = r.range(0.05, 0.5);
      g.fillStyle = css(r.pick([a, b, c]));
      g.beginPath();
      g.ellipse(r.next() * size, r.next() * size, r.range(5, 60), r.range(5, 60), r.next() * 6, 0, 7);
      g.fill();
    }
  } else if (kind === 5) {
    for (let i = 0; i < 90; i++) {
      g.globalAlpha = r.range(0.05, 0.3);
      g.strokeStyle = css(b);
      g.lineWidth = r.range(1, 5);
      const y = r.next() * size;
      g.beginPath();
      g.moveTo(0, y);
      g.bezierCurveTo(80, y + r.range(-15, 15), 170, y + r.range(-15, 15), size, y);
      g.stroke();
    }
  } else if (kind === 6) {
    g.fillRect(0, size * 0.25, size, size * 0.5);
    g.fillStyle = css(c);
    const n = r.int(1, 4);
    for (let k = 0; k < n; k++) {
      const x = ((k + 0.2) * size) / n;
      g.fillRect(x, size * r.range(0.3, 0.45), (size / n) * r.range(0.3, 0.6), size * r.range(0.05, 0.2));
      g.fillRect(x, size * 0.6, (size / n) * r.range(0.2, 0.6), size * 0.04);
    }
  } else {
    const image = g.getImageData(0, 0, size, size),
      cells = r.int(4, 24),
      grid = Array.from({ length: (cells + 1) * (cells + 1) }, () => r.next());
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const u = (x / size) * cells,
          v = (y / size) * cells,
          i = Math.floor(u),
          j = Math.floor(v),
          s = u - i,
          t = v - j;
        const at = (p, q) => grid[(q % cells) * (cells + 1) + (p % cells)];
        const w = (at(i, j) * (1 - s) + at(i + 1, j) * s) * (1 - t) + (at(i, j + 1) * (1 - s) + at(i + 1, j + 1) * s) * t;
        for (let k = 0; k < 3; k++) image.data[(y * size + x) * 4 + k] = 255 * (a[k] * (1 - w) + b[k] * w);
      }
    g.putImageData(image, 0, 0);
  }
  g.globalAlpha = 1;
  return canvas;
}

const white = [1, 1, 1];
function surface(r, textured = 0.55) {
  return r.chance(textured) ? { colour: white, texture: drawTexture(r) } : { colour: randomColour(r), texture: null };
}

/** @returns {Part} */
function part(geometry, look, { at = [0, 0, 0], turn = [0, 0, 0], scale = [1, 1, 1] } = {}) {
  const matrix = new THREE.Matrix4().compose(
    new THREE.Vector3(...at),
    new THREE.Quaternion().setFromEuler(new THREE.Euler(...turn)),
    new THREE.Vector3(...scale),
  );
  return { geometry: geometry.applyMatrix4(matrix), ...look };
}

const lathe = (points, segments = 40) =>
  new THREE.LatheGeometry(
    points.map(([x, y]) => new THREE.Vector2(Math.max(x, 0.0005), y)),
    segments,
  );
/** Smooth profile through control points. */
function smooth(points, n = 36) {
  return new THREE.SplineCurve(points.map(([x, y]) => new THREE.Vector2(x, y))).getPoints(n).map((p) => [p.x, p.y]);
}
function tube(points, radius, segments = 28) {
  return new THREE.TubeGeometry(new THREE.CatmullRomCurve3(points.map((p) => new THREE.Vector3(...p))), segments, radius, 10, false);
}
const box = (w, h, d, r) =>
  r.chance(0.4) ? new RoundedBoxGeometry(w, h, d, 3, Math.min(w, h, d) * r.range(0.05, 0.45)) : new THREE.BoxGeometry(w, h, d);

function handle(r, radius, y0, y1, look, thick = 0.05) {
  const reach = radius + r.range(0.18, 0.4) * (y1 - y0 + 0.2),
    turn = r.range(0, 6.283),
    t = thick * r.range(0.7, 1.3);
  const points = r.chance(0.3)
    ? [
        [radius * 0.95, y0, 0],
        [reach, y0, 0],
        [reach, y1, 0],
        [radius * 0.95, y1, 0],
      ]
    : [
        [radius * 0.95, y0, 0],
        [reach * 0.93, y0 * 0.9 + y1 * 0.1, 0],
        [reach, (y0 + y1) / 2, 0],
        [reach * 0.93, y0 * 0.1 + y1 * 0.9, 0],
        [radius * 0.95, y1, 0],
      ];
  return part(tube(points, t), look, { turn: [0, turn, 0] });
}

function mug(r) {
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
    .map(([x, y]) => [x - wall, Math.max(y, wall)]);
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
  if (r.chance(0.3)) parts.push(part(new THREE.CylinderGeometry(top * 1.7, top * 1.3, 0.06, 40), surface(r), { at: [0, -0.03, 0] }));
  if (r.chance(0.4))
    parts.push(
      part(
        new THREE.CircleGeometry(top - wall, 32),
        {
          colour: r.pick([
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

function bottle(r) {
  const h = r.range(1.2, 2.4),
    body = r.range(0.25, 0.5),
    neck = body * r.range(0.22, 0.6),
    shoulder = h * r.range(0.5, 0.75),
    neckStart = Math.min(h * 0.92, shoulder + h * r.range(0.08, 0.25));
  const points = [
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
    parts.push(part(new THREE.CylinderGeometry(neck * 1.15, neck * 1.15, h * r.range(0.05, 0.14), 24), surface(r, 0.1), { at: [0, h, 0] }));
  if (r.chance(0.5))
    parts.push(
      part(new THREE.CylinderGeometry(body * 1.02, body * 1.02, shoulder * r.range(0.3, 0.7), 40, 1, true), surface(r, 0.95), {
        at: [0, shoulder * 0.48, 0],
      }),
    );
  if (r.chance(0.2)) parts.push(handle(r, body, shoulder * 0.4, h * 0.85, surface(r, 0)));
  return parts;
}

function vase(r) {
  const h = r.range(0.8, 2),
    n = r.int(3, 6),
    points = [];
  for (let i = 0; i <= n; i++) points.push([r.range(0.15, 0.6), (i / n) * h]);
  const outer = smooth(points, 40).map(([x, y]) => [Math.max(x, 0.06), y]);
  const inner = outer
    .slice()
    .reverse()
    .map(([x, y]) => [Math.max(x - 0.04, 0.02), Math.max(y, 0.05)]);
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
      green = { colour: [r.range(0.1, 0.35), r.range(0.35, 0.6), r.range(0.05, 0.3)], texture: null };
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
        part(new THREE.SphereGeometry(0.14, 12, 8), r.chance(0.5) ? green : { colour: randomColour(r), texture: null }, {
          at: [x, h + len, z],
          turn: [r.range(-1, 1), turn, r.range(-1, 1)],
          scale: [r.range(0.5, 1.3), r.range(0.3, 1), r.range(0.5, 1.3)],
        }),
      );
    }
  }
  return parts;
}

function bowl(r) {
  const rim = r.range(0.4, 0.9),
    h = rim * r.range(0.15, 0.9),
    foot = rim * r.range(0.3, 0.6),
    power = r.range(1.2, 3);
  const outer = [],
    inner = [];
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
        part(new THREE.SphereGeometry(size, 20, 14), r.chance(0.6) ? look : surface(r, 0.3), {
          at: [Math.cos(turn) * d, h * 0.6 + size * r.range(0.2, 0.8), Math.sin(turn) * d],
          scale: [1, r.range(0.8, 1.15), 1],
        }),
      );
    }
  }
  return parts;
}

function lamp(r) {
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
    : new THREE.CylinderGeometry(0.04, 0.04, h, 16).translate(0, h / 2, 0);
  const look = surface(r, 0.35);
  return [
    part(stem, look),
    part(new THREE.CylinderGeometry(base, base * 1.05, 0.08, 36), look),
    part(new THREE.CylinderGeometry(shadeTop, shade, shadeH, 40, 1, r.chance(0.6)), surface(r, 0.5), { at: [0, h + shadeH * 0.2, 0] }),
  ];
}

function table(r) {
  const w = r.range(0.8, 2),
    d = r.range(0.6, 1.2),
    h = r.range(0.4, 1),
    t = r.range(0.04, 0.12),
    look = surface(r),
    legs = r.chance(0.6) ? look : surface(r, 0.2),
    parts = [];
  const round = r.chance(0.35);
  parts.push(part(round ? new THREE.CylinderGeometry(d / 1.6, d / 1.6, t, 40) : box(w, t, d, r), look, { at: [0, h, 0] }));
  if (round && r.chance(0.6)) {
    parts.push(
      part(new THREE.CylinderGeometry(0.05, r.range(0.05, 0.15), h, 20), legs, { at: [0, h / 2, 0] }),
      part(new THREE.CylinderGeometry(d / 3.5, d / 3, 0.06, 30), legs, { at: [0, 0.03, 0] }),
    );
  } else {
    const x = round ? d / 2.6 : w / 2 - 0.08,
      z = round ? d / 2.6 : d / 2 - 0.08,
      s = r.range(0.05, 0.12),
      square = r.chance(0.5);
    for (const a of [-1, 1])
      for (const b of [-1, 1])
        parts.push(
          part(square ? new THREE.BoxGeometry(s, h, s) : new THREE.CylinderGeometry(s / 2, s / 3, h, 14), legs, {
            at: [a * x, h / 2, b * z],
          }),
        );
    if (r.chance(0.35)) parts.push(part(box(w * 0.85, t * 0.7, d * 0.8, r), legs, { at: [0, h * r.range(0.2, 0.5), 0] }));
    if (r.chance(0.3)) parts.push(part(box(w * 0.9, h * 0.3, d * 0.85, r), look, { at: [0, h * 0.82, 0] }));
  }
  return parts;
}

function chair(r) {
  const w = r.range(0.5, 0.8),
    d = r.range(0.5, 0.75),
    seat = r.range(0.4, 0.55),
    back = r.range(0.3, 0.8),
    thick = r.range(0.05, 0.25),
    frame = surface(r, 0.3),
    cloth = r.chance(0.5) ? frame : surface(r),
    parts = [];
  parts.push(part(box(w, thick, d, r), cloth, { at: [0, seat, 0] }));
  if (r.chance(0.85))
    parts.push(
      part(box(w, back, r.range(0.05, 0.18), r), cloth, { at: [0, seat + back / 2 + thick / 3, -d / 2], turn: [-r.range(0, 0.25), 0, 0] }),
    );
  if (r.chance(0.3)) {
    parts.push(
      part(new THREE.CylinderGeometry(0.05, 0.05, seat, 16), frame, { at: [0, seat / 2, 0] }),
      part(new THREE.CylinderGeometry(w * 0.4, w * 0.45, 0.06, 24), frame, { at: [0, 0.03, 0] }),
    );
  } else {
    for (const a of [-1, 1])
      for (const b of [-1, 1])
        parts.push(
          part(r.chance(0.5) ? new THREE.BoxGeometry(0.06, seat, 0.06) : new THREE.CylinderGeometry(0.035, 0.03, seat, 12), frame, {
            at: [a * (w / 2 - 0.05), seat / 2, b * (d / 2 - 0.05)],
          }),
        );
  }
  if (r.chance(0.4))
    for (const a of [-1, 1]) parts.push(part(box(0.1, r.range(0.08, 0.3), d, r), cloth, { at: [(a * w) / 2, seat + 0.2, 0] }));
  return parts;
}

function teapot(r) {
  const radius = r.range(0.4, 0.65),
    h = radius * r.range(0.9, 1.8),
    look = surface(r),
    parts = [];
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
  parts.push(part(new THREE.SphereGeometry(0.08, 16, 12), r.chance(0.5) ? look : surface(r, 0), { at: [0, h * 1.06, 0] }));
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

function toy(r) {
  const parts = [],
    kind = r.int(0, 3);
  if (kind === 0) {
    let y = 0;
    const n = r.int(3, 6);
    for (let i = 0; i < n; i++) {
      const t = r.range(0.08, 0.16),
        R = 0.5 * (1 - i / (n + 1));
      parts.push(part(new THREE.TorusGeometry(R, t, 16, 36), surface(r, 0.15), { at: [0, y + t, 0], turn: [Math.PI / 2, 0, 0] }));
      y += 2 * t;
    }
    parts.push(part(new THREE.SphereGeometry(0.15, 20, 14), surface(r, 0.1), { at: [0, y + 0.1, 0] }));
  } else if (kind === 1) {
    // car-like
    const look = surface(r, 0.3),
      l = r.range(1, 1.8),
      w = r.range(0.5, 0.8),
      wheel = r.range(0.14, 0.25),
      dark = { colour: [0.1, 0.1, 0.1], texture: null };
    parts.push(
      part(box(l, 0.3, w, r), look, { at: [0, wheel + 0.15, 0] }),
      part(box(l * r.range(0.4, 0.65), r.range(0.2, 0.4), w * 0.9, r), r.chance(0.5) ? look : surface(r, 0.2), {
        at: [r.range(-0.2, 0.2), wheel + 0.42, 0],
      }),
    );
    for (const a of [-1, 1])
      for (const b of [-1, 1])
        parts.push(
          part(new THREE.CylinderGeometry(wheel, wheel, 0.12, 24), dark, {
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
      part(new THREE.SphereGeometry(b, 24, 18), look, { at: [0, b, 0], scale: [1, r.range(1, 1.5), r.range(0.8, 1.2)] }),
      part(new THREE.SphereGeometry(b * 0.75, 24, 18), other, { at: [0, b * 2.5, 0.05] }),
    );
    for (const s of [-1, 1]) {
      parts.push(
        part(new THREE.SphereGeometry(b * 0.3, 14, 10), look, { at: [s * b * 0.55, b * 3.1, 0], scale: [1, r.range(0.8, 2), 0.6] }),
        part(new THREE.CapsuleGeometry(b * 0.22, b * 0.6, 6, 12), look, { at: [s * b * 1.05, b * 1.3, 0.1], turn: [0, 0, s * 0.6] }),
        part(new THREE.CapsuleGeometry(b * 0.27, b * 0.4, 6, 12), look, { at: [s * b * 0.5, b * 0.15, b * 0.5], turn: [1.4, 0, 0] }),
        part(
          new THREE.SphereGeometry(b * 0.09, 10, 8),
          { colour: [0.05, 0.05, 0.05], texture: null },
          { at: [s * b * 0.3, b * 2.6, 0.05 + b * 0.7] },
        ),
      );
    }
  } else {
    parts.push(part(new THREE.SphereGeometry(0.5, 32, 24), surface(r, 0.95)));
    if (r.chance(0.3)) parts.push(part(new THREE.CylinderGeometry(0.2, 0.3, 0.15, 24), surface(r, 0), { at: [0, -0.5, 0] }));
  }
  return parts;
}

function fruit(r) {
  const geometry = new THREE.SphereGeometry(0.5, 36, 28),
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
        new THREE.SphereGeometry(0.15, 12, 8),
        { colour: [0.2, 0.5, 0.15], texture: null },
        { at: [0.12, 0.6 * squash, 0], scale: [1, 0.15, 0.5], turn: [0, r.range(0, 6), 0.5] },
      ),
    );
  return parts;
}

function boxes(r) {
  const parts = [],
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
        part(new THREE.SphereGeometry(0.03, 12, 8), surface(r, 0), { at: [0, y, d / 2 + 0.04] }),
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
      part(new THREE.BoxGeometry(t, h, d), look, { at: [-w / 2, h / 2, 0] }),
      part(new THREE.BoxGeometry(t, h, d), look, { at: [w / 2, h / 2, 0] }),
      part(new THREE.BoxGeometry(w, h, 0.03), look, { at: [0, h / 2, -d / 2] }),
    );
    for (let i = 0; i <= n; i++) {
      const y = (i / n) * h;
      parts.push(part(new THREE.BoxGeometry(w, t, d), look, { at: [0, y, 0] }));
      if (i < n)
        for (let x = -w / 2 + 0.1; x < w / 2 - 0.1; ) {
          const b = r.range(0.04, 0.16),
            bh = (h / n) * r.range(0.4, 0.85);
          if (r.chance(0.75))
            parts.push(part(new THREE.BoxGeometry(b * 0.95, bh, d * 0.7), surface(r, 0.05), { at: [x + b / 2, y + bh / 2, 0] }));
          x += b;
        }
    }
  }
  return parts;
}

function composition(r) {
  const n = r.int(2, 6),
    parts = [],
    centres = [];
  for (let i = 0; i < n; i++) {
    const s = () => r.range(0.2, 0.8),
      kind = r.int(0, 7);
    const geometry = [
      () => box(1, 1, 1, r),
      () => new THREE.SphereGeometry(0.55, 28, 20),
      () => new THREE.CylinderGeometry(0.5, 0.5 * r.range(0, 1.2), 1, 32),
      () => new THREE.ConeGeometry(0.5, 1, 32),
      () => new THREE.TorusGeometry(0.4, r.range(0.06, 0.22), 16, 36),
      () => new THREE.CapsuleGeometry(0.3, 0.5, 8, 20),
      () => new THREE.TorusKnotGeometry(0.3, 0.1, 80, 12),
      () => lathe(smooth(Array.from({ length: 4 }, (_, k) => [r.range(0.1, 0.5), k / 3 - 0.5]))),
    ][kind]();
    const uniform = s(),
      scale = r.chance(0.4) ? [uniform, uniform, uniform] : [s(), s(), s()];
    const from = centres.length ? r.pick(centres) : [0, 0, 0];
    const at = centres.length ? from.map((v) => v + r.range(-0.4, 0.4)) : from;
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

const makers = { composition, mug, bottle, vase, bowl, lamp, table, chair, teapot, toy, fruit, boxes };

/** @param {string} family @param {number} seed @returns {Part[]} */
export function makeProcedural(family, seed) {
  const r = makeRandom(seed);
  const parts = makers[family](r);
  if (r.chance(0.15) && family !== 'table' && family !== 'chair') {
    // lying or leaning
    const turn = new THREE.Matrix4().makeRotationFromEuler(new THREE.Euler(r.range(-1.6, 1.6), 0, r.range(-1.6, 1.6)));
    for (const p of parts) p.geometry.applyMatrix4(turn);
  }
  return parts;
}
