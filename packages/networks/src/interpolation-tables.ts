/** Neighbours and their shares for sampling at fixed positions; see `sampleByTable`. */
export interface InterpolationTable {
  /** [views, neighbours, points] */
  index: Int32Array;
  weight: Float32Array;
  /** The shape of both. */
  dims: readonly [number, number, number];
}

/** A pinhole camera as SyncDreamer has it: OpenCV axes (x right, y down, z forward), integer pixel centres. */
export interface LatentCamera {
  /** World to camera, rows of [R | t], 12 numbers. */
  pose: ArrayLike<number>;
  /** Focal length and principal point in pixels of the latent grid. */
  focal: number;
  centre: number;
}

/**
 * Where the points of a cubic grid fall in each view: bilinear, corners aligned, zeros outside. Points lie at linspace(-halfSide, halfSide, n) on each
 * axis, x fastest, then y, then z. Indices count over the pixels of all views.
 */
export function unprojectionTable(
  cameras: readonly LatentCamera[],
  latentSize: number,
  volumeSize: number,
  halfSide: number,
): InterpolationTable {
  const points = volumeSize ** 3;
  const table = createTable(cameras.length, 4, points);
  const axis = (i: number): number => -halfSide + (2 * halfSide * i) / (volumeSize - 1);
  for (const [view, { pose, focal, centre }] of cameras.entries())
    for (let point = 0; point < points; point++) {
      const x = axis(point % volumeSize);
      const y = axis(Math.floor(point / volumeSize) % volumeSize);
      const z = axis(Math.floor(point / volumeSize ** 2));
      const row = (r: number): number => pose[4 * r]! * x + pose[4 * r + 1]! * y + pose[4 * r + 2]! * z + pose[4 * r + 3]!;
      const depth = Math.max(row(2), 1e-4);
      const position = [(focal * row(0) + centre * row(2)) / depth, (focal * row(1) + centre * row(2)) / depth];
      fillTable(table, view, point, position, latentSize, view * latentSize ** 2);
    }
  return table;
}

/**
 * Where the points of each view's frustum fall in the volume: trilinear, corners aligned, zeros outside. Points lie on rays through the pixels, x
 * fastest, then y, then depth; planes from `near` to `far`, evenly.
 */
export function frustumTable(
  cameras: readonly LatentCamera[],
  {
    latentSize,
    depth,
    near,
    far,
    volumeSize,
    halfSide,
  }: { latentSize: number; depth: number; near: number; far: number; volumeSize: number; halfSide: number },
): InterpolationTable {
  const points = depth * latentSize ** 2;
  const table = createTable(cameras.length, 8, points);
  for (const [view, { pose, focal, centre }] of cameras.entries())
    for (let point = 0; point < points; point++) {
      const d = near + ((far - near) * Math.floor(point / latentSize ** 2)) / (depth - 1);
      const camera = [
        ((point % latentSize) - centre) * (d / focal),
        ((Math.floor(point / latentSize) % latentSize) - centre) * (d / focal),
        d,
      ];
      for (let r = 0; r < 3; r++) camera[r]! -= pose[4 * r + 3]!;
      // R is a rotation: its inverse is its transpose
      const position = [0, 1, 2].map((c) => {
        const world = pose[c]! * camera[0]! + pose[4 + c]! * camera[1]! + pose[8 + c]! * camera[2]!;
        return ((world / halfSide + 1) / 2) * (volumeSize - 1);
      });
      fillTable(table, view, point, position, volumeSize, 0);
    }
  return table;
}

/** A table of zeros. @param neighbours of a point: 4 in pictures, 8 in volumes */
export function createTable(views: number, neighbours: number, points: number): InterpolationTable {
  const length = views * neighbours * points;
  return { index: new Int32Array(length), weight: new Float32Array(length), dims: [views, neighbours, points] };
}

/**
 * The 2^n grid points about a position in cells, x first; those outside keep weight 0 and point at the first element.
 * @param size cells along each side
 * @param base index of the grid's first cell
 */
export function fillTable(
  { index, weight, dims }: InterpolationTable,
  view: number,
  point: number,
  position: number[],
  size: number,
  base: number,
): void {
  const [, neighbours, points] = dims;
  for (let k = 0; k < neighbours; k++) {
    let share = 1;
    let at = 0;
    for (let axis = position.length - 1; axis >= 0; axis--) {
      const low = Math.floor(position[axis]!);
      const cell = low + ((k >> axis) & 1);
      share *= cell >= 0 && cell < size ? 1 - Math.abs(position[axis]! - cell) : 0;
      at = at * size + cell;
    }
    if (share <= 0) continue;
    index[(view * neighbours + k) * points + point] = base + at;
    weight[(view * neighbours + k) * points + point] = share;
  }
}
