import {
  EmptyMaskError,
  type Mask,
  MaskSizeError,
  maskArea,
  type Prompt,
  PromptMissingError,
  PromptOutsideImageError,
} from '@gestalt3d/core';

/** Fewer object pixels than this say nothing about an object. */
export const MIN_AREA = 16;

/** @throws PromptMissingError, PromptOutsideImageError, MaskSizeError */
export function checkPrompt(prompt: Prompt, { width, height }: { width: number; height: number }): void {
  if (prompt.mask !== undefined && (prompt.mask.width !== width || prompt.mask.height !== height))
    throw new MaskSizeError(prompt.mask, { width, height });
  for (const { x, y } of prompt.points)
    if (!(x >= 0 && y >= 0 && x < width && y < height)) throw new PromptOutsideImageError(`point ${x},${y}`, width, height);
  if (prompt.box !== undefined) {
    const { x0, y0, x1, y1 } = prompt.box;
    const inside = x0 >= 0 && y0 >= 0 && x1 <= width && y1 <= height && x1 - x0 >= 1 && y1 - y0 >= 1;
    if (!inside) throw new PromptOutsideImageError(`box ${x0},${y0},${x1},${y1}`, width, height);
  }
  if (prompt.mask === undefined && prompt.box === undefined && !prompt.points.some((point) => point.positive))
    throw new PromptMissingError();
}

/** @throws EmptyMaskError when the mask has next to nothing in it */
export function checkMask(mask: Mask, from: string): void {
  if (maskArea(mask) < MIN_AREA) throw new EmptyMaskError(from);
}

/** A mask that a person gives, with hard edges. @throws EmptyMaskError */
export function givenMask(mask: Mask): Mask {
  const hard = { ...mask, data: mask.data.map((value) => (value > 127 ? 255 : 0)) };
  checkMask(hard, 'the given mask');
  return hard;
}
