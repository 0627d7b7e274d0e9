import { type Mesh, orbitCamera, projectPoint } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { sameBytes } from './mesh.test-helper.ts';
import { rasteriseView } from './rasterise.ts';
import { renderMesh } from './render.ts';
import { boxMesh, sphereMesh } from './shapes.ts';

describe('rasteriseView', () => {
  const mesh = boxMesh(0.7, 0.5, 0.6);
  const camera = orbitCamera(35, 25, 97);
  const raster = rasteriseView(mesh, camera);

  it('puts the surface point of every pixel back on that pixel’s centre, at its depth', () => {
    let drawn = 0;
    let worstPx = 0;
    let worstDepth = 0;
    for (let at = 0; at < raster.triangle.length; at++) {
      const t = raster.triangle[at];
      if (t < 0) continue;
      drawn++;
      const wb = raster.weights[at * 2];
      const wc = raster.weights[at * 2 + 1];
      const point = [0, 1, 2].map(
        (k) =>
          mesh.positions[mesh.indices[t * 3] * 3 + k] * (1 - wb - wc) +
          mesh.positions[mesh.indices[t * 3 + 1] * 3 + k] * wb +
          mesh.positions[mesh.indices[t * 3 + 2] * 3 + k] * wc,
      );
      const { x, y, depth } = projectPoint(camera, point);
      // corners are snapped to 1 / 4096 px
      worstPx = Math.max(worstPx, Math.abs(x - (at % 97) - 0.5), Math.abs(y - Math.floor(at / 97) - 0.5));
      worstDepth = Math.max(worstDepth, Math.abs(depth - raster.depth[at]));
    }
    expect(worstPx).toBeLessThan(2e-3);
    expect(worstDepth).toBeLessThan(1e-4);
    expect(drawn).toBeGreaterThan(1500);
  });

  it('shows front faces only of a closed mesh', () => {
    expect(sameBytes(rasteriseView(mesh, camera, 'back').triangle, raster.triangle)).toBe(true);
  });

  it('has neither gaps nor double pixels along shared edges', () => {
    // a wall of 40 x 40 quads with irregular corners that fills the picture
    const n = 41;
    const wall: Mesh = { positions: new Float32Array(n * n * 3), indices: new Uint32Array((n - 1) ** 2 * 6) };
    for (let j = 0; j < n; j++)
      for (let i = 0; i < n; i++)
        wall.positions.set([(i - 20) / 10 + 0.02 * Math.sin(i * j), (j - 20) / 10 + 0.02 * Math.cos(i + 3 * j), 0], (j * n + i) * 3);
    let at = 0;
    for (let j = 0; j < n - 1; j++)
      for (let i = 0; i < n - 1; i++) {
        const v = j * n + i;
        wall.indices.set([v, v + 1, v + n + 1, v, v + n + 1, v + n], at);
        at += 6;
      }
    const front = orbitCamera(0, 0, 128);
    const forward = rasteriseView(wall, front).triangle;
    expect(forward.includes(-1)).toBe(false);
    const count = wall.indices.length / 3;
    const reverse = Uint32Array.from({ length: count * 3 }, (_, i) => wall.indices[(count - 1 - Math.floor(i / 3)) * 3 + (i % 3)]);
    const backward = rasteriseView({ ...wall, indices: reverse }, front).triangle;
    expect(forward.every((t, i) => backward[i] === count - 1 - t)).toBe(true);
  });

  it('draws nothing behind the camera', () => {
    const away = orbitCamera(0, 0, 32);
    away.worldFromCamera[14] = -2;
    expect(rasteriseView(mesh, away).triangle.every((t) => t === -1)).toBe(true);
  });
});

describe('renderMesh', () => {
  const camera = orbitCamera(20, 15, 64);

  it('is transparent beside the object and antialiased at its edge', () => {
    const { data } = renderMesh(sphereMesh(0.4), camera);
    const alphas = new Set(data.filter((_, i) => i % 4 === 3));
    expect([...alphas].sort((a, b) => a - b)).toEqual([0, 64, 128, 191, 255]);
  });

  it('shows texture, vertex colours and background as they are when unlit', () => {
    const mesh = sphereMesh(0.4);
    const middle = (32 * 64 + 32) * 4;
    const colored = renderMesh({ ...mesh, colors: new Uint8Array(mesh.positions.length).fill(77) }, camera, {
      mode: 'unlit',
      background: [1, 2, 3],
    });
    expect([...colored.data.subarray(middle, middle + 4)]).toEqual([77, 77, 77, 255]);
    expect([...colored.data.subarray(0, 4)]).toEqual([1, 2, 3, 255]);
    const texture = { width: 2, height: 2, channels: 3 as const, data: new Uint8Array(12).fill(99) };
    const textured = renderMesh({ ...mesh, uvs: new Float32Array((mesh.positions.length / 3) * 2), texture }, camera, { mode: 'unlit' });
    expect(textured.data[middle]).toBe(99);
  });

  it('puts (0, 0) of the texture at its top left', () => {
    const quad: Mesh = {
      positions: Float32Array.of(-1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0),
      uvs: Float32Array.of(0, 1, 1, 1, 1, 0, 0, 0),
      indices: Uint32Array.of(0, 1, 2, 0, 2, 3),
      texture: { width: 2, height: 2, channels: 3, data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9) },
    };
    const { data } = renderMesh(quad, orbitCamera(0, 0, 32), { mode: 'unlit' });
    expect([...data.subarray(0, 3)]).toEqual([255, 0, 0]);
    expect([...data.subarray(31 * 4, 31 * 4 + 3)]).toEqual([0, 255, 0]);
    expect([...data.subarray(31 * 32 * 4, 31 * 32 * 4 + 3)]).toEqual([0, 0, 255]);
  });
});
