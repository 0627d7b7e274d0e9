import type { Mesh } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { sameBytes } from './mesh.test-helper.ts';
import { rasteriseAtlas } from './rasterise.ts';
import { boxMesh, marchField, sphereMesh, torusMesh } from './shapes.ts';
import { meshTopology } from './topology.ts';
import { unwrapMesh } from './unwrap.ts';

const mug = () =>
  marchField((x, y, z) => {
    const wall = Math.max(Math.abs(Math.hypot(x, z) - 0.28) - 0.04, Math.abs(y) - 0.35);
    const floor = Math.max(Math.hypot(x, z) - 0.3, Math.abs(y + 0.32) - 0.04);
    return Math.min(wall, floor, Math.hypot(Math.hypot(x - 0.32, y) - 0.16, z) - 0.045);
  }, 40);

describe.each([
  ['box', boxMesh()],
  ['sphere', sphereMesh(0.5, 64, 32)],
  ['torus', torusMesh()],
  ['mug', mug()],
])('unwrapMesh of a %s', (_, mesh: Mesh) => {
  const size = 512;
  const unwrapped = unwrapMesh(mesh, { textureSize: size, paddingPx: 4, maxAngleDeg: 55 });
  const { indices, uvs } = unwrapped.mesh;

  it('keeps the surface', () => {
    expect(indices.length).toBe(mesh.indices.length);
    expect(meshTopology(unwrapped.mesh)).toMatchObject({ ...meshTopology(mesh) });
  });

  it('stays on the page, uses it and stretches little', () => {
    expect(uvs!.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(unwrapped.utilisation).toBeGreaterThan(0.45);
    expect(unwrapped.stretch).toBeLessThan(1.25);
  });

  it('has no overlap: drawing in reverse order gives the same texels', () => {
    const triangles = indices.length / 3;
    const forward = rasteriseAtlas(unwrapped.mesh, size).triangle;
    const reverse = Uint32Array.from({ length: indices.length }, (_, i) => indices[(triangles - 1 - Math.floor(i / 3)) * 3 + (i % 3)]);
    const backward = rasteriseAtlas({ ...unwrapped.mesh, indices: reverse }, size).triangle;
    let clashes = 0;
    let covered = 0;
    for (let i = 0; i < forward.length; i++) {
      if (forward[i] < 0) continue;
      covered++;
      if (backward[i] !== triangles - 1 - forward[i]) clashes++;
    }
    expect(clashes).toBe(0);
    expect(covered / size ** 2).toBeCloseTo(unwrapped.utilisation, 1);
  });

  it('leaves free texels between charts', () => {
    const { triangle } = rasteriseAtlas(unwrapped.mesh, size);
    const chart = Int32Array.from(triangle, (t) => (t < 0 ? -1 : unwrapped.chartOfTriangle[t]));
    let close = 0;
    for (let y = 0; y < size - 2; y++)
      for (let x = 0; x < size - 2; x++) {
        const own = chart[y * size + x];
        if (own < 0) continue;
        for (const other of [chart[y * size + x + 2], chart[(y + 2) * size + x], chart[(y + 1) * size + x + 1]])
          if (other >= 0 && other !== own) close++;
      }
    expect(close).toBe(0);
  });
});

describe('unwrapMesh', () => {
  it('ends on anything: non-manifold soup of random triangles', () => {
    const positions = Float32Array.from({ length: 300 }, (_, i) => Math.sin(i * 12.9898) * 0.5);
    const indices = Uint32Array.from({ length: 1500 }, (_, i) => (i * 7919) % 100);
    const { mesh } = unwrapMesh({ positions, indices }, { textureSize: 256, paddingPx: 2, maxAngleDeg: 55 });
    expect(mesh.indices.length).toBe(1500);
    expect(mesh.uvs!.every(Number.isFinite)).toBe(true);
  });

  it('gives the same atlas again', () => {
    const torus = () => unwrapMesh(torusMesh(0.35, 0.15, 32, 16)).mesh.uvs;
    expect(sameBytes(torus(), torus())).toBe(true);
  });
});
