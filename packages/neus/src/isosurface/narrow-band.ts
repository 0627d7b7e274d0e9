import type { FieldReader } from '../field.ts';
import { type Support, supportAround, supportCells } from './support.ts';

/** Edges of the nested blocks in samples; the last one's samples are evaluated. */
const BLOCKS = [32, 16, 8, 4, 2] as const;
/** Edge of a leaf. */
export const LEAF = 2;
/**
 * Greatest slope that the search allows for. A block is left out where its centre's distance says that no sample of it, and no neighbour of one, has
 * the other sign: |f| > MAX_SLOPE (half the block's diagonal between samples + one sample).
 */
const MAX_SLOPE = 2;

/** A grid of samples over a field's cube: sample i along an axis lies at min + i cell. */
export interface FieldGrid {
  reader: FieldReader;
  /** Samples along an edge of the cube, at least 2. */
  resolution: number;
  support?: Support | undefined;
}

/** Where layers [from, to) of the samples need a closer look. All coordinates in samples. */
export interface NarrowBand {
  /** Leaves by their lowest sample x, y, z; z ascending. [N, 3] */
  leaves: Uint16Array;
  /** Blocks inside of the solid: lowest sample x, y, z and edge. [M, 4] */
  inside: Uint16Array;
}

/** Points of one call of the reader. */
const CHUNK = 1 << 14;

/**
 * Searches layers [from, to) coarse to fine: the field at a block's centre, and its eight parts only where the surface may be near. Everything that is
 * neither a leaf nor inside is outside. `from` is a multiple of LEAF.
 */
export function findNarrowBand(grid: FieldGrid, from: number, to: number): NarrowBand {
  const { reader, resolution, support } = grid;
  const [minX, minY, minZ] = reader.bounds.min;
  const cell = (reader.bounds.max[0] - minX) / (resolution - 1);
  const cells = support && supportCells(support, resolution);
  const points = new Float32Array(CHUNK * 3);
  const sdf = new Float32Array(CHUNK);
  const inside = new Tuples(4);
  let near = wholeBlocks(resolution, from, to);
  for (const edge of BLOCKS) {
    let blocks = edge === BLOCKS[0] ? near : parts(near, edge, resolution, from, to);
    if (support && cells) blocks = supported(blocks, edge, support, cells);
    near = new Tuples(3);
    const reach = MAX_SLOPE * cell * ((Math.sqrt(3) / 2) * (edge - 1) + 1);
    const middle = (edge - 1) / 2;
    for (let first = 0; first < blocks.length; first += CHUNK * 3) {
      const end = Math.min(CHUNK * 3, blocks.length - first);
      const chunk = blocks.data.subarray(first, first + end);
      for (let i = 0; i < end; i += 3) {
        points[i] = minX + (chunk[i] + middle) * cell;
        points[i + 1] = minY + (chunk[i + 1] + middle) * cell;
        points[i + 2] = minZ + (chunk[i + 2] + middle) * cell;
      }
      reader.evaluate(points.subarray(0, end), sdf.subarray(0, end / 3));
      for (let i = 0, k = 0; i < end; i += 3, k++) {
        const f = sdf[k];
        // NaN counts as near: the march itself decides
        if (f > reach) continue;
        const x = chunk[i];
        const y = chunk[i + 1];
        const z = chunk[i + 2];
        const solid = f < -reach && (!support || !cells || supportAround(support, cells, x, y, z, edge) === 'all');
        if (solid) inside.push(x, y, z, edge);
        else near.push(x, y, z);
      }
    }
  }
  return { leaves: byLayer(near), inside: inside.data.subarray(0, inside.length) };
}

/** A growing flat list of small numbers: a mesh of 512 samples looks at half a million blocks. */
class Tuples {
  data: Uint16Array;
  length = 0;

  constructor(width: number) {
    this.data = new Uint16Array(width * 1024);
  }

  push(x: number, y: number, z: number, extra?: number): void {
    if (this.length + 4 > this.data.length) {
      const grown = new Uint16Array(this.data.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    this.data[this.length] = x;
    this.data[this.length + 1] = y;
    this.data[this.length + 2] = z;
    this.length += 3;
    if (extra !== undefined) this.data[this.length++] = extra;
  }
}

/** The coarsest blocks that meet layers [from, to). */
function wholeBlocks(resolution: number, from: number, to: number): Tuples {
  const edge = BLOCKS[0];
  const out = new Tuples(3);
  for (let z = Math.floor(from / edge) * edge; z < Math.min(to, resolution); z += edge)
    for (let y = 0; y < resolution; y += edge) for (let x = 0; x < resolution; x += edge) out.push(x, y, z);
  return out;
}

/** The eight parts, of the given edge, of each block, without those beyond the grid or the layers. */
function parts({ data, length }: Tuples, edge: number, resolution: number, from: number, to: number): Tuples {
  const out = new Tuples(3);
  const top = Math.min(to, resolution);
  for (let i = 0; i < length; i += 3)
    for (let z = data[i + 2]; z <= data[i + 2] + edge; z += edge) {
      if (z >= top || z + edge <= from) continue;
      for (let y = data[i + 1]; y <= data[i + 1] + edge && y < resolution; y += edge)
        for (let x = data[i]; x <= data[i] + edge && x < resolution; x += edge) out.push(x, y, z);
    }
  return out;
}

/** The blocks of which a sample, or a neighbour of one, is in the support. */
function supported({ data, length }: Tuples, edge: number, support: Support, cells: Uint16Array): Tuples {
  const out = new Tuples(3);
  for (let i = 0; i < length; i += 3)
    if (supportAround(support, cells, data[i], data[i + 1], data[i + 2], edge) !== 'none') out.push(data[i], data[i + 1], data[i + 2]);
  return out;
}

/** Triples in ascending order of their z, which is a multiple of LEAF. */
function byLayer({ data, length }: Tuples): Uint16Array {
  let layers = 0;
  for (let i = 2; i < length; i += 3) layers = Math.max(layers, data[i] / LEAF + 1);
  const start = new Uint32Array(layers + 1);
  for (let i = 2; i < length; i += 3) start[data[i] / LEAF + 1] += 3;
  for (let k = 1; k < start.length; k++) start[k] += start[k - 1];
  const out = new Uint16Array(length);
  for (let i = 0; i < length; i += 3) {
    const layer = data[i + 2] / LEAF;
    const at = start[layer];
    start[layer] = at + 3;
    out[at] = data[i];
    out[at + 1] = data[i + 1];
    out[at + 2] = data[i + 2];
  }
  return out;
}
