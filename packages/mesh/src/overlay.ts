import { createImage, type Image, type Mask, MaskSizeError, type Prompt, type RgbImage } from '@gestalt3d/core';

const TINT = [52, 132, 255] as const;
const POSITIVE = [38, 178, 92] as const;
const NEGATIVE = [222, 56, 56] as const;
const BOX = [255, 190, 40] as const;

/** The photo with what the user said and what was found: mask tinted and outlined, points as dots with + or -, box as a frame. */
export function drawPrompt(photo: Image<3 | 4>, prompt?: Prompt, mask?: Mask): RgbImage {
  const { width, height } = photo;
  const out = createImage(width, height, 3);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) out.data[i * 3 + c] = photo.data[i * photo.channels + c];
  const unit = Math.max(1, Math.round(Math.max(width, height) / 256));
  const put = (x: number, y: number, color: readonly number[], opacity = 1) => {
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    const at = (y * width + x) * 3;
    for (let c = 0; c < 3; c++) out.data[at + c] = Math.round(out.data[at + c] * (1 - opacity) + color[c] * opacity);
  };

  if (mask) {
    if (mask.width !== width || mask.height !== height) throw new MaskSizeError(mask, photo);
    const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && mask.data[y * width + x] > 127;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        if (inside(x, y)) put(x, y, TINT, 0.38);
        else {
          let edge = false;
          for (let j = -unit; j <= unit && !edge; j++) for (let i = -unit; i <= unit && !edge; i++) edge = inside(x + i, y + j);
          if (edge) put(x, y, [255, 255, 255], 0.95);
        }
      }
  }
  const box = prompt?.box;
  if (box)
    for (let k = 0; k < unit; k++) {
      for (let x = Math.round(box.x0); x < box.x1; x++) {
        put(x, Math.round(box.y0) + k, BOX);
        put(x, Math.round(box.y1) - 1 - k, BOX);
      }
      for (let y = Math.round(box.y0); y < box.y1; y++) {
        put(Math.round(box.x0) + k, y, BOX);
        put(Math.round(box.x1) - 1 - k, y, BOX);
      }
    }
  for (const point of prompt?.points ?? []) {
    const radius = unit * 5;
    const cx = Math.floor(point.x);
    const cy = Math.floor(point.y);
    for (let j = -radius - unit; j <= radius + unit; j++)
      for (let i = -radius - unit; i <= radius + unit; i++) {
        const distance = Math.hypot(i, j);
        if (distance > radius + unit) continue;
        const arm = radius * 0.6;
        const thick = unit * 0.8;
        const sign = (Math.abs(j) <= thick && Math.abs(i) <= arm) || (point.positive && Math.abs(i) <= thick && Math.abs(j) <= arm);
        put(cx + i, cy + j, distance > radius || sign ? [255, 255, 255] : point.positive ? POSITIVE : NEGATIVE);
      }
  }
  return out;
}
