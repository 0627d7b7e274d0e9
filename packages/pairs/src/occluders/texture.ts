import { createImage, type RgbImage, type Rng } from '@gestalt3d/core';
import { smoothNoise } from './smooth-noise.ts';

/** Random colours 0..255, near one another more often than not, as in real materials. */
function palette(count: number, rng: Rng): number[][] {
  const base = [0, 1, 2].map(() => 255 * rng.uniform());
  const grey = (base[0]! + base[1]! + base[2]!) / 3;
  const muted = rng.uniform() < 0.6;
  const spread = [15, 35, 70][rng.integer(3)]!;
  return Array.from({ length: count }, () =>
    base.map((value) => Math.min(Math.max((muted ? 0.3 * value + 0.7 * grey : value) + spread * rng.normal(), 5), 250)),
  );
}

/** Values of the square, 0..1, that a material's colours follow. */
function field(size: number, rng: Rng): Float32Array {
  const angle = Math.PI * rng.uniform();
  const [cos, sin] = [Math.cos(angle) / size, Math.sin(angle) / size];
  const along = (i: number) => (i % size) * cos + Math.floor(i / size) * sin;
  const across = (i: number) => Math.floor(i / size) * cos - (i % size) * sin;
  const fill = (value: (i: number) => number) => Float32Array.from({ length: size * size }, (_, i) => value(i));
  switch (rng.integer(6)) {
    case 0: {
      // plain, or a gradient
      const slope = rng.uniform();
      return fill((i) => Math.min(Math.max(0.5 + slope * along(i) * 0.7, 0), 1));
    }
    case 1:
      return smoothNoise(size, 1 + rng.integer(5), 2, rng);
    case 2: {
      const [count, phase, hard] = [8 + 40 * rng.uniform(), 6 * rng.uniform(), rng.uniform() < 0.5];
      return fill((i) => {
        const wave = 0.5 + 0.5 * Math.sin(along(i) * count + phase);
        return hard ? Math.min(Math.max(8 * (wave - 0.5) + 0.5, 0), 1) : wave;
      });
    }
    case 3: {
      const [n, m] = [3 + 9 * rng.uniform(), 3 + 9 * rng.uniform()];
      return fill((i) => ((Math.floor(along(i) * n) + Math.floor(across(i) * m)) & 1 ? 1 : 0));
    }
    case 4: {
      // marble and wood: waves bent by clouds
      const clouds = smoothNoise(size, 5, 2, rng);
      const [count, bend] = [6 + 30 * rng.uniform(), 3 + 6 * rng.uniform()];
      return fill((i) => 0.5 + 0.5 * Math.sin(along(i) * count + bend * clouds[i]!));
    }
    default: {
      const clouds = smoothNoise(size, 2, 3, rng);
      return fill((i) => 0.5 * clouds[i]! + 0.5 * rng.uniform());
    }
  }
}

/** A random material: plain, clouds, stripes, checks, marble or specks, with uneven light more often than not. */
export function drawTexture(size: number, rng: Rng): RgbImage {
  const values = field(size, rng);
  const colours = palette(2 + rng.integer(3), rng);
  const light = rng.uniform() < 0.6 ? smoothNoise(size, 4, 2, rng) : undefined;
  const out = createImage(size, size, 3);
  for (let i = 0; i < values.length; i++) {
    const position = Math.min(Math.max(values[i]!, 0), 1) * (colours.length - 1);
    const k = Math.min(Math.floor(position), colours.length - 2);
    const t = position - k;
    for (let c = 0; c < 3; c++) {
      const colour = colours[k]![c]! * (1 - t) + colours[k + 1]![c]! * t;
      out.data[i * 3 + c] = Math.round(Math.min(colour * (light ? 0.85 + 0.3 * light[i]! : 1), 255));
    }
  }
  return out;
}
