import { describe, expect, it } from 'vitest';
import { creaseNormals } from './creases.ts';
import { withTestColors } from './mesh.test-helper.ts';
import { computeNormals } from './normals.ts';
import { boxMesh, sphereMesh } from './shapes.ts';
import { meshTopology } from './topology.ts';

describe('creaseNormals', () => {
  it('gives a box one normal a face, and keeps it closed', () => {
    const box = withTestColors(boxMesh());
    const sharp = creaseNormals(box);
    expect(sharp.positions.length / 3).toBe(24);
    expect(sharp.colors!.length).toBe(72);
    expect(meshTopology(sharp)).toMatchObject({ closed: true, vertices: 8 });
    for (let i = 0; i < sharp.normals!.length; i += 3) {
      const normal = [...sharp.normals!.subarray(i, i + 3)].map(Math.abs).sort();
      expect(normal).toEqual([0, 0, 1]);
    }
  });

  it('leaves a rounded surface as it is', () => {
    const sphere = sphereMesh(0.5, 48, 24);
    const same = creaseNormals(sphere);
    expect(same.positions.length).toBe(sphere.positions.length);
    const smooth = computeNormals(sphere);
    // vertices come in another order: each is found by its place
    const at = new Map<string, number>();
    for (let v = 0; v < sphere.positions.length; v += 3) at.set(sphere.positions.subarray(v, v + 3).join(), v);
    for (let v = 0; v < same.positions.length; v += 3) {
      const was = at.get(same.positions.subarray(v, v + 3).join())!;
      for (let k = 0; k < 3; k++) expect(same.normals![v + k]).toBeCloseTo(smooth[was + k], 5);
    }
  });
});
