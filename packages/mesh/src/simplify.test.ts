import { createRng } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { sameBytes, withTestColors } from './mesh.test-helper.ts';
import { sphereMesh, torusMesh } from './shapes.ts';
import { SIMPLIFY_DEFAULTS, simplifyMesh, smoothMesh } from './simplify.ts';
import { meshTopology } from './topology.ts';

describe('simplifyMesh', () => {
  it('meets the budget, keeps volume, genus and attributes, and tells the deviation', async () => {
    const mesh = withTestColors(torusMesh(0.35, 0.15, 160, 80));
    const { mesh: small, error } = await simplifyMesh(mesh, { ...SIMPLIFY_DEFAULTS, triangles: 2000 });
    expect(small.indices.length / 3).toBeLessThanOrEqual(2000);
    expect(small.indices.length / 3).toBeGreaterThan(1800);
    expect(meshTopology(small)).toMatchObject({ closed: true, euler: 0 });
    expect(meshTopology(small).volume / meshTopology(mesh).volume).toBeGreaterThan(0.98);
    expect(small.colors!.length).toBe(small.positions.length);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(0.02);
    // colours still belong to their places
    expect(sameBytes(small.colors, withTestColors(small).colors)).toBe(true);
  });

  it('leaves a mesh within the budget as it is', async () => {
    const mesh = sphereMesh();
    expect(await simplifyMesh(mesh)).toEqual({ mesh, error: 0 });
  });

  it('stops at the allowed deviation', async () => {
    const { mesh } = await simplifyMesh(sphereMesh(0.5, 128, 64), { ...SIMPLIFY_DEFAULTS, triangles: 12, maxError: 0.002 });
    expect(mesh.indices.length / 3).toBeGreaterThan(500);
  });
});

describe('smoothMesh', () => {
  it('takes noise off without shrinking (seed 3)', () => {
    const rng = createRng(3);
    const mesh = sphereMesh(0.5, 96, 48);
    const noisy = { ...mesh, positions: mesh.positions.map((value) => value + 0.002 * rng.normal()) };
    const roughness = (positions: Float32Array) => {
      let sum = 0;
      for (let i = 0; i < positions.length; i += 3) sum += (Math.hypot(positions[i], positions[i + 1], positions[i + 2]) - 0.5) ** 2;
      return Math.sqrt(sum / (positions.length / 3));
    };
    const smooth = smoothMesh(noisy, { iterations: 6, lambda: 0.5, mu: -0.526 });
    expect(roughness(smooth.positions)).toBeLessThan(roughness(noisy.positions) * 0.6);
    expect(meshTopology(smooth).volume / meshTopology(mesh).volume).toBeCloseTo(1, 2);
  });

  it('leaves the rim of a hole in place', () => {
    const mesh = sphereMesh(0.5, 24, 12);
    const open = { ...mesh, indices: mesh.indices.slice(24 * 3) };
    const smooth = smoothMesh(open);
    expect(smooth.positions.subarray(3, 3 + 24 * 3)).toEqual(open.positions.subarray(3, 3 + 24 * 3));
  });
});
