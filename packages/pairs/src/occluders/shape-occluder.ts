import { type RgbaImage, type Rng, withAlpha } from '@gestalt3d/core';
import { gaussian } from '../gaussian.ts';
import { drawShape, SHAPES, type Shape } from './shape-mask.ts';
import { drawTexture } from './texture.ts';

/**
 * A shape of a random material, lit from one side as a body with a rounded rim would be.
 * @param size side of its picture in pixels
 */
export function shapeOccluder(rng: Rng, size = 160, shape: Shape = SHAPES[rng.integer(SHAPES.length)]!): RgbaImage {
  const mask = drawShape(shape, size, rng);
  const picture = drawTexture(size, rng);
  const soft = gaussian(
    Float32Array.from(mask.data, (value) => value / 255),
    size,
    size,
    size * (0.03 + 0.05 * rng.uniform()),
  );
  const side = 2 * Math.PI * rng.uniform();
  const [lx, ly] = [Math.cos(side) * 0.6, Math.sin(side) * 0.6 - 0.8];
  const relief = size * 0.1 * rng.uniform();
  for (let y = 1; y < size - 1; y++)
    for (let x = 1; x < size - 1; x++) {
      const i = y * size + x;
      // the blurred outline as a height: its slope faces the light or away from it
      const slope = -lx * (soft[i + 1]! - soft[i - 1]!) - ly * (soft[i + size]! - soft[i - size]!);
      const light = Math.min(Math.max(1 + relief * slope, 0.55), 1.35);
      for (let c = 0; c < 3; c++) picture.data[i * 3 + c] = Math.min(255, Math.round(picture.data[i * 3 + c]! * light));
    }
  return withAlpha(picture, mask);
}
