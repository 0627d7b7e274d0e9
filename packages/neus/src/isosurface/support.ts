/** Where the surface may be: a grid of bytes over the field's cube, x fastest. Outside of it there is no surface. */
export interface Support {
  edge: number;
  cells: Uint8Array;
}

/** Support cell of each of a row of samples, the same along x, y and z. */
export function supportCells(support: Support, resolution: number): Uint16Array {
  return Uint16Array.from({ length: resolution }, (_, i) => cellAt(support.edge, i / (resolution - 1)));
}

/**
 * How much of the samples from (x, y, z) on, `edge` along each axis, and of their neighbours is in the support. `cells`: supportCells().
 */
export function supportAround(
  support: Support,
  cells: Uint16Array,
  x: number,
  y: number,
  z: number,
  edge: number,
): 'none' | 'some' | 'all' {
  const n = support.edge;
  const last = cells.length - 1;
  const x0 = cells[Math.max(0, x - 1)];
  const y0 = cells[Math.max(0, y - 1)];
  const z0 = cells[Math.max(0, z - 1)];
  const x1 = cells[Math.min(last, x + edge)];
  const y1 = cells[Math.min(last, y + edge)];
  const z1 = cells[Math.min(last, z + edge)];
  let inside = 0;
  let outside = 0;
  for (let k = z0; k <= z1; k++)
    for (let j = y0; j <= y1; j++) {
      for (let i = x0, at = n * (j + n * k); i <= x1; i++) support.cells[at + i] === 1 ? inside++ : outside++;
      if (inside && outside) return 'some';
    }
  return inside ? 'all' : 'none';
}

function cellAt(edge: number, u: number): number {
  return Math.min(edge - 1, Math.max(0, Math.floor(u * edge)));
}
