import { breathe, type Mesh, meshBounds, NoSurfaceError, OptionError } from '@gestalt3d/core';
import { TETRAHEDRA } from './tetrahedra.ts';
import { TriangleTree } from './triangle-tree.ts';

export interface RebuildOptions {
  /** Cells along the longest side, 4..192. Detail smaller than a cell is lost. */
  resolution: number;
  signal?: AbortSignal;
}

export const REBUILD_DEFAULTS: Readonly<RebuildOptions> = { resolution: 80 };

/** Half the thickness, in cells, that sheets and thinner walls are given: what the grid holds without gaps in every direction. */
const SHEET_HALF = 0.75;
/** A vertex keeps this share of its grid edge away from both ends, so that no two vertices meet after rounding. */
const CLEARANCE = 0.02;
/** Corners of a cell's faces towards -x, +x, -y, +y, -z, +z. */
const FACES = [
  [0, 2, 4, 6],
  [1, 3, 5, 7],
  [0, 1, 4, 5],
  [2, 3, 6, 7],
  [0, 1, 2, 3],
  [4, 5, 6, 7],
] as const;

/**
 * The solid that any set of triangles means, built anew: inside is where the generalised winding number is past a half in either direction, so
 * holes are closed, overlaps united and orientations forgiven; sheets with nothing behind them, and walls thinner than a cell, become walls of
 * 1.5 cells. Marching tetrahedra (Doi and Koide 1991) over cells that are followed along the surface, so that work grows with the surface.
 * Sound by construction: each tetrahedron holds its own flat piece, and pieces meet in shared edges only. Edges are rounded to about a cell.
 * Positions must be finite; attributes are not carried over.
 * @throws NoSurfaceError when nothing is inside; the signal's reason
 */
export async function rebuildSolid(mesh: Mesh, options: Readonly<RebuildOptions> = REBUILD_DEFAULTS): Promise<Mesh> {
  const { resolution, signal = new AbortController().signal } = options;
  if (!(resolution >= 4 && resolution <= 192)) throw new OptionError('resolution', 'a number from 4 to 192', String(resolution));
  const grid = new Grid(mesh, Math.round(resolution));
  const { n, step } = grid;

  // 1. start in all cells that a triangle passes
  const queued = new Uint8Array(n * n * n);
  const queue: number[] = [];
  const enqueue = (cell: number) => {
    if (queued[cell]) return;
    queued[cell] = 1;
    queue.push(cell);
  };
  await grid.eachTouchedCell(enqueue, signal);

  // 2. follow the surface
  const positions: number[] = [];
  const indices: number[] = [];
  const vertexOfEdge = new Map<number, number>();
  const vertex = (a: number, b: number): number => {
    const [low, high] = a < b ? [a, b] : [b, a];
    const key = low * n * n * n + high;
    let at = vertexOfEdge.get(key);
    if (at === undefined) {
      at = positions.length / 3;
      const [from, to] = [grid.value(low), grid.value(high)];
      const share = Math.min(1 - CLEARANCE, Math.max(CLEARANCE, from / (from - to)));
      for (let k = 0; k < 3; k++) {
        const [p, q] = [grid.coordinate(low, k), grid.coordinate(high, k)];
        positions.push(p + share * (q - p));
      }
      vertexOfEdge.set(key, at);
    }
    return at;
  };
  const offsets = Array.from({ length: 8 }, (_, c) => (c & 1) + n * (((c >> 1) & 1) + n * (c >> 2)));
  const neighbour = [-1, 1, -n, n, -n * n, n * n];
  for (let i = 0; i < queue.length; i++) {
    if (i % 20_000 === 0) await breathe(signal);
    const cell = queue[i];
    const inside = offsets.map((offset) => grid.value(cell + offset) < 0);
    const count = inside.filter(Boolean).length;
    if (count === 0 || count === 8) continue;
    FACES.forEach((face, f) => {
      const first = inside[face[0]];
      if (face.some((c) => inside[c] !== first)) enqueue(cell + neighbour[f]);
    });
    for (const [a, b, c, d] of TETRAHEDRA) marchTetrahedron([a, b, c, d], inside, offsets, cell, vertex, indices);
  }
  if (indices.length === 0) throw new NoSurfaceError(`nothing of it is as thick as a ${step.toPrecision(2)} wide cell`);
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
}

function marchTetrahedron(
  corners: readonly number[],
  inside: readonly boolean[],
  offsets: readonly number[],
  cell: number,
  vertex: (a: number, b: number) => number,
  indices: number[],
): void {
  const within = corners.filter((c) => inside[c]);
  if (within.length === 0 || within.length === 4) return;
  const without = corners.filter((c) => !inside[c]);
  const even = isEven(corners, [...within, ...without]);
  const cut = (i: number, o: number) => vertex(cell + offsets[i], cell + offsets[o]);
  const emit = (x: number, y: number, z: number) => (even ? indices.push(x, y, z) : indices.push(x, z, y));
  const [a, b, c] = within;
  const [d, e, f] = without;
  if (within.length === 1) emit(cut(a, d), cut(a, e), cut(a, f));
  else if (within.length === 3) emit(cut(a, d), cut(b, d), cut(c, d));
  else {
    emit(cut(a, d), cut(a, e), cut(b, e));
    emit(cut(a, d), cut(b, e), cut(b, d));
  }
}

function isEven(items: readonly number[], order: readonly number[]): boolean {
  let even = true;
  for (let i = 0; i < 4; i++) for (let j = i + 1; j < 4; j++) if (items.indexOf(order[i]) > items.indexOf(order[j])) even = !even;
  return even;
}

/** Signed distance to what a mesh means, at the points of a grid that are asked for. */
class Grid {
  /** Points along each axis. */
  readonly n: number;
  readonly step: number;
  readonly #origin: [number, number, number];
  readonly #values: Float32Array;
  readonly #mesh: Mesh;
  readonly #tree: TriangleTree;
  readonly #sheets: TriangleTree | undefined;

  constructor(mesh: Mesh, resolution: number) {
    const { min, max } = meshBounds(mesh.positions);
    const longest = Math.max(max[0] - min[0], max[1] - min[1], max[2] - min[2]);
    if (!(longest > 0)) throw new NoSurfaceError(`its longest side is ${longest}`);
    this.step = longest / resolution;
    // two cells of air around the walls that sheets get
    this.n = resolution + 7;
    this.#origin = [0, 1, 2].map((k) => (min[k] + max[k] - (this.n - 1) * this.step) / 2) as [number, number, number];
    this.#values = new Float32Array(this.n ** 3).fill(Number.NaN);
    this.#mesh = mesh;
    this.#tree = new TriangleTree(mesh);
    const sheets = this.#findSheets();
    this.#sheets = sheets.length > 0 ? new TriangleTree({ positions: mesh.positions, indices: sheets }) : undefined;
  }

  coordinate(point: number, axis: number): number {
    const { n } = this;
    const i = axis === 0 ? point % n : axis === 1 ? Math.floor(point / n) % n : Math.floor(point / (n * n));
    return this.#origin[axis] + i * this.step;
  }

  /** Negative inside. */
  value(point: number): number {
    const known = this.#values[point];
    if (!Number.isNaN(known)) return known;
    const x = this.coordinate(point, 0);
    const y = this.coordinate(point, 1);
    const z = this.coordinate(point, 2);
    const beyond = Math.abs(this.#tree.winding(x, y, z)) - 0.5;
    const distance = this.#tree.nearest(x, y, z, 2 * this.step)?.distance ?? 2 * this.step;
    // where a hole is bridged no triangle is near, and the winding number tells how far the bridge is
    let value = -Math.sign(beyond) * Math.min(distance, 4 * this.step * Math.abs(beyond));
    if (this.#sheets) {
      const sheet = this.#sheets.nearest(x, y, z, 2 * this.step);
      if (sheet) value = Math.min(value, sheet.distance - SHEET_HALF * this.step);
    }
    // on the surface counts as outside
    return (this.#values[point] = value < 0 ? value : Math.max(value, 1e-3 * this.step));
  }

  /** Cells (named by their lowest point) that a triangle passes, found by halving cubes. */
  async eachTouchedCell(visit: (cell: number) => void, signal: AbortSignal): Promise<void> {
    const { n, step } = this;
    let size = 1;
    while (size < n - 1) size *= 2;
    const stack: [number, number, number, number][] = [[0, 0, 0, size]];
    for (let visited = 0; stack.length > 0; visited++) {
      if (visited % 20_000 === 0) await breathe(signal);
      const [i, j, k, side] = stack.pop()!;
      if (i >= n - 1 || j >= n - 1 || k >= n - 1) continue;
      const half = (side * step) / 2;
      const [x, y, z] = [i, j, k].map((index, axis) => this.#origin[axis] + index * step + half);
      if (!this.#tree.nearest(x, y, z, half * 1.7321)) continue;
      if (side === 1) {
        visit(i + n * (j + n * k));
        continue;
      }
      const h = side / 2;
      for (let c = 0; c < 8; c++) stack.push([i + (c & 1) * h, j + ((c >> 1) & 1) * h, k + (c >> 2) * h, h]);
    }
  }

  /** Triangles with no material within a cell's reach behind or before them: sheets and walls too thin for the grid. */
  #findSheets(): Uint32Array {
    const { positions: p, indices } = this.#mesh;
    const sheets: number[] = [];
    const reach = SHEET_HALF * this.step;
    for (let t = 0; t < indices.length; t += 3) {
      const [a, b, c] = [indices[t] * 3, indices[t + 1] * 3, indices[t + 2] * 3];
      const u = [0, 1, 2].map((k) => p[b + k] - p[a + k]);
      const v = [0, 1, 2].map((k) => p[c + k] - p[a + k]);
      const normal = [0, 1, 2].map((k) => u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3]);
      const length = Math.hypot(normal[0], normal[1], normal[2]);
      if (length === 0) continue;
      const middle = [0, 1, 2].map((k) => (p[a + k] + p[b + k] + p[c + k]) / 3);
      const isInside = (side: number) => {
        const [x, y, z] = middle.map((value, k) => value + (side * reach * normal[k]) / length);
        return Math.abs(this.#tree.winding(x, y, z)) > 0.5;
      };
      if (!isInside(-1) && !isInside(1)) sheets.push(indices[t], indices[t + 1], indices[t + 2]);
    }
    return Uint32Array.from(sheets);
  }
}
