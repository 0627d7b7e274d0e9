import { createRng } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { diffuseTexels } from './diffuse-texels.ts';
import { rasteriseAtlas } from './rasterise.ts';
import { boxMesh, sphereMesh } from './shapes.ts';
import { linkTexels } from './texel-graph.ts';
import { unwrapMesh } from './unwrap.ts';

const SIZE = 256;

function atlas(mesh: Parameters<typeof unwrapMesh>[0]) {
  const { mesh: cut, texelsPerUnit, charts } = unwrapMesh(mesh, { textureSize: SIZE, paddingPx: 4, maxAngleDeg: 55 });
  const raster = rasteriseAtlas(cut, SIZE);
  const place = (at: number) => {
    const t = raster.triangle[at] * 3;
    const w = [1 - raster.weights[at * 2] - raster.weights[at * 2 + 1], raster.weights[at * 2], raster.weights[at * 2 + 1]];
    return [0, 1, 2].map((k) => w.reduce((sum, part, c) => sum + part * cut.positions[cut.indices[t + c] * 3 + k], 0));
  };
  return { cut, raster, place, texelsPerUnit, charts };
}

describe('linkTexels', () => {
  it('links places that are neighbours on the surface, over every cut of the atlas', () => {
    const { cut, raster, place, texelsPerUnit, charts } = atlas(sphereMesh(0.5, 48, 24));
    const { chart, seams } = linkTexels(cut, raster);
    expect(seams.length / 2).toBeGreaterThan(200);
    const joined = new Set<number>();
    for (let s = 0; s < seams.length; s += 2) {
      const [a, b] = [place(seams[s]), place(seams[s + 1])];
      // a texel leans by up to 55 degrees, and more in a sphere's coarse triangles
      expect(Math.hypot(...a.map((value, k) => value - b[k])) * texelsPerUnit).toBeLessThan(4);
      joined.add(chart[seams[s]]).add(chart[seams[s + 1]]);
    }
    expect(joined.size).toBe(charts);
  });
});

describe('diffuseTexels', () => {
  it('is linear between two known faces of a box: the harmonic function, whatever the atlas cuts', () => {
    const { cut, raster, place } = atlas(boxMesh(0.5, 0.3, 0.4));
    const weight = new Float32Array(SIZE * SIZE);
    const value = new Float32Array(SIZE * SIZE * 3);
    const places = Array.from(raster.triangle, (t, at) => (t < 0 ? undefined : place(at)));
    const reach = Math.max(...places.map((one) => (one ? one[0] : 0)));
    places.forEach((one, at) => {
      if (!one || Math.abs(one[0]) < reach - 1e-4) return;
      weight[at] = 1;
      value.set([one[0] > 0 ? 100 : 0, 7, one[0] > 0 ? -50 : 50], at * 3);
    });
    const before = value.slice();
    diffuseTexels(raster, linkTexels(cut, raster), weight, value, 0);
    let worst = 0;
    places.forEach((one, at) => {
      if (!one) return;
      if (weight[at] === 1) expect(value.subarray(at * 3, at * 3 + 3)).toEqual(before.subarray(at * 3, at * 3 + 3));
      const want = [50 + (50 * one[0]) / reach, 7, (-50 * one[0]) / reach];
      for (let c = 0; c < 3; c++) worst = Math.max(worst, Math.abs(value[at * 3 + c] - want[c]));
    });
    expect(worst).toBeLessThan(2.5);
  });

  it.each([0, 1 / 400])('stays between the known values and goes on without a step over cuts (decay %d, seed 4)', (decay) => {
    const { cut, raster, place } = atlas(sphereMesh(0.5, 48, 24));
    const rng = createRng(4);
    const weight = new Float32Array(SIZE * SIZE);
    const value = new Float32Array(SIZE * SIZE * 3);
    raster.triangle.forEach((t, at) => {
      if (t < 0 || place(at)[2] < 0.2) return;
      weight[at] = rng.uniform() < 0.5 ? 1 : rng.uniform();
      value.set([100 + 50 * rng.uniform(), 20, 0], at * 3);
    });
    diffuseTexels(raster, linkTexels(cut, raster), weight, value, decay);
    const { seams } = linkTexels(cut, raster);
    raster.triangle.forEach((t, at) => {
      if (t < 0) return;
      if (weight[at] < 1 && decay === 0) expect(value[at * 3]).toBeGreaterThan(99.9);
      expect(value[at * 3]).toBeLessThan(150.1);
      expect(value[at * 3]).toBeGreaterThanOrEqual(0);
    });
    let steps = 0;
    let count = 0;
    for (let s = 0; s < seams.length; s += 2) {
      if (place(seams[s])[2] > 0.1) continue;
      steps += Math.abs(value[seams[s] * 3] - value[seams[s + 1] * 3]);
      count++;
    }
    expect(count).toBeGreaterThan(100);
    expect(steps / count).toBeLessThan(1);
    // the far side: all of it without decay, next to nothing with it
    const far = raster.triangle.findIndex((t, at) => t >= 0 && place(at)[2] < -0.49);
    if (decay === 0) expect(value[far * 3]).toBeGreaterThan(110);
    else expect(value[far * 3]).toBeLessThan(30);
  });

  it('leaves a piece that nothing known touches at 0', () => {
    const { cut, raster } = atlas(boxMesh());
    const value = new Float32Array(SIZE * SIZE * 3);
    diffuseTexels(raster, linkTexels(cut, raster), new Float32Array(SIZE * SIZE), value, 0);
    expect(value.every((one) => one === 0)).toBe(true);
  });
});
