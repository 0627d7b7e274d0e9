import type { Mesh } from '@gestalt3d/core';
import type { Raster } from './rasterise.ts';
import { components, forEachEdge, weldMap } from './topology.ts';

/** Pairs of texels that lie side by side on the surface, within a chart or over a cut of the atlas. */
export interface TexelLinks {
  /** Chart of each texel, -1 where there is none [H, W]; unwrapped charts share no vertex. */
  chart: Int32Array;
  /** Texels a0, b0, a1, b1, ... on either side of the atlas's cuts. */
  seams: Uint32Array;
}

/** Inward of a chart's border by this many texels lies the first texel that is surely inside. */
const INWARD = 0.71;

/**
 * @param raster of the atlas, without texels beside charts
 */
export function linkTexels(mesh: Mesh, raster: Raster): TexelLinks {
  const { indices, positions } = mesh;
  const uvs = mesh.uvs!;
  const { width, height, triangle } = raster;
  const { component } = components(indices, positions.length / 3);
  const chart = Int32Array.from(triangle, (t) => (t < 0 ? -1 : component[t]));
  const { vertexOf } = weldMap(positions);
  const welded = Uint32Array.from(indices, (v) => vertexOf[v]);
  const next = (h: number) => (h % 3 === 2 ? h - 2 : h + 1);
  const at = new Float64Array(2);

  /** The texel just inside the triangle of half-edge h, at `part` of the edge; -1 if the chart has none there. */
  const inside = (h: number, part: number): number => {
    const t = h - (h % 3);
    const [a, b, c] = [indices[h], indices[next(h)], indices[t + ((h + 2) % 3)]];
    const pixels = [width, height];
    let length = 0;
    for (let k = 0; k < 2; k++) {
      const on = (uvs[a * 2 + k] * (1 - part) + uvs[b * 2 + k] * part) * pixels[k];
      const inward = uvs[c * 2 + k] * pixels[k] - on;
      length += inward * inward;
      at[k] = on;
    }
    length = Math.sqrt(length);
    if (length === 0) return -1;
    const step = Math.min(1, INWARD / length);
    for (let k = 0; k < 2; k++) at[k] += (uvs[c * 2 + k] * pixels[k] - at[k]) * step;
    const [x, y] = [Math.floor(at[0]), Math.floor(at[1])];
    let best = -1;
    let nearest = Infinity;
    for (let j = Math.max(0, y - 1); j <= Math.min(height - 1, y + 1); j++)
      for (let i = Math.max(0, x - 1); i <= Math.min(width - 1, x + 1); i++) {
        const distance = (i + 0.5 - at[0]) ** 2 + (j + 0.5 - at[1]) ** 2;
        if (distance < nearest && chart[j * width + i] === component[t / 3]) {
          nearest = distance;
          best = j * width + i;
        }
      }
    return best;
  };

  const seams: number[] = [];
  forEachEdge(welded, (uses) => {
    for (let u = 1; u < uses.length; u++) {
      const [g, h] = [uses[u - 1], uses[u]];
      const alike = welded[g] === welded[h];
      const [from, to] = alike ? [indices[h], indices[next(h)]] : [indices[next(h)], indices[h]];
      // the same vertices on both sides: the chart goes on
      if (indices[g] === from && indices[next(g)] === to) continue;
      const [a, b] = [indices[g] * 2, indices[next(g)] * 2];
      const steps = Math.max(1, Math.round(Math.hypot((uvs[b] - uvs[a]) * width, (uvs[b + 1] - uvs[a + 1]) * height)));
      for (let s = 0; s < steps; s++) {
        const part = (s + 0.5) / steps;
        const one = inside(g, part);
        const other = inside(h, alike ? part : 1 - part);
        if (one >= 0 && other >= 0 && one !== other) seams.push(one, other);
      }
    }
  });
  return { chart, seams: Uint32Array.from(seams) };
}
