import { boundingBox, type Mask } from '@gestalt3d/core';

/** Intersection over union, pixels above 127; 0 for two empty masks. */
export function maskIou(a: Mask, b: Mask): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.data.length; i++) {
    const [p, q] = [a.data[i]! > 127, b.data[i]! > 127];
    if (p && q) both++;
    if (p || q) either++;
  }
  return either > 0 ? both / either : 0;
}

/** Number of sides of the picture that a mask touches. */
export function touchedBorders(mask: Mask): number {
  const box = boundingBox(mask);
  if (box === undefined) return 0;
  return [box.x0 <= 1, box.y0 <= 1, box.x1 >= mask.width - 1, box.y1 >= mask.height - 1].filter(Boolean).length;
}

/** Area of a mask over that of its convex hull, pixels as squares; 1 is convex, 0 for an empty mask. */
export function solidity(mask: Mask): number {
  const { width, height, data } = mask;
  let area = 0;
  const lower: [number, number][] = [];
  const upper: [number, number][] = [];
  // corners of every row's ends, from the top: two chains of a monotone hull (Andrew 1979, rows for columns)
  const push = (chain: [number, number][], x: number, y: number, sign: number): void => {
    while (chain.length >= 2) {
      const [ax, ay] = chain[chain.length - 2]!;
      const [bx, by] = chain[chain.length - 1]!;
      if (sign * ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) > 0) break;
      chain.pop();
    }
    chain.push([x, y]);
  };
  for (let y = 0; y < height; y++) {
    let first = -1;
    let last = -1;
    for (let x = 0; x < width; x++)
      if (data[y * width + x]! > 127) {
        if (first < 0) first = x;
        last = x;
        area++;
      }
    if (first < 0) continue;
    for (const edge of [y, y + 1]) {
      push(lower, first, edge, -1);
      push(upper, last + 1, edge, 1);
    }
  }
  const ring = [...lower, ...upper.reverse()];
  let twice = 0;
  for (const [k, [bx, by]] of ring.entries()) {
    const [ax, ay] = ring[(k + ring.length - 1) % ring.length]!;
    twice += ax * by - ay * bx;
  }
  return twice === 0 ? 0 : area / Math.abs(twice / 2);
}
