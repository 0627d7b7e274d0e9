import { createImage, type Mask, type Rng } from '@gestalt3d/core';
import { gaussian } from './gaussian.ts';
import type { PlacedOccluder } from './placed-occluder.ts';

/** How much light an occluder close to what it hides takes from it. */
export interface ShadowLook {
  /** Darkest value, 0..1 of the light. */
  strength: number;
  /** Blur and offset in shares of the square root of the occluder's area. */
  softness: number;
  offsetX: number;
  offsetY: number;
}

/** Some occluders cast hardly any; light comes from above, so shadows fall down and a little aside. */
export function randomShadow(rng: Rng): ShadowLook {
  return {
    strength: Math.max(0, rng.uniform() * 0.7 - 0.12),
    softness: 0.025 + 0.05 * rng.uniform(),
    offsetX: (2 * rng.uniform() - 1) * 0.05,
    offsetY: 0.01 + 0.05 * rng.uniform(),
  };
}

/**
 * The light that is missing, 255 all of it, in a photograph of the given size: the occluder's outline, blurred and shifted. Its edge lies a few
 * pixels from the outline and it is 0 beyond.
 */
export function contactShadow(occluder: PlacedOccluder, look: ShadowLook, width: number, height: number): Mask {
  const shadow = createImage(width, height, 1);
  let area = 0;
  for (let i = 3; i < occluder.premultiplied.length; i += 4) area += occluder.premultiplied[i]! / 255;
  const unit = Math.sqrt(area);
  const sigma = Math.max(0.8, look.softness * unit);
  const [shiftX, shiftY] = [Math.round(look.offsetX * unit), Math.round(look.offsetY * unit)];
  // a shadow on a quarter of the pixels looks the same once it is this soft
  const cell = Math.max(1, Math.floor(sigma));
  const margin = Math.ceil((3 * sigma) / cell) + 1;
  const columns = Math.ceil(occluder.width / cell) + 2 * margin;
  const rows = Math.ceil(occluder.height / cell) + 2 * margin;
  const coarse = new Float32Array(columns * rows);
  for (let y = 0; y < occluder.height; y++)
    for (let x = 0; x < occluder.width; x++) {
      const to = (Math.floor(y / cell) + margin) * columns + Math.floor(x / cell) + margin;
      coarse[to]! += occluder.premultiplied[(y * occluder.width + x) * 4 + 3]! / (255 * cell * cell);
    }
  const soft = gaussian(coarse, columns, rows, sigma / cell);
  const x0 = occluder.x + shiftX - margin * cell;
  const y0 = occluder.y + shiftY - margin * cell;
  for (let y = Math.max(0, y0); y < Math.min(height, y0 + rows * cell); y++)
    for (let x = Math.max(0, x0); x < Math.min(width, x0 + columns * cell); x++) {
      const u = Math.min(Math.max((x - x0 + 0.5) / cell - 0.5, 0), columns - 1.001);
      const v = Math.min(Math.max((y - y0 + 0.5) / cell - 0.5, 0), rows - 1.001);
      const [i, j] = [Math.floor(u), Math.floor(v)];
      const at = j * columns + i;
      const value =
        (soft[at]! * (i + 1 - u) + soft[at + 1]! * (u - i)) * (j + 1 - v) +
        (soft[at + columns]! * (i + 1 - u) + soft[at + columns + 1]! * (u - i)) * (v - j);
      shadow.data[y * width + x] = Math.round(255 * look.strength * Math.min(value, 1));
    }
  return shadow;
}
