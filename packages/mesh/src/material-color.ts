import type { RgbImage } from '@gestalt3d/core';
import type { MaterialMesh } from './material-mesh.ts';
import { sampleBilinear } from './render.ts';
import { TriangleTree } from './triangle-tree.ts';

/** Base colour (sRGB, 0..255) of the surface point nearest to (x, y, z). */
export type ColorAt = (x: number, y: number, z: number, out: Float32Array) => void;

/** Colours of a mesh with materials, anywhere on or near it. Positions must be finite. */
export function materialColor(mesh: MaterialMesh): ColorAt {
  const tree = new TriangleTree(mesh);
  const { positions: p, indices, uvs, colors, materials, materialOf } = mesh;
  return (x, y, z, out) => {
    const near = tree.nearest(x, y, z);
    if (!near) {
      out.fill(190);
      return;
    }
    const corners = [0, 1, 2].map((k) => indices[near.triangle * 3 + k]);
    const weights = barycentric(p, corners, near.x, near.y, near.z);
    const mix = (values: ArrayLike<number>, size: number, k: number) =>
      weights.reduce((sum, weight, c) => sum + weight * values[corners[c] * size + k], 0);
    const { color, texture, repeat } = materials[materialOf[near.triangle]];
    if (texture) sampleWrapped(texture, mix(uvs, 2, 0), mix(uvs, 2, 1), repeat, out);
    else out.fill(255);
    for (let k = 0; k < 3; k++) out[k] = (out[k] * color[k] * (colors ? mix(colors, 3, k) / 255 : 1)) / 255;
  };
}

function sampleWrapped(texture: RgbImage, u: number, v: number, repeat: boolean, out: Float32Array): void {
  sampleBilinear(texture, repeat ? u - Math.floor(u) : u, repeat ? v - Math.floor(v) : v, out);
}

function barycentric(p: Float32Array, [i, j, k]: number[], x: number, y: number, z: number): [number, number, number] {
  const edge = (to: number) => [0, 1, 2].map((c) => p[to * 3 + c] - p[i * 3 + c]);
  const [u, v, w] = [edge(j), edge(k), [x - p[i * 3], y - p[i * 3 + 1], z - p[i * 3 + 2]]];
  const dot = (a: number[], b: number[]) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const [uu, uv, vv, wu, wv] = [dot(u, u), dot(u, v), dot(v, v), dot(w, u), dot(w, v)];
  const det = uu * vv - uv * uv;
  if (!(det > 0)) return [1, 0, 0];
  const second = (vv * wu - uv * wv) / det;
  const third = (uu * wv - uv * wu) / det;
  return [1 - second - third, second, third];
}
