import { type FieldGrid, findNarrowBand, LEAF } from './narrow-band.ts';
import { SlabMarcher, type SurfaceSlab } from './slab-marcher.ts';
import { supportCells } from './support.ts';

/** Layers of a slab: fixed, so that the mesh does not depend on the number of threads. A multiple of the coarsest block. */
export const SLAB_LAYERS = 32;

/** Slabs of a field's grid. */
export function slabCount(resolution: number): number {
  // the border behind the last layer is a layer of its own
  return Math.ceil((resolution + 1) / SLAB_LAYERS);
}

/** Leaves of one call of the reader. */
const CHUNK = 1 << 11;

/**
 * Marches slab `slab` of a field's zero level, evaluating the field in the narrow band only. Between two pairs of layers it lets others run (`pause`).
 * Elsewhere the layers hold a number of the right sign; memory is a few layers.
 */
export function* marchFieldSlab(grid: FieldGrid, slab: number): Generator<void, SurfaceSlab> {
  const { resolution, reader } = grid;
  const { min, max } = reader.bounds;
  const cell = (max[0] - min[0]) / (resolution - 1);
  const first = slab * SLAB_LAYERS;
  const end = Math.min(first + SLAB_LAYERS, resolution + 1);
  const from = Math.max(0, first - LEAF);
  const { leaves, inside } = findNarrowBand(grid, from, end);
  yield;

  const marcher = new SlabMarcher(resolution, resolution, 0, 2 * LEAF);
  try {
    const constants = new ConstantColumns(resolution, cell);
    const samples = new LeafSamples(grid);
    let leaf = 0;
    for (let z = from; z < end; z += LEAF) {
      const layers: LayerPair = [marcher.layer(z), marcher.layer(z + 1)];
      const firstLeaf = leaf;
      while (leaf < leaves.length && leaves[leaf + 2] === z) leaf += 3;
      const here = leaves.subarray(firstLeaf, leaf);
      constants.write(layers, z, inside, here);
      samples.write(layers, z, here);
      for (let k = z; k < Math.min(z + LEAF, end); k++) marcher.sweep(k, { first: k === 0, last: k === resolution, skip: k < first });
      yield;
    }
    return marcher.finish();
  } finally {
    marcher.close();
  }
}

/** Two layers of samples, [resolution, resolution] each. */
type LayerPair = [Float32Array, Float32Array];

const OUTSIDE = 0;
const INSIDE = 1;
const SAMPLES = 2;

/** Puts numbers of the right sign where no leaf is. Remembers what the layers hold, so that only changes are written. */
class ConstantColumns {
  readonly #resolution: number;
  readonly #cell: number;
  readonly #columns: number;
  /** Of each column of 2 x 2 x 2 samples OUTSIDE, INSIDE or SAMPLES. Two pairs of layers take turns in memory. */
  readonly #held: [Uint8Array, Uint8Array];
  readonly #wanted: Uint8Array;

  constructor(resolution: number, cell: number) {
    this.#resolution = resolution;
    this.#cell = cell;
    this.#columns = Math.ceil(resolution / LEAF);
    // whole words, to be compared four at a time
    const length = Math.ceil(this.#columns ** 2 / 4) * 4;
    this.#held = [new Uint8Array(length).fill(SAMPLES), new Uint8Array(length).fill(SAMPLES)];
    this.#wanted = new Uint8Array(length);
  }

  write(layers: LayerPair, z: number, inside: Uint16Array, leaves: Uint16Array): void {
    const columns = this.#columns;
    const wanted = this.#wanted;
    wanted.fill(OUTSIDE);
    for (let i = 0; i < inside.length; i += 4) {
      const edge = inside[i + 3];
      if (inside[i + 2] > z || inside[i + 2] + edge <= z) continue;
      const x0 = inside[i] / LEAF;
      const x1 = Math.min(columns, (inside[i] + edge) / LEAF);
      const y1 = Math.min(columns, (inside[i + 1] + edge) / LEAF);
      // most are a few columns wide: a call of fill() would cost more than they do
      for (let y = inside[i + 1] / LEAF; y < y1; y++) for (let at = y * columns + x0; at < y * columns + x1; at++) wanted[at] = INSIDE;
    }
    for (let i = 0; i < leaves.length; i += 3) wanted[(leaves[i + 1] / LEAF) * columns + leaves[i] / LEAF] = SAMPLES;

    const held = this.#held[(z / LEAF) & 1];
    const heldWords = new Uint32Array(held.buffer);
    const wantedWords = new Uint32Array(wanted.buffer);
    for (let word = 0; word < heldWords.length; word++) {
      if (heldWords[word] === wantedWords[word]) continue;
      const end = Math.min(word * 4 + 4, columns * columns);
      for (let i = word * 4; i < end; i++) if (held[i] !== wanted[i] && wanted[i] !== SAMPLES) this.#fill(layers, i, wanted[i]);
      heldWords[word] = wantedWords[word];
    }
  }

  #fill(layers: LayerPair, column: number, what: number): void {
    const resolution = this.#resolution;
    const value = what === INSIDE ? -this.#cell : this.#cell;
    const x = (column % this.#columns) * LEAF;
    const y = Math.floor(column / this.#columns) * LEAF;
    const x1 = Math.min(resolution, x + LEAF);
    const y1 = Math.min(resolution, y + LEAF);
    for (let j = y; j < y1; j++)
      for (let i = x; i < x1; i++) {
        layers[0][j * resolution + i] = value;
        layers[1][j * resolution + i] = value;
      }
  }
}

/** Evaluates the samples of leaves. */
class LeafSamples {
  readonly #grid: FieldGrid;
  readonly #cell: number;
  readonly #cells: Uint16Array | undefined;
  readonly #points = new Float32Array(CHUNK * 24);
  readonly #sdf = new Float32Array(CHUNK * 8);

  constructor(grid: FieldGrid) {
    const { resolution, reader, support } = grid;
    this.#grid = grid;
    this.#cell = (reader.bounds.max[0] - reader.bounds.min[0]) / (resolution - 1);
    this.#cells = support && supportCells(support, resolution);
  }

  /** @param leaves all at height z */
  write(layers: LayerPair, z: number, leaves: Uint16Array): void {
    const { reader, resolution } = this.#grid;
    const [minX, minY, minZ] = reader.bounds.min;
    const cell = this.#cell;
    const points = this.#points;
    const sdf = this.#sdf;
    for (let at = 0; at < leaves.length; at += CHUNK * 3) {
      const length = Math.min(CHUNK * 3, leaves.length - at);
      for (let i = 0, p = 0; i < length; i += 3)
        for (let k = 0; k < 8; k++, p += 3) {
          // fours in one layer, as the field's kernel likes them
          points[p] = minX + (leaves[at + i] + (k & 1)) * cell;
          points[p + 1] = minY + (leaves[at + i + 1] + ((k >> 1) & 1)) * cell;
          points[p + 2] = minZ + (z + (k >> 2)) * cell;
        }
      reader.evaluate(points.subarray(0, length * 8), sdf.subarray(0, (length / 3) * 8));
      for (let i = 0, p = 0; i < length; i += 3)
        for (let k = 0; k < 8; k++, p++) {
          const x = leaves[at + i] + (k & 1);
          const y = leaves[at + i + 1] + ((k >> 1) & 1);
          const layer = k >> 2;
          if (x < resolution && y < resolution) layers[layer][y * resolution + x] = this.#within(sdf[p], x, y, z + layer);
        }
    }
  }

  /** The value, or outside the support a positive one. */
  #within(value: number, x: number, y: number, z: number): number {
    const { support, resolution } = this.#grid;
    const cells = this.#cells;
    if (!support || !cells) return value;
    const n = support.edge;
    const supported = support.cells[cells[x] + n * (cells[y] + n * cells[Math.min(resolution - 1, z)])] === 1;
    return supported ? value : Math.max(value, this.#cell / 2);
  }
}
