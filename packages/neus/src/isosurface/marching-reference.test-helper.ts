import { marchingCubesCases } from './cases.ts';
import type { ScalarGrid } from './marching-cubes.ts';
import type { IsoSurface } from './slab-marcher.ts';

/** Marching cubes in the order and arithmetic that `marchingCubes` promises, a node at a time with a map of vertices: slow, and easy to check. */
export function marchingReference({ size: [nx, ny, nz], data }: ScalarGrid, iso: number): IsoSurface {
  const cases = marchingCubesCases();
  const level = Math.fround(iso);
  const value = (x: number, y: number, z: number) =>
    x < 0 || y < 0 || z < 0 || x >= nx || y >= ny || z >= nz ? Number.NaN : data[x + nx * (y + ny * z)];
  const inside = (x: number, y: number, z: number) => value(x, y, z) < level;
  const f = Math.fround;
  const crossing = (a: number, b: number) => {
    const step = f(b - a);
    return Number.isFinite(step) ? Math.min(f(0.999), Math.max(f(0.001), f(f(level - a) / step))) : 0.5;
  };
  const positions: number[] = [];
  const vertexOf = new Map<string, number>();
  const indices: number[] = [];
  for (let z = 0; z <= nz; z++)
    for (let y = 0; y <= ny; y++)
      for (let word = 0; word <= nx; word += 32) {
        const end = Math.min(nx, word + 31);
        for (let axis = 0; axis < 3; axis++)
          for (let x = word; x <= end; x++) {
            const node = [x, y, z];
            const before = node.map((c, i) => c - (i === axis ? 1 : 0)) as [number, number, number];
            if (inside(x, y, z) === inside(...before)) continue;
            vertexOf.set(`${axis} ${node}`, positions.length / 3);
            positions.push(...node.map((c, i) => (i === axis ? f(f(c - 1) + crossing(value(...before), value(x, y, z))) : c)));
          }
        for (let x = word; x <= end; x++) {
          let bits = 0;
          for (let corner = 0; corner < 8; corner++)
            if (inside(x - 1 + (corner & 1), y - 1 + ((corner >> 1) & 1), z - 1 + (corner >> 2))) bits |= 1 << corner;
          for (const edge of cases[bits]) {
            const axis = edge >> 2;
            const low = [(edge & 1) - 1, ((edge >> 1) & 1) - 1];
            const offset = [0, 1, 2].map((i) => (i === axis ? 0 : low.shift()!));
            indices.push(vertexOf.get(`${axis} ${[x + offset[0], y + offset[1], z + offset[2]]}`)!);
          }
        }
      }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
}
