import { Color } from 'three';
import type { Dice } from '../dice.ts';

/** sRGB in 0..1. */
export type Colour = [number, number, number];

const css = (colour: Colour) => `rgb(${colour.map((value) => Math.round(value * 255)).join(',')})`;

/** sRGB in 0..1; a quarter near grey, a third of the rest near wood and skin. */
export function randomColour(r: Dice): Colour {
  const colour = new Color();
  if (r.chance(0.25)) {
    const v = r.range(0.08, 0.95);
    return [v, v * r.range(0.92, 1), v * r.range(0.85, 1)];
  }
  const hue = r.chance(0.35) ? r.range(0.04, 0.13) : r.next();
  colour.setHSL(hue, r.range(0.15, 0.95), r.range(0.2, 0.8));
  return [colour.r, colour.g, colour.b];
}

/** Draws one of eight kinds of texture, 256 px. */
export function drawTexture(r: Dice): OffscreenCanvas {
  const size = 256;
  const canvas = new OffscreenCanvas(size, size);
  const g = canvas.getContext('2d')!;
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
        const at = (p: number, q: number) => grid[(q % cells) * (cells + 1) + (p % cells)]!;
        const w = (at(i, j) * (1 - s) + at(i + 1, j) * s) * (1 - t) + (at(i, j + 1) * (1 - s) + at(i + 1, j + 1) * s) * t;
        for (let k = 0; k < 3; k++) image.data[(y * size + x) * 4 + k] = 255 * (a[k]! * (1 - w) + b[k]! * w);
      }
    g.putImageData(image, 0, 0);
  }
  g.globalAlpha = 1;
  return canvas;
}
