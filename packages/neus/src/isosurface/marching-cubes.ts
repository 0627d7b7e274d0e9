import { marchingCubesCases } from './cases.ts';

/** Samples on a regular grid, x fastest. */
export interface ScalarGrid {
  /** Samples along x, y, z; at least 1 each. */
  size: [number, number, number];
  /** [nz, ny, nx] */
  data: Float32Array;
}

/** Samples that are made layer by layer, so that the whole grid need not be held. */
export interface LayeredGrid {
  size: [number, number, number];
  /** Writes layer z, [ny, nx]; called once for each z, ascending. */
  layer(z: number, out: Float32Array): void;
}

/** Triangles in grid coordinates: sample (i, j, k) is at (i, j, k). */
export interface IsoSurface {
  /** [P, 3] */
  positions: Float32Array;
  /** [T, 3], counter-clockwise seen from the side of greater values. */
  indices: Uint32Array;
}

let table: { triangles: Uint8Array; start: Uint16Array } | undefined;

/** Corner pairs and triangles of the cases, flattened. */
function caseTable() {
  if (table) return table;
  const cases = marchingCubesCases();
  const start = new Uint16Array(257);
  cases.forEach((edges, bits) => {
    start[bits + 1] = start[bits] + edges.length;
  });
  table = { triangles: Uint8Array.from(cases.flat()), start };
  return table;
}

/** A growing typed array. */
class Floats {
  data = new Float32Array(1 << 16);
  length = 0;
  push3(x: number, y: number, z: number): void {
    if (this.length + 3 > this.data.length) {
      const grown = new Float32Array(this.data.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    this.data[this.length++] = x;
    this.data[this.length++] = y;
    this.data[this.length++] = z;
  }
}

class Indices {
  data = new Uint32Array(1 << 16);
  length = 0;
  reserve(count: number): void {
    if (this.length + count <= this.data.length) return;
    const grown = new Uint32Array(this.data.length * 2);
    grown.set(this.data);
    this.data = grown;
  }
}

/**
 * Triangles of the surface value = iso; inside is where value < iso. Vertices are shared, numbered in the order of the layers (no hash map: indices
 * of crossed edges are kept for two layers), and the result is a closed manifold: beyond the border everything is outside, and the cap lies
 * half a sample beyond the border. NaN counts as outside.
 */
export function marchingCubes(grid: ScalarGrid | LayeredGrid, iso = 0): IsoSurface {
  const [nx, ny, nz] = grid.size;
  const marcher = new LayerMarcher(nx, ny, iso);
  const area = nx * ny;
  const layer = new Float32Array('data' in grid ? 0 : area);
  for (let z = 0; z < nz; z++) {
    if ('data' in grid) marcher.push(grid.data.subarray(z * area, (z + 1) * area));
    else {
      grid.layer(z, layer);
      marcher.push(layer);
    }
  }
  return marcher.finish();
}

/** Marching cubes that is fed layer by layer, for callers who have to wait for their layers. */
export class LayerMarcher {
  readonly #nx: number;
  readonly #ny: number;
  readonly #iso: number;
  // the two layers at hand, padded by one sample of outside (NaN) on each side, with the vertices on their edges
  #low: Layer;
  #high: Layer;
  readonly #edgeZ: Uint32Array;
  readonly #positions = new Floats();
  readonly #indices = new Indices();
  #z = 0;

  constructor(nx: number, ny: number, iso: number) {
    this.#nx = nx;
    this.#ny = ny;
    this.#iso = iso;
    this.#low = newLayer(nx + 2, ny + 2);
    this.#high = newLayer(nx + 2, ny + 2);
    this.#edgeZ = new Uint32Array((nx + 2) * (ny + 2));
  }

  /** The next layer, [ny, nx]; read at once, not kept. */
  push(values: Float32Array): void {
    [this.#low, this.#high] = [this.#high, this.#low];
    this.#load(values);
    this.#layerEdges();
    this.#crossLayers();
    this.#z++;
  }

  finish(): IsoSurface {
    [this.#low, this.#high] = [this.#high, this.#low];
    this.#load(undefined);
    this.#crossLayers();
    const { data: positions, length } = this.#positions;
    return { positions: positions.slice(0, length), indices: this.#indices.data.slice(0, this.#indices.length) };
  }

  #load(source: Float32Array | undefined): void {
    const { value, inside, row } = this.#high;
    value.fill(Number.NaN);
    inside.fill(0);
    row.fill(0);
    if (!source) return;
    const nx = this.#nx;
    const iso = this.#iso;
    for (let y = 0; y < this.#ny; y++) {
      const to = (y + 1) * (nx + 2) + 1;
      const from = y * nx;
      let any = 0;
      for (let x = 0; x < nx; x++) {
        const sample = source[from + x];
        value[to + x] = sample;
        const bit = sample < iso ? 1 : 0;
        inside[to + x] = bit;
        any |= bit;
      }
      row[y + 1] = any;
    }
  }

  /** Where between two samples the surface is. The padding has no value of its own. */
  #crossing(a: number, b: number): number {
    if (Number.isNaN(a) || Number.isNaN(b)) return 0.5;
    // not quite at the ends: no triangle may shrink to a point
    return Math.min(0.999, Math.max(0.001, (this.#iso - a) / (b - a)));
  }

  /** Vertices on the upper layer's own edges. */
  #layerEdges(): void {
    const { value, inside, row, edgeX, edgeY } = this.#high;
    const positions = this.#positions;
    const w = this.#nx + 2;
    const h = this.#ny + 2;
    const z = this.#z;
    for (let y = 0; y + 1 < h; y++) {
      if (!row[y] && !row[y + 1]) continue;
      for (let x = 0, at = y * w; x + 1 < w; x++, at++) {
        const here = inside[at];
        if (here !== inside[at + 1]) {
          edgeX[at] = positions.length / 3;
          positions.push3(x - 1 + this.#crossing(value[at], value[at + 1]), y - 1, z);
        }
        if (here !== inside[at + w]) {
          edgeY[at] = positions.length / 3;
          positions.push3(x - 1, y - 1 + this.#crossing(value[at], value[at + w]), z);
        }
      }
    }
  }

  /** Vertices between the layers, and the triangles of the cells between them. */
  #crossLayers(): void {
    const { triangles, start } = caseTable();
    const low = this.#low;
    const high = this.#high;
    const lowInside = low.inside;
    const highInside = high.inside;
    const edgeZ = this.#edgeZ;
    const positions = this.#positions;
    const indices = this.#indices;
    const w = this.#nx + 2;
    const h = this.#ny + 2;
    const z = this.#z;
    for (let y = 0; y < h; y++) {
      if (!low.row[y] && !high.row[y]) continue;
      for (let x = 0, at = y * w; x < w; x++, at++) {
        if (lowInside[at] === highInside[at]) continue;
        edgeZ[at] = positions.length / 3;
        positions.push3(x - 1, y - 1, z - 1 + this.#crossing(low.value[at], high.value[at]));
      }
    }
    const vertexOfEdge = new Uint32Array(12);
    for (let y = 0; y + 1 < h; y++) {
      if (!(low.row[y] | low.row[y + 1] | high.row[y] | high.row[y + 1])) continue;
      let at = y * w;
      let column = lowInside[at] | (lowInside[at + w] << 2) | (highInside[at] << 4) | (highInside[at + w] << 6);
      for (let x = 0; x + 1 < w; x++, at++) {
        const next = lowInside[at + 1] | (lowInside[at + w + 1] << 2) | (highInside[at + 1] << 4) | (highInside[at + w + 1] << 6);
        const bits = column | (next << 1);
        column = next;
        if (bits === 0 || bits === 255) continue;
        vertexOfEdge[0] = low.edgeX[at];
        vertexOfEdge[1] = low.edgeX[at + w];
        vertexOfEdge[2] = high.edgeX[at];
        vertexOfEdge[3] = high.edgeX[at + w];
        vertexOfEdge[4] = low.edgeY[at];
        vertexOfEdge[5] = low.edgeY[at + 1];
        vertexOfEdge[6] = high.edgeY[at];
        vertexOfEdge[7] = high.edgeY[at + 1];
        vertexOfEdge[8] = edgeZ[at];
        vertexOfEdge[9] = edgeZ[at + 1];
        vertexOfEdge[10] = edgeZ[at + w];
        vertexOfEdge[11] = edgeZ[at + w + 1];
        const end = start[bits + 1];
        indices.reserve(end - start[bits]);
        for (let i = start[bits]; i < end; i++) indices.data[indices.length++] = vertexOfEdge[triangles[i]];
      }
    }
  }
}

interface Layer {
  value: Float32Array;
  inside: Uint8Array;
  /** 1 where a row has an inside sample: rows without one are skipped. */
  row: Uint8Array;
  /** Vertex on the edge from a sample along +x, +y. */
  edgeX: Uint32Array;
  edgeY: Uint32Array;
}

function newLayer(w: number, h: number): Layer {
  return {
    value: new Float32Array(w * h).fill(Number.NaN),
    inside: new Uint8Array(w * h),
    row: new Uint8Array(h),
    edgeX: new Uint32Array(w * h),
    edgeY: new Uint32Array(w * h),
  };
}
