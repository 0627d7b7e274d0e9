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
  const { triangles, start } = caseTable();
  const [nx, ny, nz] = grid.size;
  // padded by one sample of outside on each side
  const w = nx + 2;
  const h = ny + 2;
  const area = w * h;
  let low = new Float32Array(area);
  let high = new Float32Array(area);
  let lowInside = new Uint8Array(area);
  let highInside = new Uint8Array(area);
  // 1 where a row of a layer has an inside sample
  let lowRow = new Uint8Array(h);
  let highRow = new Uint8Array(h);
  const raw = new Float32Array(nx * ny);
  // vertex on the edge that starts at a sample, along x, y (per layer) and z (between the layers)
  let lowX = new Uint32Array(area);
  let highX = new Uint32Array(area);
  let lowY = new Uint32Array(area);
  let highY = new Uint32Array(area);
  const edgeZ = new Uint32Array(area);
  const positions = new Floats();
  const indices = new Indices();
  const vertex = (a: number, b: number): number => {
    // the padding has no value of its own
    if (Number.isNaN(a) || Number.isNaN(b)) return 0.5;
    return Math.min(0.999, Math.max(0.001, (iso - a) / (b - a)));
  };
  const load = (z: number): void => {
    high.fill(Number.NaN);
    highInside.fill(0);
    highRow.fill(0);
    if (z < 0 || z >= nz) return;
    const source = 'data' in grid ? grid.data.subarray(z * nx * ny, (z + 1) * nx * ny) : raw;
    if (!('data' in grid)) grid.layer(z, raw);
    for (let y = 0; y < ny; y++) {
      const to = (y + 1) * w + 1;
      const from = y * nx;
      let any = 0;
      for (let x = 0; x < nx; x++) {
        const value = source[from + x];
        high[to + x] = value;
        const bit = value < iso ? 1 : 0;
        highInside[to + x] = bit;
        any |= bit;
      }
      highRow[y + 1] = any;
    }
  };
  const edgesOfLayer = (z: number): void => {
    for (let y = 0; y < h; y++) {
      const here = highRow[y] === 1;
      const beside = y + 1 < h && highRow[y + 1] === 1;
      if (!here && !beside) continue;
      for (let x = 0, at = y * w; x < w; x++, at++) {
        if (here && x + 1 < w && highInside[at] !== highInside[at + 1]) {
          highX[at] = positions.length / 3;
          positions.push3(x - 1 + vertex(high[at], high[at + 1]), y - 1, z);
        }
        if (y + 1 < h && highInside[at] !== highInside[at + w]) {
          highY[at] = positions.length / 3;
          positions.push3(x - 1, y - 1 + vertex(high[at], high[at + w]), z);
        }
      }
    }
  };
  const vertexOfEdge = new Uint32Array(12);
  for (let z = -1; z <= nz; z++) {
    [low, high] = [high, low];
    [lowInside, highInside] = [highInside, lowInside];
    [lowRow, highRow] = [highRow, lowRow];
    [lowX, highX] = [highX, lowX];
    [lowY, highY] = [highY, lowY];
    load(z);
    edgesOfLayer(z);
    if (z < 0) continue;
    for (let y = 0; y < h; y++) {
      if (!lowRow[y] && !highRow[y]) continue;
      for (let x = 0, at = y * w; x < w; x++, at++) {
        if (lowInside[at] === highInside[at]) continue;
        edgeZ[at] = positions.length / 3;
        positions.push3(x - 1, y - 1, z - 1 + vertex(low[at], high[at]));
      }
    }
    for (let y = 0; y + 1 < h; y++) {
      if (!(lowRow[y] | lowRow[y + 1] | highRow[y] | highRow[y + 1])) continue;
      let at = y * w;
      let column = lowInside[at] | (lowInside[at + w] << 2) | (highInside[at] << 4) | (highInside[at + w] << 6);
      for (let x = 0; x + 1 < w; x++, at++) {
        const next = lowInside[at + 1] | (lowInside[at + w + 1] << 2) | (highInside[at + 1] << 4) | (highInside[at + w + 1] << 6);
        const bits = column | (next << 1);
        column = next;
        if (bits === 0 || bits === 255) continue;
        vertexOfEdge[0] = lowX[at];
        vertexOfEdge[1] = lowX[at + w];
        vertexOfEdge[2] = highX[at];
        vertexOfEdge[3] = highX[at + w];
        vertexOfEdge[4] = lowY[at];
        vertexOfEdge[5] = lowY[at + 1];
        vertexOfEdge[6] = highY[at];
        vertexOfEdge[7] = highY[at + 1];
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
  return { positions: positions.data.slice(0, positions.length), indices: indices.data.slice(0, indices.length) };
}
