import type { Mesh } from '@gestalt3d/core';
import type { Raster } from './rasterise.ts';

/** Weights past these would come from a sliver's far corner. */
const REACH = 3;

/**
 * Texels next to a chart take part in what bilinear sampling shows at its border. Gives each the triangle of a covered neighbour, and weights that
 * carry that triangle's plane on: the colour there is then the one behind the border, and no mean of what lies before it. Changes `raster`.
 * @returns 1 for the texels that were added [H, W]
 */
export function extendAtlas(raster: Raster, { uvs, indices }: Pick<Mesh, 'uvs' | 'indices'>): Uint8Array {
  const { width, height, triangle, weights } = raster;
  const added = new Uint8Array(triangle.length);
  // sides before corners
  const around = [
    [-1, 0],
    [1, 0],
    [0, -1],
    [0, 1],
    [-1, -1],
    [1, -1],
    [-1, 1],
    [1, 1],
  ];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (triangle[at] >= 0) continue;
      for (const [dx, dy] of around) {
        if (x + dx < 0 || y + dy < 0 || x + dx >= width || y + dy >= height) continue;
        const from = at + dy * width + dx;
        if (triangle[from] < 0 || added[from]) continue;
        const t = triangle[from] * 3;
        const [a, b, c] = [indices[t] * 2, indices[t + 1] * 2, indices[t + 2] * 2];
        const u = (x + 0.5) / width - uvs![a];
        const v = (y + 0.5) / height - uvs![a + 1];
        const [bu, bv, cu, cv] = [uvs![b] - uvs![a], uvs![b + 1] - uvs![a + 1], uvs![c] - uvs![a], uvs![c + 1] - uvs![a + 1]];
        const area = bu * cv - bv * cu;
        const wb = (u * cv - v * cu) / area;
        const wc = (bu * v - bv * u) / area;
        if (!(Math.abs(wb) <= REACH && Math.abs(wc) <= REACH)) continue;
        triangle[at] = t / 3;
        weights[at * 2] = wb;
        weights[at * 2 + 1] = wc;
        added[at] = 1;
        break;
      }
    }
  return added;
}
