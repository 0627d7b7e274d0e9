import { acquireKernels, type IsosurfaceKernels, releaseKernels } from './kernels.ts';

/** Triangles in grid coordinates: sample (i, j, k) is at (i, j, k). */
export interface IsoSurface {
  /** [P, 3] */
  positions: Float32Array;
  /** [T, 3], counter-clockwise seen from the side of greater values. */
  indices: Uint32Array;
}

/** Part of a surface, in pieces: indices count from `skipped` vertices before the first one of `positions`; those belong to the slab before. */
export interface SurfaceSlab {
  positions: Float32Array[];
  indices: Uint32Array[];
  skipped: number;
}

/** What stands before and behind a layer, and whether its output is wanted. */
export interface LayerRole {
  /** Nothing comes before. */
  first?: boolean;
  /** Behind the last layer of samples: everything is outside. */
  last?: boolean;
  /** The layer belongs to the slab before: its vertices are numbered, not written. */
  skip?: boolean;
}

/**
 * Marching cubes over ascending layers of samples. Vertices, triangles and their order are those of `marchingCubes`.
 * The samples live in WebAssembly memory: write a layer where `layer(z)` says, then `sweep` it.
 */
export class SlabMarcher {
  readonly #rows: number;
  readonly #area: number;
  #kernels: IsosurfaceKernels | undefined;
  #skipped = 0;
  readonly #positions: Float32Array[] = [];
  readonly #indices: Uint32Array[] = [];

  /** @param ring layers that `layer` keeps apart, at least 2 */
  constructor(nx: number, ny: number, iso: number, ring = 2) {
    this.#rows = ny + 1;
    this.#area = nx * ny;
    this.#kernels = acquireKernels(nx, ny, iso, ring);
  }

  /** Where layer z is to be written, [ny, nx]. Layers z and z + ring share their place. */
  layer(z: number): Float32Array {
    const kernels = this.#open();
    return new Float32Array(kernels.memory.buffer, kernels.layerAddress(z), this.#area);
  }

  /** Marches between the last layer and this one, which follows it; both are looked at again. */
  sweep(z: number, { first = false, last = false, skip = false }: LayerRole = {}): void {
    const kernels = this.#open();
    for (let row = 0; ; ) {
      row = kernels.sweep(z, row, first ? 1 : 0, last ? 1 : 0, skip ? 0 : 1);
      if (row === this.#rows) break;
      this.#take(kernels);
    }
    if (skip) this.#skipped = kernels.vertexCount();
  }

  /** The surface; ends the use of this object. */
  finish(): SurfaceSlab {
    const kernels = this.#open();
    this.#take(kernels);
    this.close();
    return { positions: this.#positions, indices: this.#indices, skipped: this.#skipped };
  }

  /** Gives the memory back without a result. */
  close(): void {
    if (this.#kernels) releaseKernels(this.#kernels);
    this.#kernels = undefined;
  }

  #open(): IsosurfaceKernels {
    if (!this.#kernels) throw new TypeError('expected a marcher in use, got one that has finished; make a new one');
    return this.#kernels;
  }

  #take(kernels: IsosurfaceKernels): void {
    const { buffer } = kernels.memory;
    const points = kernels.pointBytes();
    const triangles = kernels.triangleBytes();
    if (points > 0) this.#positions.push(new Float32Array(buffer, kernels.pointsAddress(), points / 4).slice());
    if (triangles > 0) this.#indices.push(new Uint32Array(buffer, kernels.trianglesAddress(), triangles / 4).slice());
    kernels.drain();
  }
}

/**
 * Marches the cells below layers [from, to) of a grid, 0 <= from < to <= nz + 1; slabs in order make up the whole surface (`joinSlabs`).
 * @param fill writes layer z, [ny, nx]; called for from - 2 (where there is one) to to - 1 below nz, ascending
 */
export function marchSlab(
  size: readonly [number, number, number],
  iso: number,
  from: number,
  to: number,
  fill: (z: number, out: Float32Array) => void,
): SurfaceSlab {
  const [nx, ny, nz] = size;
  const marcher = new SlabMarcher(nx, ny, iso);
  try {
    for (let z = Math.max(0, from - 2); z < to; z++) {
      if (z < nz) fill(z, marcher.layer(z));
      marcher.sweep(z, { first: z === 0, last: z === nz, skip: z < from });
    }
    return marcher.finish();
  } finally {
    marcher.close();
  }
}

/** Slabs in ascending order as one surface. */
export function joinSlabs(slabs: readonly SurfaceSlab[]): IsoSurface {
  const total = (pieces: readonly ArrayLike<number>[]) => pieces.reduce((sum, piece) => sum + piece.length, 0);
  const positions = new Float32Array(total(slabs.flatMap((slab) => slab.positions)));
  const indices = new Uint32Array(total(slabs.flatMap((slab) => slab.indices)));
  let point = 0;
  let index = 0;
  for (const slab of slabs) {
    const shift = point / 3 - slab.skipped;
    for (const piece of slab.positions) {
      positions.set(piece, point);
      point += piece.length;
    }
    for (const piece of slab.indices) {
      if (shift === 0) indices.set(piece, index);
      else for (let i = 0; i < piece.length; i++) indices[index + i] = piece[i] + shift;
      index += piece.length;
    }
  }
  return { positions, indices };
}
