import type { Rng } from '@gestalt3d/core';

type Colour = [number, number, number];
/** [side * side], about 0..1. */
type Field = Float32Array;

/**
 * A drawn background: a material, or a wall over a floor, each in one of six patterns, with uneven light.
 * @returns sRGB [side, side, 3]
 */
export function drawBackground(side: number, rng: Rng): Uint8Array {
  const first = drawMaterial(side, rng);
  const out = new Uint8Array(side * side * 3);
  const twoParts = rng.uniform() < 0.65;
  const second = twoParts ? drawMaterial(side, rng) : first;
  const horizon = 0.3 + 0.55 * rng.uniform();
  const tilt = (rng.uniform() - 0.5) * 0.3;
  const sharpness = rng.uniform() < 0.6 ? side : side / 5;
  const falloff = 0.6 * rng.uniform();
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const line = horizon + tilt * (x / side - 0.5);
      const below = twoParts ? Math.min(1, Math.max(0, (y / side - line) * sharpness + 0.5)) : 0;
      const light = 1 - falloff * (1 - y / side) * below;
      for (let c = 0; c < 3; c++) {
        const i = (y * side + x) * 3 + c;
        out[i] = Math.round(255 * Math.min(1, Math.max(0, first[i]! * (1 - below) + second[i]! * below * light)));
      }
    }
  return out;
}

function drawMaterial(side: number, rng: Rng): Float32Array {
  const angle = rng.uniform() * Math.PI;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const along = (x: number, y: number) => (x * cos + y * sin) / side;
  const across = (x: number, y: number) => (y * cos - x * sin) / side;
  const clouds = drawNoise(side, 1 + rng.integer(6), rng);
  const [frequency, phase, tiles, rows] = [8 + 62 * rng.uniform(), 6 * rng.uniform(), 3 + 13 * rng.uniform(), 3 + 13 * rng.uniform()];
  const bond = rng.uniform() < 0.5 ? 0.5 : 0;
  const level = 0.2 + 0.6 * rng.uniform();
  const grain = rng.fork('grain');
  const patterns: ((x: number, y: number, i: number) => number)[] = [
    // a gradient
    (x, y) => 0.5 + 0.5 * along(x, y),
    (_x, _y, i) => clouds[i]!,
    // stripes, soft or hard
    (x, y) => {
      const wave = 0.5 + 0.5 * Math.sin(along(x, y) * frequency + phase);
      return bond ? wave : Number(wave > level);
    },
    // tiles or bricks with joints, a shade each
    (x, y) => {
      const row = Math.floor(across(x, y) * rows);
      const u = along(x, y) * tiles + bond * row;
      const joint = u - Math.floor(u) < 0.08 || across(x, y) * rows - row < 0.1;
      return joint ? 0 : 0.3 + 0.7 * Math.abs(Math.sin(row * 73.7 + Math.floor(u) * 151.3));
    },
    // marble
    (x, y, i) => 0.5 + 0.5 * Math.sin(along(x, y) * frequency * 0.4 + 8 * clouds[i]!),
    // specks
    (_x, _y, i) => 0.4 * clouds[i]! + 0.6 * grain.uniform(),
  ];
  const pattern = patterns[rng.integer(patterns.length)]!;
  const colours = drawPalette(2 + rng.integer(3), rng);
  const shade = rng.uniform() < 0.6 ? drawNoise(side, 5, rng) : undefined;
  const out = new Float32Array(side * side * 3);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const i = y * side + x;
      const at = Math.min(0.999, Math.max(0, pattern(x, y, i))) * (colours.length - 1);
      const k = Math.floor(at);
      const light = shade ? 0.85 + 0.3 * shade[i]! : 1;
      for (let c = 0; c < 3; c++) out[i * 3 + c] = light * (colours[k]![c]! * (1 - at + k) + colours[k + 1]![c]! * (at - k));
    }
  return out;
}

/** Colours near each other more often than not, as in real materials. */
function drawPalette(count: number, rng: Rng): Colour[] {
  let base: Colour = [rng.uniform(), rng.uniform(), rng.uniform()];
  const mean = (base[0] + base[1] + base[2]) / 3;
  // few walls and floors are of a pure colour
  const saturation = 0.1 + 0.9 * rng.uniform() ** 2;
  base = base.map((value) => value * saturation + mean * (1 - saturation)) as Colour;
  const spread = [0.08, 0.2, 0.4][rng.integer(3)]!;
  return Array.from({ length: count }, () => {
    const lightness = spread * rng.normal();
    return base.map((value) => Math.min(1, Math.max(0, value + lightness + 0.3 * spread * rng.normal()))) as Colour;
  });
}

/** Octaves of smoothly interpolated random grids, stretched to 0..1. */
function drawNoise(side: number, octaves: number, rng: Rng): Field {
  const out = new Float32Array(side * side);
  let amplitude = 1;
  for (let octave = 0, cells = 2; octave < octaves && cells <= side; octave++, cells *= 2) {
    const grid = Float32Array.from({ length: (cells + 1) ** 2 }, () => rng.uniform());
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const [u, v] = [(x / side) * cells, (y / side) * cells];
        const [i, j] = [Math.floor(u), Math.floor(v)];
        const [s, t] = [smoothstep(u - i), smoothstep(v - j)];
        const at = (p: number, q: number) => grid[q * (cells + 1) + p]!;
        out[y * side + x]! +=
          amplitude * ((at(i, j) * (1 - s) + at(i + 1, j) * s) * (1 - t) + (at(i, j + 1) * (1 - s) + at(i + 1, j + 1) * s) * t);
      }
    amplitude *= 0.55;
  }
  const [low, high] = out.reduce(([l, h], value) => [Math.min(l, value), Math.max(h, value)], [Infinity, -Infinity] as [number, number]);
  return out.map((value) => (value - low) / Math.max(1e-6, high - low));
}

const smoothstep = (t: number) => t * t * (3 - 2 * t);
