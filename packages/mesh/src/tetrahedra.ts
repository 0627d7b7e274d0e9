/** Corners of the six tetrahedra around the diagonal 0-7 of a cell (bit 0 of a corner: +x, 1: +y, 2: +z), all of the same orientation; every face of a cell is cut alike from both sides. */
export const TETRAHEDRA = [
  [0, 1, 3, 7],
  [0, 3, 2, 7],
  [0, 2, 6, 7],
  [0, 6, 4, 7],
  [0, 4, 5, 7],
  [0, 5, 1, 7],
] as const;
