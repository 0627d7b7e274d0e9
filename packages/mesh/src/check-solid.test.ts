import { createRng, type Mesh } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { checkSolid } from './check-solid.ts';
import { joined, moved } from './mesh.test-helper.ts';
import { boxMesh, marchField, sphereMesh, torusMesh } from './shapes.ts';
import { TriangleTree } from './triangle-tree.ts';
import { trianglesMeet } from './triangles-meet.ts';

const inverted = (mesh: Mesh): Mesh => ({ ...mesh, indices: mesh.indices.map((_, i, all) => all[i - (i % 3) + [0, 2, 1][i % 3]]) });

describe('checkSolid', () => {
  it.each([
    ['box', boxMesh(), 1],
    ['sphere', sphereMesh(0.5, 48, 24), 0.52],
    ['torus', torusMesh(), 0.153],
    ['two boxes apart', joined(boxMesh(), moved(boxMesh(), 1.000001)), 2],
    ['a box with a cavity', joined(boxMesh(), inverted(boxMesh(0.5, 0.5, 0.5))), 0.875],
    ['an island in a cavity', joined(boxMesh(), inverted(boxMesh(0.5, 0.5, 0.5)), boxMesh(0.2, 0.2, 0.2)), 0.883],
  ])('finds nothing wrong with %s', (_, mesh, volume) => {
    const check = checkSolid(mesh);
    expect(check.problems).toEqual([]);
    expect(check).toMatchObject({ sound: true, intersections: 0, complete: true });
    expect(check.volume).toBeCloseTo(volume, 2);
  });

  const hole = boxMesh();
  const box = boxMesh();
  const bowTie = joined(boxMesh(), moved(boxMesh(), 1, 1, 1));
  it.each<[string, Mesh, object]>([
    ['a hole', { ...hole, indices: hole.indices.subarray(3) }, { boundaryEdges: 3 }],
    ['a triangle twice', { ...box, indices: Uint32Array.of(...box.indices, ...box.indices.subarray(0, 3)) }, { nonManifoldEdges: 3 }],
    [
      'one triangle turned',
      { ...box, indices: box.indices.map((v, i, all) => (i === 1 ? all[2] : i === 2 ? all[1] : v)) },
      { inconsistentEdges: 3 },
    ],
    ['two boxes that share a corner', bowTie, { nonManifoldVertices: 1, intersections: 0 }],
    ['two boxes that share an edge', joined(boxMesh(), moved(boxMesh(), 1, 1)), { nonManifoldEdges: 1 }],
    ['two boxes that share a wall', joined(boxMesh(), moved(boxMesh(), 1)), { nonManifoldEdges: 4 }],
    [
      'two boxes that stand on each other by faces',
      joined(boxMesh(), moved(boxMesh(0.5, 1, 0.5), 0, 1)),
      { boundaryEdges: 0, nonManifoldEdges: 0 },
    ],
    [
      'a corner that touches a wall from outside',
      joined(boxMesh(), tetrahedronAt(0.5, 0.1, 0.2)),
      { nonManifoldVertices: 0, boundaryEdges: 0 },
    ],
    ['boxes through each other', joined(boxMesh(), moved(boxMesh(), 0.5, 0.3, 0.2)), { boundaryEdges: 0, nonManifoldEdges: 0 }],
    ['one box inside another', joined(boxMesh(), boxMesh(0.5, 0.5, 0.5)), { invertedParts: 1 }],
    ['a box turned inside out', inverted(boxMesh()), { problems: ['the surface is inside out'] }],
    ['a cavity without a body', joined(boxMesh(), moved(inverted(boxMesh(0.5, 0.5, 0.5)), 3)), { invertedParts: 1 }],
    ['a flat double sheet', doubled(), { problems: ['2 triangles without area'] }],
    ['nothing', { positions: new Float32Array(0), indices: new Uint32Array(0) }, { problems: ['no triangles'] }],
    ['a NaN', { ...boxMesh(), positions: boxMesh().positions.fill(Number.NaN, 4, 5) }, { badPositions: 1 }],
  ])('finds %s', (_, mesh, expected) => {
    const check = checkSolid(mesh);
    expect(check).toMatchObject({ sound: false, ...expected });
    expect(check.problems.length).toBeGreaterThan(0);
  });

  it('sees a wall pushed through the opposite one by the last bit, and not before', () => {
    // a thin box whose upper corner sinks to just above, onto, and just below the bottom
    const thin = (y: number): Mesh => {
      const mesh = sphereMesh(0.5, 12, 6);
      mesh.positions[1] = y;
      return mesh;
    };
    const bottom = -0.5;
    const up = Math.fround(bottom + 2 ** -25);
    expect(up).toBeGreaterThan(bottom);
    expect(checkSolid(thin(up)).intersections).toBe(0);
    expect(checkSolid(thin(bottom)).sound).toBe(false);
    expect(checkSolid(thin(Math.fround(bottom - 2 ** -24))).intersections).toBeGreaterThan(0);
  });

  it('ends soon on ten thousand triangles in one place', () => {
    const rng = createRng(5);
    const positions = Float32Array.from({ length: 90_000 }, () => rng.uniform());
    const check = checkSolid({ positions, indices: Uint32Array.from({ length: 30_000 }, (_, i) => i) });
    expect(check.problems.some((problem) => problem.startsWith('at least 1000 pairs'))).toBe(true);
  });
});

/** Its tip lies at (x, y, z), the rest beyond +X. */
function tetrahedronAt(x: number, y: number, z: number): Mesh {
  const positions = Float32Array.of(x, y, z, x + 0.3, y - 0.1, z - 0.1, x + 0.3, y + 0.2, z - 0.1, x + 0.3, y, z + 0.2);
  const indices = Uint32Array.of(0, 2, 1, 0, 3, 2, 0, 1, 3, 1, 2, 3);
  const mesh = { positions, indices };
  return checkSolid(mesh).volume > 0 ? mesh : inverted(mesh);
}

/** Two triangles between three points in a line. */
function doubled(): Mesh {
  return { positions: Float32Array.of(0, 0, 0, 1, 1, 1, 2, 2, 2), indices: Uint32Array.of(0, 1, 2, 0, 2, 1) };
}

describe('trianglesMeet', () => {
  const meet = (...points: number[]) =>
    trianglesMeet({ positions: Float32Array.from(points), indices: Uint32Array.of(0, 1, 2, 3, 4, 5) }, 0, 1);
  const base = [0, 0, 0, 1, 0, 0, 0, 1, 0];
  it.each<[string, number[], boolean]>([
    ['pierces the middle', [0.2, 0.2, -1, 0.2, 0.2, 1, 5, 5, 1], true],
    ['touches the middle with a corner', [0.2, 0.2, 0, 0.2, 0.2, 1, 0.3, 0.2, 1], true],
    ['stops just above', [0.2, 0.2, 1e-30, 0.2, 0.2, 1, 0.3, 0.2, 1], false],
    ['touches an edge with an edge', [0.5, 0, -1, 0.5, 0, 1, 0.5, -1, 0], true],
    ['passes beside an edge', [0.5, -1e-30, -1, 0.5, -1e-30, 1, 0.5, -1, 0], false],
    ['lies in the plane, beside', [2, 0, 0, 3, 0, 0, 2, 1, 0], false],
    ['lies in the plane, inside', [0.1, 0.1, 0, 0.2, 0.1, 0, 0.1, 0.2, 0], true],
    ['lies in the plane, around', [-9, -9, 0, 9, -9, 0, 0, 20, 0], true],
    ['lies in the plane, edges cross', [-1, 0.2, 0, 2, 0.2, 0, 0.5, 0.3, 0], true],
    ['lies in the plane, touches a corner', [1, 0, 0, 2, 0, 0, 2, 1, 0], true],
    ['lies in a parallel plane', [0, 0, 1e-40, 1, 0, 1e-40, 0, 1, 1e-40], false],
  ])('%s', (_, other, expected) => {
    expect(meet(...base, ...other)).toBe(expected);
    expect(meet(...other, ...base)).toBe(expected);
  });

  it('agrees with every pair tried without the tree', () => {
    const rng = createRng(11);
    for (let round = 0; round < 20; round++) {
      const count = 60;
      const positions = Float32Array.from({ length: count * 9 }, (_, i) => Math.floor(i / 9) * 0.02 + rng.uniform() * 0.3);
      const mesh = { positions, indices: Uint32Array.from({ length: count * 3 }, (_, i) => i) };
      let all = 0;
      for (let s = 0; s < count; s++) for (let t = s + 1; t < count; t++) if (trianglesMeet(mesh, s, t)) all++;
      expect(checkSolid(mesh).intersections).toBe(all);
      expect(all).toBeGreaterThan(10);
    }
  });
});

describe('TriangleTree', () => {
  const sphere = sphereMesh(0.5, 32, 16);
  const tree = new TriangleTree(sphere);
  const rng = createRng(3);
  const points = Array.from({ length: 200 }, () => [rng.uniform() - 0.5, rng.uniform() - 0.5, rng.uniform() - 0.5].map((v) => v * 1.6));

  it('gives the winding number of a closed mesh: 1 inside, 0 outside', () => {
    for (const [x, y, z] of points) {
      const radius = Math.hypot(x, y, z);
      if (Math.abs(radius - 0.5) < 0.02) continue;
      expect(Math.abs(tree.winding(x, y, z) - (radius < 0.5 ? 1 : 0))).toBeLessThan(0.05);
    }
  });

  it('finds the nearest point', () => {
    for (const [x, y, z] of points) {
      const found = tree.nearest(x, y, z)!;
      expect(Math.hypot(found.x - x, found.y - y, found.z - z)).toBeCloseTo(found.distance, 10);
      expect(Math.abs(found.distance - Math.abs(Math.hypot(x, y, z) - 0.5))).toBeLessThan(0.012);
      expect(tree.nearest(x, y, z, found.distance * 0.999)).toBeUndefined();
    }
  });

  it('has a winding number between for a field with a hole', () => {
    const bowl = marchField((x, y, z) => Math.hypot(x, y, z) - 0.4, 16);
    const open: Mesh = { ...bowl, indices: bowl.indices.filter((_, i) => bowl.positions[bowl.indices[i - (i % 3)] * 3 + 1] < 0) };
    const half = new TriangleTree(open).winding(0, -0.01, 0);
    expect(half).toBeGreaterThan(0.4);
    expect(half).toBeLessThan(0.65);
  });
});
