import { createImage, type RgbImage, type Rng, resample } from '@gestalt3d/core';

/** Smallest side of a photograph's part that is taken, in shares of its shorter side. */
const LEAST_PART = 0.35;

/** What is behind an object: half of the time a part of a photograph, else a wall and a floor with a little grain. Square, `size` px. */
export function drawBackdrop(photos: readonly RgbImage[], size: number, rng: Rng): RgbImage {
  const photo = photos[rng.integer(Math.max(1, photos.length))];
  return photo && rng.uniform() < 0.5 ? partOf(photo, size, rng) : room(size, rng);
}

function partOf(photo: RgbImage, size: number, rng: Rng): RgbImage {
  const side = Math.min(photo.width, photo.height) * (LEAST_PART + (1 - LEAST_PART) * rng.uniform());
  return resample(photo, size, size, {
    x: (photo.width - side) * rng.uniform(),
    y: (photo.height - side) * rng.uniform(),
    width: side,
    height: side,
  });
}

function room(size: number, rng: Rng): RgbImage {
  const image = createImage(size, size, 3);
  const tint = () => {
    const grey = 70 + 160 * rng.uniform();
    return [0, 1, 2].map(() => grey + 50 * (rng.uniform() - 0.5));
  };
  const [wall, floor] = [tint(), tint()];
  const horizon = size * (0.35 + 0.4 * rng.uniform());
  const fall = 0.5 * rng.uniform();
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const below = Math.min(Math.max((y - horizon) / 3 + 0.5, 0), 1);
      const light = 1 - fall * Math.abs(y - horizon) * (1 / size);
      const grain = 5 * rng.normal();
      for (let c = 0; c < 3; c++) {
        const value = (wall[c] + (floor[c] - wall[c]) * below) * light + grain;
        image.data[(y * size + x) * 3 + c] = Math.round(Math.min(Math.max(value, 0), 255));
      }
    }
  return image;
}
