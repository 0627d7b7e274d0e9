import type { Atlas } from './renderer.ts';

/** Straight RGBA, rows from the top, and depths 0..65535 over -1..1 (0 outside). */
export interface Picture {
  rgba: Uint8Array;
  depth: Uint16Array;
}

/**
 * Halves a tile of the layers: alpha is the covered share of 2 x 2 samples, colour their mean, depth the least (second row: the greatest).
 * @param row 0 the nearest surfaces, 1 the farthest
 */
export function halveTile({ colour, depth }: { colour: Atlas; depth: Atlas }, column: number, row: 0 | 1): Picture {
  const { pixels, columns } = colour;
  const n = pixels / 2;
  const rgba = new Uint8Array(n * n * 4);
  const z = new Uint16Array(n * n);
  for (let y = 0; y < n; y++)
    for (let x = 0; x < n; x++) {
      let r = 0;
      let g = 0;
      let b = 0;
      let covered = 0;
      let best = row === 1 ? -1 : 65536;
      for (let k = 0; k < 4; k++) {
        const line = (row + 1) * pixels - 1 - (2 * y + (k >> 1));
        const i = (line * columns * pixels + column * pixels + 2 * x + (k & 1)) * 4;
        if (!colour.bytes[i + 3]) continue;
        covered++;
        r += colour.bytes[i]!;
        g += colour.bytes[i + 1]!;
        b += colour.bytes[i + 2]!;
        const d = depth.bytes[i]! * 256 + depth.bytes[i + 1]!;
        best = row === 1 ? Math.max(best, d) : Math.min(best, d);
      }
      if (covered === 0) continue;
      const o = y * n + x;
      rgba[o * 4] = r / covered;
      rgba[o * 4 + 1] = g / covered;
      rgba[o * 4 + 2] = b / covered;
      rgba[o * 4 + 3] = Math.round((covered * 255) / 4);
      z[o] = best;
    }
  return { rgba, depth: z };
}

/** Straight RGBA, rows from the top, of a tile of premultiplied RGBA. */
export function straightenTile({ bytes, pixels, columns }: Atlas, tile: number): Uint8Array {
  const out = new Uint8Array(pixels * pixels * 4);
  const [column, row] = [tile % columns, Math.floor(tile / columns)];
  for (let y = 0; y < pixels; y++)
    for (let x = 0; x < pixels; x++) {
      const line = (row + 1) * pixels - 1 - y;
      const i = (line * columns * pixels + column * pixels + x) * 4;
      const o = (y * pixels + x) * 4;
      const alpha = bytes[i + 3]!;
      if (alpha === 0) continue;
      for (let c = 0; c < 3; c++) out[o + c] = Math.min(255, Math.round((bytes[i + c]! * 255) / alpha));
      out[o + 3] = alpha;
    }
  return out;
}
