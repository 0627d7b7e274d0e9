import type { Raster } from './rasterise.ts';
import type { TexelLinks } from './texel-graph.ts';

/** Texels that are this well known keep their values to the last bit and stand at the border of what is solved. */
const KNOWN = 0.999;
/** Known less well than this counts as not at all. */
const UNKNOWN = 0.02;
const SWEEPS = 30;
/** Small enough to be swept until nothing moves. */
const COARSEST = 256;
const COARSEST_SWEEPS = 400;

/**
 * Values of texels, spread over the surface from where they are known to where they are not, over the cuts of the atlas as within charts: x with
 *   min  sum_links |x_i - x_j|^2 + sum w_i / (1 - w_i) |x_i - d_i|^2 + decay sum |x_i|^2,
 * one unknown a texel, which for decay 0 is the membrane of Pérez et al. 2003 (Poisson image editing, section 2) on the surface. From coarse to fine,
 * each level by Gauss-Seidel from the one above, blocks of 2 x 2 texels of one chart being one texel of the next level.
 * @param raster an atlas, without texels beside charts
 * @param links of its texels, see linkTexels
 * @param weight how well each texel is known, 0..1 [H, W]
 * @param value changed: d where the weight is not 0; after it w d + (1 - w) x on all of the atlas [H, W, 3]. Where the weight is 1, d as it was
 * @param decay pull towards 0, per texel: what is spread falls to 1 / e over 1 / sqrt(decay) texels; 0 keeps it
 */
export function diffuseTexels(
  raster: Raster,
  { chart, seams }: TexelLinks,
  weight: Float32Array,
  value: Float32Array,
  decay: number,
): void {
  const { width, height, triangle } = raster;
  const nodeOf = new Int32Array(width * height).fill(-1);
  let count = 0;
  for (let at = 0; at < nodeOf.length; at++) if (triangle[at] >= 0 && weight[at] < KNOWN) nodeOf[at] = count++;
  if (count === 0) return;

  // 1. links between unknown texels, and what known ones hold their neighbours by
  const system = emptySystem(count, width, height, decay);
  const degree = new Uint32Array(count + 1);
  const eachLink = (visit: (a: number, b: number) => void) => {
    for (let at = 0; at < nodeOf.length; at++) {
      if (chart[at] < 0) continue;
      if ((at + 1) % width !== 0 && chart[at + 1] === chart[at]) visit(at, at + 1);
      if (at + width < nodeOf.length && chart[at + width] === chart[at]) visit(at, at + width);
    }
    for (let s = 0; s < seams.length; s += 2) visit(seams[s], seams[s + 1]);
  };
  eachLink((a, b) => {
    const [i, j] = [nodeOf[a], nodeOf[b]];
    if (i >= 0 && j >= 0) {
      degree[i + 1]++;
      degree[j + 1]++;
    } else if (i >= 0) hold(system, i, 1, value, b);
    else if (j >= 0) hold(system, j, 1, value, a);
  });
  for (let i = 0; i < count; i++) degree[i + 1] += degree[i];
  system.start = degree;
  system.list = new Uint32Array(degree[count]);
  const fill = degree.slice();
  eachLink((a, b) => {
    const [i, j] = [nodeOf[a], nodeOf[b]];
    if (i < 0 || j < 0) return;
    system.list[fill[i]++] = j;
    system.list[fill[j]++] = i;
  });
  nodeOf.forEach((node, at) => {
    if (node < 0) return;
    system.x[node] = at % width;
    system.y[node] = Math.floor(at / width);
    system.chart[node] = chart[at];
    if (weight[at] >= UNKNOWN) hold(system, node, weight[at] / (1 - weight[at]), value, at);
  });

  // 2. solve, 3. lay what is known over it
  const solved = solve(system);
  nodeOf.forEach((node, at) => {
    if (node < 0) return;
    const w = weight[at];
    for (let c = 0; c < 3; c++) value[at * 3 + c] = (w > 0 ? w * value[at * 3 + c] : 0) + (1 - w) * solved[node * 3 + c];
  });
}

/** One level: nodes with a place on the page, links of one strength between them, and what holds each at a value. */
interface System {
  count: number;
  width: number;
  height: number;
  x: Uint16Array;
  y: Uint16Array;
  chart: Int32Array;
  /** Neighbours of node i: list[start[i] .. start[i + 1]]. */
  start: Uint32Array;
  list: Uint32Array;
  /** Strength of every link. */
  link: number;
  /** Sum of weights by which a node is held [N], and of weight times value [N, 3]. */
  held: Float32Array;
  pull: Float32Array;
  /** Pull towards 0 of each node. */
  decay: Float32Array;
}

function emptySystem(count: number, width: number, height: number, decay: number): System {
  return {
    count,
    width,
    height,
    x: new Uint16Array(count),
    y: new Uint16Array(count),
    chart: new Int32Array(count),
    start: new Uint32Array(0),
    list: new Uint32Array(0),
    link: 1,
    held: new Float32Array(count),
    pull: new Float32Array(count * 3),
    decay: new Float32Array(count).fill(decay),
  };
}

function hold(system: System, node: number, weight: number, value: Float32Array, at: number): void {
  system.held[node] += weight;
  for (let c = 0; c < 3; c++) system.pull[node * 3 + c] += weight * value[at * 3 + c];
}

function solve(system: System): Float32Array {
  const solution = new Float32Array(system.count * 3);
  if (system.count <= COARSEST) sweep(system, solution, COARSEST_SWEEPS);
  else {
    const { coarse, coarseOf } = coarsen(system);
    // thin pieces may not shrink any more
    if (coarse.count > 0.9 * system.count) sweep(system, solution, COARSEST_SWEEPS);
    else {
      const above = solve(coarse);
      for (let i = 0; i < system.count; i++) for (let c = 0; c < 3; c++) solution[i * 3 + c] = above[coarseOf[i] * 3 + c];
      sweep(system, solution, SWEEPS);
    }
  }
  return solution;
}

/** Blocks of 2 x 2 nodes of one chart become one. */
function coarsen(system: System): { coarse: System; coarseOf: Uint32Array } {
  const width = (system.width + 1) >> 1;
  const height = (system.height + 1) >> 1;
  const coarseOf = new Uint32Array(system.count);
  // nodes of other charts in the same block are chained
  const head = new Int32Array(width * height).fill(-1);
  const chain: number[] = [];
  const first: number[] = [];
  for (let i = 0; i < system.count; i++) {
    const block = (system.y[i] >> 1) * width + (system.x[i] >> 1);
    let node = head[block];
    while (node >= 0 && system.chart[first[node]] !== system.chart[i]) node = chain[node];
    if (node < 0) {
      node = first.length;
      first.push(i);
      chain.push(head[block]);
      head[block] = node;
    }
    coarseOf[i] = node;
  }
  const coarse = emptySystem(first.length, width, height, 0);
  // twice as many links join neighbours as one texel of that size would have
  coarse.link = system.link / 2;
  first.forEach((i, node) => {
    coarse.x[node] = system.x[i] >> 1;
    coarse.y[node] = system.y[i] >> 1;
    coarse.chart[node] = system.chart[i];
  });
  const start = new Uint32Array(coarse.count + 1);
  for (let i = 0; i < system.count; i++) {
    const node = coarseOf[i];
    coarse.held[node] += system.held[i];
    coarse.decay[node] += system.decay[i];
    for (let c = 0; c < 3; c++) coarse.pull[node * 3 + c] += system.pull[i * 3 + c];
    for (let e = system.start[i]; e < system.start[i + 1]; e++) if (coarseOf[system.list[e]] !== node) start[node + 1]++;
  }
  for (let node = 0; node < coarse.count; node++) start[node + 1] += start[node];
  const list = new Uint32Array(start[coarse.count]);
  const fill = start.slice();
  for (let i = 0; i < system.count; i++)
    for (let e = system.start[i]; e < system.start[i + 1]; e++) {
      const other = coarseOf[system.list[e]];
      if (other !== coarseOf[i]) list[fill[coarseOf[i]]++] = other;
    }
  coarse.start = start;
  coarse.list = list;
  return { coarse, coarseOf };
}

/** Gauss-Seidel there and back, fixed order. */
function sweep({ count, start, list, link, held, pull, decay }: System, x: Float32Array, rounds: number): void {
  for (let round = 0; round < rounds; round++)
    for (let n = 0; n < count; n++) {
      const i = round % 2 === 0 ? n : count - 1 - n;
      let r = 0;
      let g = 0;
      let b = 0;
      for (let e = start[i]; e < start[i + 1]; e++) {
        const j = list[e] * 3;
        r += x[j];
        g += x[j + 1];
        b += x[j + 2];
      }
      const whole = held[i] + decay[i] + link * (start[i + 1] - start[i]);
      // a piece that nothing known touches stays at 0
      if (whole <= 0) continue;
      x[i * 3] = (pull[i * 3] + link * r) / whole;
      x[i * 3 + 1] = (pull[i * 3 + 1] + link * g) / whole;
      x[i * 3 + 2] = (pull[i * 3 + 2] + link * b) / whole;
    }
}
