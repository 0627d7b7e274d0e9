import type { Mask } from '@gestalt3d/core';

/** Number of pixels of the largest piece of a mask; pixels above 127 that share a side belong together. */
export function largestPiece({ width, height, data }: Mask): number {
  // 1: inside and not yet counted
  const open = data.map((value) => (value > 127 ? 1 : 0));
  const queue = new Int32Array(open.length);
  let largest = 0;
  for (let start = 0; start < open.length; start++) {
    if (open[start] === 0) continue;
    let size = 0;
    let count = 0;
    const visit = (pixel: number): void => {
      if (open[pixel] === 0) return;
      open[pixel] = 0;
      queue[count++] = pixel;
    };
    visit(start);
    while (size < count) {
      const pixel = queue[size++]!;
      const x = pixel % width;
      if (x > 0) visit(pixel - 1);
      if (x < width - 1) visit(pixel + 1);
      if (pixel >= width) visit(pixel - width);
      if (pixel < width * (height - 1)) visit(pixel + width);
    }
    if (size > largest) largest = size;
  }
  return largest;
}
