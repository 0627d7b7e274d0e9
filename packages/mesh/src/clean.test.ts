import type { Mesh } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { cleanMesh, compactMesh } from './clean.ts';
import { boxMesh, sphereMesh, torusMesh } from './shapes.ts';
import { meshTopology } from './topology.ts';

function join(...meshes: Mesh[]): Mesh {
  const positions: number[] = [];
  const indices: number[] = [];
  for (const mesh of meshes) {
    const start = positions.length / 3;
    positions.push(...mesh.positions);
    for (const i of mesh.indices) indices.push(start + i);
  }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
}

const moved = (mesh: Mesh, x: number): Mesh => ({
  ...mesh,
  positions: mesh.positions.map((value, i) => (i % 3 === 0 ? value + x : value)),
});
const reversed = (mesh: Mesh): Mesh => ({ ...mesh, indices: mesh.indices.slice().reverse() });

describe('meshTopology', () => {
  it.each([
    ['box', boxMesh(1, 2, 3), 2, 6],
    ['sphere', sphereMesh(0.5, 64, 32), 2, (Math.PI / 6) * 0.99],
    ['torus', torusMesh(0.35, 0.15, 64, 32), 0, 2 * Math.PI ** 2 * 0.35 * 0.15 ** 2 * 0.99],
  ])('%s is closed, with its genus and volume', (_, mesh, euler, volume) => {
    const topology = meshTopology(mesh);
    expect(topology).toMatchObject({ closed: true, euler, components: 1, boundaryEdges: 0, nonManifoldEdges: 0, inconsistentEdges: 0 });
    expect(topology.volume).toBeGreaterThan(volume * 0.985);
    expect(topology.volume).toBeLessThan(volume * 1.02);
  });

  it('counts the rim of a hole and an edge of three triangles', () => {
    const open = boxMesh();
    open.indices = open.indices.slice(6);
    expect(meshTopology(open)).toMatchObject({ closed: false, boundaryEdges: 4, nonManifoldEdges: 0 });
    const fin: Mesh = {
      positions: Float32Array.of(0, 0, 0, 0, 0, 1, 1, 0, 0, -1, 0, 0, 0, 1, 0),
      indices: Uint32Array.of(0, 1, 2, 1, 0, 3, 0, 1, 4),
    };
    expect(meshTopology(fin)).toMatchObject({ nonManifoldEdges: 1, boundaryEdges: 6 });
  });
});

describe('cleanMesh', () => {
  it('keeps the object and its true parts, drops floaters and inner shells, and says so', () => {
    const mesh = join(sphereMesh(0.5), reversed(sphereMesh(0.2)), moved(sphereMesh(0.12), 0.8), moved(boxMesh(0.01, 0.01, 0.01), -0.9));
    const { mesh: clean, report } = cleanMesh(mesh);
    expect(report).toMatchObject({ partsIn: 4, partsKept: 2, partsInside: 1, partsTooSmall: 1, closed: true, flipped: false });
    expect(clean.indices.length / 3).toBe((sphereMesh(0.5).indices.length / 3) * 2);
    expect(report.droppedTriangles).toBe(sphereMesh().indices.length / 3 + 12);
  });

  it('welds soup, removes degenerate and duplicate triangles', () => {
    const box = boxMesh();
    const soup: Mesh = { positions: new Float32Array(box.indices.length * 3), indices: Uint32Array.from(box.indices.keys()) };
    box.indices.forEach((v, i) => {
      soup.positions.set(box.positions.subarray(v * 3, v * 3 + 3), i * 3);
    });
    soup.indices = Uint32Array.of(...soup.indices, 0, 1, 2, 3, 3, 4);
    const { mesh, report } = cleanMesh(soup);
    expect(report).toMatchObject({ degenerateTriangles: 1, duplicateTriangles: 1, closed: true });
    expect(mesh.positions.length / 3).toBe(8);
    expect(report.volume).toBeCloseTo(1, 6);
  });

  it('turns an inside-out mesh outside out', () => {
    const { report } = cleanMesh(reversed(torusMesh()));
    expect(report).toMatchObject({ flipped: true, closed: true });
    expect(report.volume).toBeGreaterThan(0);
  });

  it('refuses what is no mesh', () => {
    expect(() => cleanMesh({ positions: new Float32Array(0), indices: new Uint32Array(0) })).toThrow(/expected a surface/);
    expect(() => cleanMesh({ positions: new Float32Array(9), indices: Uint32Array.of(0, 1, 2) })).toThrow(/no triangle with an area/);
    const bad = boxMesh();
    bad.positions[4] = Number.NaN;
    expect(() => cleanMesh(bad)).toThrow(/finite numbers in mesh positions/);
    expect(() => cleanMesh({ ...boxMesh(), indices: Uint32Array.of(0, 1, 8) })).toThrow(/expected shape \[> 8, 3\]/);
  });

  it('keeps attributes with their vertices', () => {
    const box = boxMesh();
    box.colors = Uint8Array.from({ length: 24 }, (_, i) => i);
    const mesh = compactMesh({ ...box, indices: Uint32Array.of(7, 6, 5) });
    expect([...mesh.colors!]).toEqual([21, 22, 23, 18, 19, 20, 15, 16, 17]);
  });
});
