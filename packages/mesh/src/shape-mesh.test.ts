import type { Mesh } from '@gestalt3d/core';
import Module from 'manifold-3d';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkSolid, type SolidChecker } from './check-solid.ts';
import { makeSolid, SOLID_DEFAULTS } from './make-solid.ts';
import { joined, moved } from './mesh.test-helper.ts';
import { printModel } from './print-model.ts';
import { REBUILD_DEFAULTS, rebuildSolid } from './rebuild-solid.ts';
import { SHAPE_DEFAULTS, shapeMesh } from './shape-mesh.ts';
import { boxMesh, marchField, sphereMesh, torusMesh } from './shapes.ts';
import { adversarialFields } from './testing/adversarial-fields.ts';

describe('shapeMesh', () => {
  const checker: SolidChecker = (mesh, onDefect) => printModel(mesh, 100, onDefect).check;
  const printable = { ...SHAPE_DEFAULTS, triangles: 600, solid: true, checker };
  let manifold: Awaited<ReturnType<typeof Module>>;
  beforeAll(async () => {
    manifold = await Module();
    manifold.setup();
  });

  it.each(adversarialFields().map(({ name, field }) => [name, field] as const))('makes a sound print of %s', async (_, field) => {
    const { mesh } = await shapeMesh(marchField(field, 14), printable);
    const print = printModel(mesh);
    expect(print.check.problems).toEqual([]);
    // a second opinion: manifold-3d takes it as it is and finds the same volume
    const body = manifold.Manifold.ofMesh(
      new manifold.Mesh({ numProp: 3, vertProperties: print.mesh.positions, triVerts: print.mesh.indices }),
    );
    expect(body.status()).toBe('NoError');
    expect(body.volume() / print.check.volume).toBeCloseTo(1, 4);
    body.delete();
  });

  it('keeps the volume of a sound shape and its budget', async () => {
    const torus = torusMesh(0.35, 0.15, 96, 48);
    const { mesh, check, repair } = await shapeMesh(torus, { ...printable, smooth: 0 });
    expect(repair).toBe('none');
    expect(check.triangles).toBeLessThanOrEqual(600);
    expect(checkSolid(mesh).volume / checkSolid(torus).volume).toBeCloseTo(1, 1);
  });
});

describe('makeSolid', () => {
  const options = { ...SOLID_DEFAULTS, resolution: 24, triangles: 3000 };

  it('joins closed parts exactly', async () => {
    const mesh = joined(boxMesh(), moved(boxMesh(), 0.5, 0.25, 0.25), moved(boxMesh(0.2, 0.2, 0.2), 3));
    const solid = await makeSolid(mesh, options);
    expect(solid).toMatchObject({ how: 'united', lost: 0, check: { sound: true, components: 2 } });
    expect(solid.check.volume).toBeCloseTo(2 - 0.5 * 0.75 * 0.75 + 0.008, 5);
  });

  it('forgives orientation part by part', async () => {
    const box = boxMesh();
    const mesh = joined({ ...box, indices: box.indices.slice().reverse() }, moved(boxMesh(), 0.5, 0.25, 0.25));
    const solid = await makeSolid(mesh, options);
    expect(solid.how).toBe('united');
    expect(solid.check.volume).toBeCloseTo(2 - 0.5 * 0.75 * 0.75, 5);
  });

  it('closes a box without a lid', async () => {
    const box = boxMesh();
    const solid = await makeSolid({ ...box, indices: box.indices.subarray(6) }, options);
    expect(solid).toMatchObject({ how: 'rebuilt', check: { sound: true, components: 1 } });
    expect(solid.check.volume).toBeGreaterThan(0.85);
    expect(solid.check.volume).toBeLessThan(1.05);
  });

  it('gives a sheet the thickness that a grid can hold, and loses nothing of it', async () => {
    const sheet: Mesh = {
      positions: Float32Array.of(0, 0, 0, 1, 0, 0.2, 1, 1, 0.3, 0, 1, 0.1),
      indices: Uint32Array.of(0, 1, 2, 0, 2, 3),
    };
    const solid = await makeSolid(sheet, options);
    expect(solid.check.problems).toEqual([]);
    expect(solid.lost).toBe(0);
    // 1.5 cells of 1/24 thick, over about 1 x 1
    expect(solid.check.volume).toBeGreaterThan(0.03);
    expect(solid.check.volume).toBeLessThan(0.1);
  });

  it('unties a surface that runs through itself', async () => {
    const sphere = sphereMesh(0.5, 48, 24);
    // the top is pushed out through the bottom
    const positions = sphere.positions.map((value, i) => (i % 3 === 1 && value > 0.3 ? value - 1.2 : value));
    const solid = await makeSolid({ ...sphere, positions }, options);
    expect(solid).toMatchObject({ how: 'rebuilt', check: { sound: true } });
  });

  it('stops when told to', async () => {
    const box = boxMesh();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(makeSolid({ ...box, indices: box.indices.subarray(6) }, { ...options, signal })).rejects.toThrow('enough');
  });

  it('keeps colours near where they were', async () => {
    const box = boxMesh();
    box.colors = Uint8Array.from({ length: 24 }, (_, i) => (box.positions[i - (i % 3)] > 0 ? 250 : 10));
    const { mesh } = await makeSolid({ ...box, indices: box.indices.subarray(6) }, options);
    for (let v = 0; v < mesh.positions.length; v += 3)
      if (Math.abs(mesh.positions[v]) > 0.4) expect(mesh.colors![v]).toBe(mesh.positions[v] > 0 ? 250 : 10);
  });
});

describe('rebuildSolid', () => {
  it.each([8, 17, 32])('is sound by construction and near the surface (resolution %i)', async (resolution) => {
    const torus = torusMesh(0.35, 0.15, 64, 32);
    const built = await rebuildSolid(torus, { ...REBUILD_DEFAULTS, resolution });
    expect(checkSolid(built).problems).toEqual([]);
    for (let v = 0; v < built.positions.length; v += 3) {
      const [x, y, z] = built.positions.subarray(v, v + 3);
      expect(Math.abs(Math.hypot(Math.hypot(x, z) - 0.35, y) - 0.15)).toBeLessThan(0.5 / resolution);
    }
  });

  it('refuses a point', async () => {
    const point: Mesh = { positions: new Float32Array(9), indices: Uint32Array.of(0, 1, 2) };
    await expect(rebuildSolid(point)).rejects.toThrow(/longest side is 0/);
  });
});
