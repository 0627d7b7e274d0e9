import type { Mesh } from '@gestalt3d/core';
import { triangleNeighbours } from './topology.ts';

export interface Charts {
  count: number;
  /** [T] */
  chartOfTriangle: Uint32Array;
  /** Corner positions in their chart's plane, world units [3 T, 2]. */
  projected: Float32Array;
}

/** Edge in cells of the bitmap that a chart is checked for overlap with. */
const OVERLAP_GRID = 256;

/**
 * Connected regions of triangles whose normals lean less than `maxAngleDeg` from the region's mean, found like the proxies of variational
 * shape approximation (Cohen-Steiner 2004): all regions grow at once, cheapest triangle first, then restart from their best triangles.
 * A region whose projection overlaps itself is cut until none does.
 */
export function growCharts(mesh: Pick<Mesh, 'positions' | 'indices'>, maxAngleDeg: number): Charts {
  const { normals, areas, centres } = faceGeometry(mesh);
  const neighbours = triangleNeighbours(mesh.indices);
  const count = areas.length;
  const limit = Math.cos((maxAngleDeg * Math.PI) / 180);
  let size = 0;
  for (let i = 0; i < 3; i++) {
    let low = Infinity;
    let high = -Infinity;
    for (let t = 0; t < count; t++) {
      low = Math.min(low, centres[t * 3 + i]);
      high = Math.max(high, centres[t * 3 + i]);
    }
    size = Math.max(size, high - low);
  }
  const chart = new Int32Array(count).fill(-1);
  let proxies: { seed: number; normal: [number, number, number] }[] = [];
  const dot = (t: number, n: readonly number[]) => normals[t * 3] * n[0] + normals[t * 3 + 1] * n[1] + normals[t * 3 + 2] * n[2];
  const normalOf = (t: number): [number, number, number] => [normals[t * 3], normals[t * 3 + 1], normals[t * 3 + 2]];

  const bySize = Uint32Array.from(areas.keys()).sort((a, b) => areas[b] - areas[a] || a - b);
  const grow = () => {
    chart.fill(-1);
    const heap = new Heap();
    const assign = (t: number, c: number) => {
      chart[t] = c;
      for (let k = 0; k < 3; k++) {
        const other = neighbours[t * 3 + k];
        if (other < 0 || chart[other] >= 0) continue;
        const lean = dot(other, proxies[c].normal);
        if (lean < limit) continue;
        const seed = proxies[c].seed * 3;
        const far = Math.hypot(
          centres[other * 3] - centres[seed],
          centres[other * 3 + 1] - centres[seed + 1],
          centres[other * 3 + 2] - centres[seed + 2],
        );
        // a little distance keeps regions compact where normals do not decide
        heap.push(1 - lean + (0.15 * far) / size, other, c);
      }
    };
    proxies.forEach((proxy, c) => {
      if (chart[proxy.seed] < 0) assign(proxy.seed, c);
    });
    for (let next = 0; ; ) {
      for (let item = heap.pop(); item; item = heap.pop()) if (chart[item.triangle] < 0) assign(item.triangle, item.chart);
      // what no region reaches starts one: the largest such triangle
      while (next < count && chart[bySize[next]] >= 0) next++;
      if (next === count) return;
      const seed = bySize[next];
      proxies.push({ seed, normal: normalOf(seed) });
      assign(seed, proxies.length - 1);
    }
  };

  // start: the six directions' best aligned triangles
  for (const axis of [
    [1, 0, 0],
    [-1, 0, 0],
    [0, 1, 0],
    [0, -1, 0],
    [0, 0, 1],
    [0, 0, -1],
  ]) {
    let seed = 0;
    for (let t = 1; t < count; t++)
      if (dot(t, axis) + (0.1 / size) * centreAlong(t, axis) > dot(seed, axis) + (0.1 / size) * centreAlong(seed, axis)) seed = t;
    proxies.push({ seed, normal: normalOf(seed) });
  }
  function centreAlong(t: number, axis: readonly number[]): number {
    return centres[t * 3] * axis[0] + centres[t * 3 + 1] * axis[1] + centres[t * 3 + 2] * axis[2];
  }

  for (let iteration = 0; iteration < 4; iteration++) {
    grow();
    if (iteration === 3) break;
    // mean normal and area of each region; regions that stayed tiny are given up
    const sums = new Float64Array(proxies.length * 4);
    for (let t = 0; t < count; t++) {
      const c = chart[t] * 4;
      for (let k = 0; k < 3; k++) sums[c + k] += normals[t * 3 + k] * areas[t];
      sums[c + 3] += areas[t];
    }
    const best = new Float64Array(proxies.length).fill(Infinity);
    const seeds = new Int32Array(proxies.length).fill(-1);
    const means = proxies.map((proxy, c): [number, number, number] => {
      const length = Math.hypot(sums[c * 4], sums[c * 4 + 1], sums[c * 4 + 2]);
      return length > 0 ? [sums[c * 4] / length, sums[c * 4 + 1] / length, sums[c * 4 + 2] / length] : proxy.normal;
    });
    for (let t = 0; t < count; t++) {
      const c = chart[t];
      const cost = 1 - dot(t, means[c]);
      if (cost < best[c]) {
        best[c] = cost;
        seeds[c] = t;
      }
    }
    let total = 0;
    for (const area of areas) total += area;
    proxies = proxies
      .map((_, c) => ({ seed: seeds[c], normal: means[c], area: sums[c * 4 + 3] }))
      .filter(({ seed, area }) => seed >= 0 && (iteration === 2 || area > total * 0.002));
  }
  mergeSmall(chart, proxies.length, neighbours, normals, areas, limit);
  return project(mesh, chart, normals, areas, neighbours);
}

/** A merged region's triangles lean on average less than this: faces of a box stay apart, caps of a sphere may join. */
const MIN_MEAN_COS = 0.75;
/** Regions below this share of the surface may lean further: they cost more in padding than in stretch. */
const TINY_SHARE = 5e-4;

/** Joins each region to the neighbour it shares most edges with, as long as their common mean keeps every triangle inside the limit. Smallest first. */
function mergeSmall(
  chart: Int32Array,
  count: number,
  neighbours: Int32Array,
  normals: Float32Array,
  areas: Float32Array,
  limit: number,
): void {
  const members: number[][] = Array.from({ length: count }, () => []);
  const size = new Float64Array(count);
  let total = 0;
  chart.forEach((c, t) => {
    members[c].push(t);
    size[c] += areas[t];
    total += areas[t];
  });
  const order = members.map((_, c) => c).sort((a, b) => size[a] - size[b] || a - b);
  for (const c of order) {
    if (members[c].length === 0) continue;
    const shared = new Map<number, number>();
    for (const t of members[c])
      for (let k = 0; k < 3; k++) {
        const other = neighbours[t * 3 + k];
        if (other >= 0 && chart[other] !== c) shared.set(chart[other], (shared.get(chart[other]) ?? 0) + 1);
      }
    const candidates = [...shared].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const tiny = size[c] < total * TINY_SHARE;
    const tolerance = tiny ? Math.min(limit, Math.cos((75 * Math.PI) / 180)) : limit;
    for (const [other] of candidates) {
      const mean = meanNormal([...members[other], ...members[c]], normals, areas);
      let lean = 0;
      let least = 1;
      for (const list of [members[c], members[other]])
        for (const t of list) {
          const cos = normals[t * 3] * mean[0] + normals[t * 3 + 1] * mean[1] + normals[t * 3 + 2] * mean[2];
          lean += cos * areas[t];
          if (cos < least) least = cos;
        }
      if (least < tolerance || (!tiny && lean < MIN_MEAN_COS * (size[c] + size[other]))) continue;
      for (const t of members[c]) {
        chart[t] = other;
        members[other].push(t);
      }
      size[other] += size[c];
      members[c] = [];
      break;
    }
  }
}

function meanNormal(triangles: readonly number[], normals: Float32Array, areas: Float32Array): [number, number, number] {
  const sum: [number, number, number] = [0, 0, 0];
  for (const t of triangles) for (let k = 0; k < 3; k++) sum[k] += normals[t * 3 + k] * areas[t];
  const length = Math.hypot(...sum);
  return length > 0
    ? [sum[0] / length, sum[1] / length, sum[2] / length]
    : [normals[triangles[0] * 3], normals[triangles[0] * 3 + 1], normals[triangles[0] * 3 + 2]];
}

/** Projects every region on its plane; cuts regions that are not connected, turn away from the plane or cover a cell twice. */
function project(
  { positions, indices }: Pick<Mesh, 'positions' | 'indices'>,
  chart: Int32Array,
  normals: Float32Array,
  areas: Float32Array,
  neighbours: Int32Array,
): Charts {
  const projected = new Float32Array(indices.length * 2);
  const chartOfTriangle = new Uint32Array(chart.length);
  const label = new Int32Array(chart.length).fill(-1);
  const queue: number[][] = [];
  const byChart = new Map<number, number[]>();
  chart.forEach((c, t) => {
    const list = byChart.get(c);
    if (list) list.push(t);
    else byChart.set(c, [t]);
  });
  for (const list of byChart.values()) queue.push(list);
  let count = 0;
  for (let at = 0; at < queue.length; at++) {
    // 1. connected pieces, in breadth-first order so that what is cut off is far from the start
    for (const piece of pieces(queue[at], neighbours, label)) {
      const [nx, ny, nz] = meanNormal(piece, normals, areas);
      // 2. axes of the plane, right-handed with the normal: seen from outside, triangles stay counter-clockwise
      const helper = Math.abs(ny) < 0.9 ? [0, 1, 0] : [0, 0, -Math.sign(ny)];
      let ux = helper[1] * nz - helper[2] * ny;
      let uy = helper[2] * nx - helper[0] * nz;
      let uz = helper[0] * ny - helper[1] * nx;
      const length = Math.hypot(ux, uy, uz);
      ux /= length;
      uy /= length;
      uz /= length;
      const vx = ny * uz - nz * uy;
      const vy = nz * ux - nx * uz;
      const vz = nx * uy - ny * ux;
      for (const t of piece)
        for (let k = 0; k < 3; k++) {
          const p = indices[t * 3 + k] * 3;
          projected[(t * 3 + k) * 2] = positions[p] * ux + positions[p + 1] * uy + positions[p + 2] * uz;
          projected[(t * 3 + k) * 2 + 1] = positions[p] * vx + positions[p + 1] * vy + positions[p + 2] * vz;
        }
      // 3. cut
      const rejected = overlapping(piece, projected);
      if (rejected.length > 0 && rejected.length < piece.length) {
        const away = new Set(rejected);
        queue.push(rejected);
        // what stays may have come apart
        queue.push(piece.filter((t) => !away.has(t)));
        continue;
      }
      for (const t of piece) chartOfTriangle[t] = count;
      count++;
    }
  }
  return { count, chartOfTriangle, projected };
}

function pieces(triangles: readonly number[], neighbours: Int32Array, label: Int32Array): number[][] {
  for (const t of triangles) label[t] = 1;
  const result: number[][] = [];
  for (const start of triangles) {
    if (label[start] !== 1) continue;
    label[start] = 2;
    const piece = [start];
    for (let at = 0; at < piece.length; at++)
      for (let k = 0; k < 3; k++) {
        const other = neighbours[piece[at] * 3 + k];
        if (other >= 0 && label[other] === 1) {
          label[other] = 2;
          piece.push(other);
        }
      }
    result.push(piece);
  }
  for (const t of triangles) label[t] = -1;
  return result;
}

/** Triangles of a projected chart that turn away from the plane, or lie over an earlier triangle by more than an edge's width. */
function overlapping(piece: readonly number[], projected: Float32Array): number[] {
  let x0 = Infinity;
  let y0 = Infinity;
  let x1 = -Infinity;
  let y1 = -Infinity;
  for (const t of piece)
    for (let k = 0; k < 3; k++) {
      x0 = Math.min(x0, projected[(t * 3 + k) * 2]);
      x1 = Math.max(x1, projected[(t * 3 + k) * 2]);
      y0 = Math.min(y0, projected[(t * 3 + k) * 2 + 1]);
      y1 = Math.max(y1, projected[(t * 3 + k) * 2 + 1]);
    }
  const scale = OVERLAP_GRID / Math.max(x1 - x0, y1 - y0, 1e-12);
  const owner = new Int32Array(OVERLAP_GRID * OVERLAP_GRID).fill(-1);
  const rejected: number[] = [];
  for (const t of piece) {
    const ax = (projected[t * 6] - x0) * scale;
    const ay = (projected[t * 6 + 1] - y0) * scale;
    const bx = (projected[t * 6 + 2] - x0) * scale;
    const by = (projected[t * 6 + 3] - y0) * scale;
    const cx = (projected[t * 6 + 4] - x0) * scale;
    const cy = (projected[t * 6 + 5] - y0) * scale;
    const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
    if (area < 0) {
      rejected.push(t);
      continue;
    }
    if (area === 0) continue;
    // cells whose centre is inside by a margin, so that neighbours along an edge never claim the same cell
    const margin = 1e-4 * area;
    const rows = [Math.max(0, Math.floor(Math.min(ay, by, cy))), Math.min(OVERLAP_GRID - 1, Math.floor(Math.max(ay, by, cy)))];
    const columns = [Math.max(0, Math.floor(Math.min(ax, bx, cx))), Math.min(OVERLAP_GRID - 1, Math.floor(Math.max(ax, bx, cx)))];
    let clash = false;
    const mine: number[] = [];
    for (let y = rows[0]; y <= rows[1] && !clash; y++)
      for (let x = columns[0]; x <= columns[1]; x++) {
        const px = x + 0.5;
        const py = y + 0.5;
        const wa = (bx - px) * (cy - py) - (by - py) * (cx - px);
        const wb = (cx - px) * (ay - py) - (cy - py) * (ax - px);
        if (wa < margin || wb < margin || area - wa - wb < margin) continue;
        const cell = y * OVERLAP_GRID + x;
        if (owner[cell] >= 0) {
          clash = true;
          break;
        }
        mine.push(cell);
      }
    if (clash) rejected.push(t);
    else for (const cell of mine) owner[cell] = t;
  }
  return rejected;
}

function faceGeometry({ positions: p, indices }: Pick<Mesh, 'positions' | 'indices'>): {
  normals: Float32Array;
  areas: Float32Array;
  centres: Float32Array;
} {
  const count = indices.length / 3;
  const normals = new Float32Array(count * 3);
  const centres = new Float32Array(count * 3);
  const areas = new Float32Array(count);
  for (let t = 0; t < count; t++) {
    const a = indices[t * 3] * 3;
    const b = indices[t * 3 + 1] * 3;
    const c = indices[t * 3 + 2] * 3;
    const ux = p[b] - p[a];
    const uy = p[b + 1] - p[a + 1];
    const uz = p[b + 2] - p[a + 2];
    const vx = p[c] - p[a];
    const vy = p[c + 1] - p[a + 1];
    const vz = p[c + 2] - p[a + 2];
    const nx = uy * vz - uz * vy;
    const ny = uz * vx - ux * vz;
    const nz = ux * vy - uy * vx;
    const length = Math.hypot(nx, ny, nz);
    areas[t] = length / 2;
    normals[t * 3] = length > 0 ? nx / length : 0;
    normals[t * 3 + 1] = length > 0 ? ny / length : 1;
    normals[t * 3 + 2] = length > 0 ? nz / length : 0;
    for (let k = 0; k < 3; k++) centres[t * 3 + k] = (p[a + k] + p[b + k] + p[c + k]) / 3;
  }
  return { normals, areas, centres };
}

/** Binary min-heap; ties go to the earlier entry, so the result does not depend on anything but the input. */
class Heap {
  #cost: number[] = [];
  #item: { triangle: number; chart: number; order: number }[] = [];
  #order = 0;

  push(cost: number, triangle: number, chart: number): void {
    let at = this.#cost.length;
    const item = { triangle, chart, order: this.#order++ };
    this.#cost.push(cost);
    this.#item.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (this.#cost[up] <= cost) break;
      this.#cost[at] = this.#cost[up];
      this.#item[at] = this.#item[up];
      at = up;
    }
    this.#cost[at] = cost;
    this.#item[at] = item;
  }

  pop(): { triangle: number; chart: number } | undefined {
    const top = this.#item[0];
    const lastCost = this.#cost.pop();
    const last = this.#item.pop();
    if (top === undefined || last === undefined || lastCost === undefined || this.#cost.length === 0) return top;
    let at = 0;
    const length = this.#cost.length;
    const before = (i: number, cost: number, order: number) =>
      this.#cost[i] < cost || (this.#cost[i] === cost && this.#item[i].order < order);
    for (;;) {
      let child = at * 2 + 1;
      if (child >= length) break;
      if (child + 1 < length && before(child + 1, this.#cost[child], this.#item[child].order)) child++;
      if (!before(child, lastCost, last.order)) break;
      this.#cost[at] = this.#cost[child];
      this.#item[at] = this.#item[child];
      at = child;
    }
    this.#cost[at] = lastCost;
    this.#item[at] = last;
    return top;
  }
}
