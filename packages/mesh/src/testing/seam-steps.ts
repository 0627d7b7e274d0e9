import type { Mesh, RgbImage } from '@gestalt3d/core';
import { sampleBilinear } from '../render.ts';
import { weldMap } from '../topology.ts';

export interface SeamSteps {
  /** Mean absolute difference of the texture's colours, of 255, two texels apart across edges where the atlas is cut. */
  border: number;
  /** The same across edges inside charts. */
  inside: number;
  /** Places compared. */
  borderCount: number;
  insideCount: number;
}

/**
 * The seam test: steps of colour across the mesh's edges, measured on the surface at one texel from the edge on either side, where the atlas is
 * cut and where it is not.
 * @param mesh unwrapped
 * @param texelWorld a texel's size in world units
 * @param take which edges take part, by the position of their middle
 */
export function seamSteps(
  mesh: Mesh,
  texture: RgbImage,
  texelWorld: number,
  take: (x: number, y: number, z: number) => boolean = () => true,
): SeamSteps {
  const { positions: p, indices } = mesh;
  const { vertexOf } = weldMap(p);
  const welded = Uint32Array.from(indices, (v) => vertexOf[v]);
  // half-edges by their welded corners
  const halves = new Map<number, number[]>();
  for (let h = 0; h < indices.length; h++) {
    const next = h % 3 === 2 ? h - 2 : h + 1;
    const [a, b] = [Math.min(welded[h], welded[next]), Math.max(welded[h], welded[next])];
    const key = a * 2 ** 26 + b;
    const list = halves.get(key);
    if (list) list.push(h);
    else halves.set(key, [h]);
  }
  const sum = { border: 0, inside: 0 };
  const count = { border: 0, inside: 0 };
  const one = new Float32Array(3);
  const two = new Float32Array(3);
  for (const pair of halves.values()) {
    if (pair.length !== 2) continue;
    const [h, g] = pair;
    const [hNext, gNext] = [h, g].map((at) => (at % 3 === 2 ? at - 2 : at + 1));
    const a = indices[h] * 3;
    const b = indices[hNext] * 3;
    const middle = [0, 1, 2].map((k) => (p[a + k] + p[b + k]) / 2) as [number, number, number];
    if (!take(...middle)) continue;
    // the same vertices on both sides: the atlas goes on
    const kind = indices[h] === indices[gNext] && indices[hNext] === indices[g] ? 'inside' : 'border';
    for (const part of [0.3, 0.7]) {
      if (!beside(mesh, texture, h, part, texelWorld, one)) continue;
      if (!beside(mesh, texture, g, 1 - part, texelWorld, two)) continue;
      for (let k = 0; k < 3; k++) sum[kind] += Math.abs(one[k] - two[k]) / 3;
      count[kind]++;
    }
  }
  return {
    border: sum.border / Math.max(1, count.border),
    inside: sum.inside / Math.max(1, count.inside),
    borderCount: count.border,
    insideCount: count.inside,
  };
}

/** Colour at `away` from the edge that starts at half-edge `h`, at `part` of its length, in its triangle; false when that is outside. */
function beside(
  { positions: p, indices, uvs }: Mesh,
  texture: RgbImage,
  h: number,
  part: number,
  away: number,
  out: Float32Array,
): boolean {
  const t = h - (h % 3);
  const [a, b, c] = [indices[h], indices[t + ((h + 1) % 3)], indices[t + ((h + 2) % 3)]];
  const edge = [0, 1, 2].map((k) => p[b * 3 + k] - p[a * 3 + k]);
  const side = [0, 1, 2].map((k) => p[c * 3 + k] - p[a * 3 + k]);
  const length = Math.hypot(...edge);
  if (length === 0) return false;
  const along = (edge[0] * side[0] + edge[1] * side[1] + edge[2] * side[2]) / length;
  const height = Math.sqrt(Math.max(0, side[0] ** 2 + side[1] ** 2 + side[2] ** 2 - along ** 2));
  const wc = away / height;
  // straight away from the edge: what the third corner moves along it, the second takes back
  const wb = part - (wc * along) / length;
  const wa = 1 - wb - wc;
  if (!(wc < 1) || wb < 0 || wa < 0) return false;
  const mix = (k: number) => uvs![a * 2 + k] * wa + uvs![b * 2 + k] * wb + uvs![c * 2 + k] * wc;
  sampleBilinear(texture, mix(0), mix(1), out);
  return true;
}
