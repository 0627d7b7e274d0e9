import { ShapeMismatchError } from '@gestalt3d/core';
import { type IsoSurface, joinSlabs, marchSlab, SlabMarcher } from './slab-marcher.ts';

/** Samples on a regular grid, x fastest. */
export interface ScalarGrid {
  /** Samples along x, y, z; at least 1 each. */
  size: readonly [number, number, number];
  /** [nz, ny, nx] */
  data: Float32Array;
}

/** Samples that are made layer by layer, so that the whole grid need not be held. */
export interface LayeredGrid {
  size: readonly [number, number, number];
  /** Writes layer z, [ny, nx]; called once for each z, ascending. */
  layer(z: number, out: Float32Array): void;
}

/**
 * Triangles of the surface value = iso; inside is where value < iso, compared as f32. NaN counts as outside. Vertices are shared, one an edge of the
 * grid that the surface crosses, numbered along x, then y, then z. The result is a closed manifold: beyond the border everything is outside,
 * and the cap lies half a sample beyond the border. Runs on the calling thread in WebAssembly; memory beside the result is a few layers.
 * @throws ShapeMismatchError for sizes that are not whole numbers of at least 1, or data of another length
 */
export function marchingCubes(grid: ScalarGrid | LayeredGrid, iso = 0): IsoSurface {
  checkGrid(grid);
  return joinSlabs([marchSlab(grid.size, iso, 0, grid.size[2] + 1, layerSource(grid))]);
}

/** How a slab gets the layers of a grid. */
export function layerSource(grid: ScalarGrid | LayeredGrid): (z: number, out: Float32Array) => void {
  if (!('data' in grid)) return (z, out) => grid.layer(z, out);
  const area = grid.size[0] * grid.size[1];
  return (z, out) => out.set(grid.data.subarray(z * area, (z + 1) * area));
}

/** @throws ShapeMismatchError */
export function checkGrid(grid: ScalarGrid | LayeredGrid): void {
  const [nx, ny, nz] = grid.size;
  if (grid.size.some((count) => !Number.isInteger(count) || count < 1))
    throw new ShapeMismatchError('grid', ['nz >= 1', 'ny >= 1', 'nx >= 1'], [nz, ny, nx]);
  if ('data' in grid && grid.data.length !== nx * ny * nz) throw new ShapeMismatchError('grid', [nz * ny * nx], [grid.data.length]);
}

/** Marching cubes that is fed layer by layer, for callers who have to wait for their layers. */
export class LayerMarcher {
  readonly #marcher: SlabMarcher;
  #z = 0;

  constructor(nx: number, ny: number, iso: number) {
    this.#marcher = new SlabMarcher(nx, ny, iso);
  }

  /** The next layer, [ny, nx]; copied. */
  push(values: Float32Array): void {
    this.#marcher.layer(this.#z).set(values);
    this.#marcher.sweep(this.#z, { first: this.#z === 0 });
    this.#z++;
  }

  /** The surface of all layers; ends the use of this object. */
  finish(): IsoSurface {
    this.#marcher.sweep(this.#z, { first: this.#z === 0, last: true });
    return joinSlabs([this.#marcher.finish()]);
  }
}
