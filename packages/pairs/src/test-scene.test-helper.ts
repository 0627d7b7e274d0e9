import { createImage, createRng, type Image, type Mask, type RgbImage } from '@gestalt3d/core';
import { gaussian } from './gaussian.ts';
import { drawTexture } from './occluders/texture.ts';

/** A textured ellipse in front of another texture, blurred and noisy as a photograph is, and its mask. */
export function testScene(seed: number, size = 128): { scene: RgbImage; amodal: Mask } {
  const rng = createRng(seed);
  const [behind, object] = [drawTexture(size, rng.fork('behind')), drawTexture(size, rng.fork('object'))];
  const [cx, cy] = [size * (0.4 + 0.2 * rng.uniform()), size * (0.4 + 0.2 * rng.uniform())];
  const [rx, ry] = [size * (0.15 + 0.15 * rng.uniform()), size * (0.15 + 0.15 * rng.uniform())];
  const inside = Float32Array.from({ length: size * size }, (_, i) =>
    Math.hypot(((i % size) + 0.5 - cx) / rx, (Math.floor(i / size) + 0.5 - cy) / ry) < 1 ? 1 : 0,
  );
  const alpha = gaussian(inside, size, size, 0.8);
  const scene = createImage(size, size, 3);
  for (let c = 0; c < 3; c++) {
    const plane = gaussian(
      Float32Array.from(alpha, (a, i) => object.data[i * 3 + c]! * a + behind.data[i * 3 + c]! * (1 - a)),
      size,
      size,
      0.7,
    );
    for (let i = 0; i < plane.length; i++) scene.data[i * 3 + c] = Math.min(Math.max(Math.round(plane[i]! + 2 * rng.normal()), 0), 255);
  }
  const amodal = createImage(size, size, 1);
  for (let i = 0; i < alpha.length; i++) amodal.data[i] = Math.round(255 * alpha[i]!);
  return { scene, amodal };
}

/** A picture of one colour. */
export function plain<C extends 1 | 3 | 4>(width: number, height: number, channels: C, ...values: number[]): Image<C> {
  const image = createImage(width, height, channels);
  for (let i = 0; i < image.data.length; i++) image.data[i] = values[i % channels]!;
  return image;
}
