import { type Mesh, NoSurfaceError } from '@gestalt3d/core';
import { TETRAHEDRA } from './tetrahedra.ts';

/** Sphere of quads split in two, poles closed by fans; closed, counter-clockwise from outside. `around` x `down` >= 3 x 2. */
export function sphereMesh(radius = 0.5, around = 48, down = 24): Mesh {
  const positions: number[] = [0, radius, 0];
  for (let j = 1; j < down; j++) {
    const theta = (Math.PI * j) / down;
    for (let i = 0; i < around; i++) {
      const phi = (2 * Math.PI * i) / around;
      positions.push(radius * Math.sin(theta) * Math.sin(phi), radius * Math.cos(theta), radius * Math.sin(theta) * Math.cos(phi));
    }
  }
  positions.push(0, -radius, 0);
  const last = positions.length / 3 - 1;
  const at = (j: number, i: number) => 1 + (j - 1) * around + (i % around);
  const indices: number[] = [];
  for (let i = 0; i < around; i++) indices.push(0, at(1, i), at(1, i + 1));
  for (let j = 1; j < down - 1; j++)
    for (let i = 0; i < around; i++) indices.push(at(j, i), at(j + 1, i), at(j + 1, i + 1), at(j, i), at(j + 1, i + 1), at(j, i + 1));
  for (let i = 0; i < around; i++) indices.push(last, at(down - 1, i + 1), at(down - 1, i));
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
}

/** Torus around the Y axis; closed, counter-clockwise from outside. */
export function torusMesh(ringRadius = 0.35, tubeRadius = 0.15, around = 64, across = 32): Mesh {
  const positions: number[] = [];
  for (let j = 0; j < around; j++)
    for (let i = 0; i < across; i++) {
      const phi = (2 * Math.PI * j) / around;
      const theta = (2 * Math.PI * i) / across;
      const r = ringRadius + tubeRadius * Math.cos(theta);
      positions.push(r * Math.sin(phi), tubeRadius * Math.sin(theta), r * Math.cos(phi));
    }
  const at = (j: number, i: number) => (j % around) * across + (i % across);
  const indices: number[] = [];
  for (let j = 0; j < around; j++)
    for (let i = 0; i < across; i++) indices.push(at(j, i), at(j + 1, i), at(j + 1, i + 1), at(j, i), at(j + 1, i + 1), at(j, i + 1));
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
}

/** Axis-aligned box with shared corners; closed, counter-clockwise from outside. */
export function boxMesh(width = 1, height = 1, depth = 1): Mesh {
  const positions = new Float32Array(24);
  for (let i = 0; i < 8; i++) {
    positions[i * 3] = ((i & 1) - 0.5) * width;
    positions[i * 3 + 1] = (((i >> 1) & 1) - 0.5) * height;
    positions[i * 3 + 2] = ((i >> 2) - 0.5) * depth;
  }
  // prettier-ignore
  const quads = [
    [4, 5, 7, 6],
    [1, 0, 2, 3],
    [5, 1, 3, 7],
    [0, 4, 6, 2],
    [6, 7, 3, 2],
    [0, 1, 5, 4],
  ];
  return { positions, indices: Uint32Array.from(quads.flatMap(([a, b, c, d]) => [a!, b!, c!, a!, c!, d!])) };
}

/**
 * Marching tetrahedra of a signed distance (negative inside) on a grid of `resolution`^3 cells over [-extent, extent]^3:
 * a reference for tests and small tools, slower and with more triangles than the marching cubes of the neus package.
 */
export function marchField(sdf: (x: number, y: number, z: number) => number, resolution = 32, extent = 0.6): Mesh {
  const n = resolution + 1;
  const step = (2 * extent) / resolution;
  const values = new Float32Array(n * n * n);
  const coordinate = (i: number) => -extent + i * step;
  for (let k = 0, at = 0; k < n; k++)
    for (let j = 0; j < n; j++) for (let i = 0; i < n; i++) values[at++] = sdf(coordinate(i), coordinate(j), coordinate(k)) || -1e-9;
  const positions: number[] = [];
  const indices: number[] = [];
  const vertexOfEdge = new Map<number, number>();
  const point = (index: number): [number, number, number] => [
    coordinate(index % n),
    coordinate(Math.floor(index / n) % n),
    coordinate(Math.floor(index / (n * n))),
  ];
  const vertex = (a: number, b: number): number => {
    const [low, high] = a < b ? [a, b] : [b, a];
    const key = low * n * n * n + high;
    let at = vertexOfEdge.get(key);
    if (at === undefined) {
      at = positions.length / 3;
      const t = Math.min(0.98, Math.max(0.02, values[low] / (values[low] - values[high])));
      const p = point(low);
      const q = point(high);
      positions.push(p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1]), p[2] + t * (q[2] - p[2]));
      vertexOfEdge.set(key, at);
    }
    return at;
  };
  for (let k = 0; k < resolution; k++)
    for (let j = 0; j < resolution; j++)
      for (let i = 0; i < resolution; i++) {
        const corner = (c: number) => i + (c & 1) + n * (j + ((c >> 1) & 1) + n * (k + (c >> 2)));
        for (const tetrahedron of TETRAHEDRA) {
          const c = tetrahedron.map(corner);
          const inside = c.filter((v) => values[v] < 0);
          if (inside.length === 0 || inside.length === 4) continue;
          const outside = c.filter((v) => values[v] >= 0);
          const even = isEven(c, [...inside, ...outside]);
          const emit = (x: number, y: number, z: number) => (even ? indices.push(x, y, z) : indices.push(x, z, y));
          const [a, b, d] = inside;
          if (inside.length === 1) emit(vertex(a, outside[0]), vertex(a, outside[1]), vertex(a, outside[2]));
          else if (inside.length === 3) emit(vertex(a, outside[0]), vertex(b, outside[0]), vertex(d, outside[0]));
          else {
            const [e, f] = outside;
            emit(vertex(a, e), vertex(a, f), vertex(b, f));
            emit(vertex(a, e), vertex(b, f), vertex(b, e));
          }
        }
      }
  if (indices.length === 0) throw new NoSurfaceError('the distance does not change sign in the box');
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
}

/** Whether `order` is an even permutation of `items`. */
function isEven(items: number[], order: number[]): boolean {
  let inversions = 0;
  const rank = order.map((item) => items.indexOf(item));
  for (let i = 0; i < rank.length; i++) for (let j = i + 1; j < rank.length; j++) if (rank[i] > rank[j]) inversions++;
  return inversions % 2 === 0;
}
