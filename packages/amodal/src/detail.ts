import { enlarge } from './compose.ts';

/** Planes [C, size, size] averaged over factor x factor pixels: [C, size / factor, size / factor]. */
export function pool(values: Float32Array, size: number, factor: number): Float32Array {
  const small = size / factor;
  const planes = values.length / (size * size);
  const out = new Float32Array(planes * small * small);
  for (let p = 0; p < planes; p++)
    for (let y = 0; y < size; y++) {
      const to = (p * small + Math.floor(y / factor)) * small;
      const from = (p * size + y) * size;
      for (let x = 0; x < size; x++) out[to + Math.floor(x / factor)]! += values[from + x]! / factor ** 2;
    }
  return out;
}

/**
 * The coarse picture [4, size / factor, size / factor] with what `fine` [4, size, size] has beyond its own average: where the denoiser left its
 * start alone, the start comes back exactly; where it changed it, the change comes smoothly (one level of a Laplacian pyramid, Burt and Adelson
 * 1983). All values within -1..1.
 */
export function withDetail(coarse: Float32Array, fine: Float32Array, size: number, factor: number): Float32Array {
  const small = size / factor;
  const change = pool(fine, size, factor);
  for (let i = 0; i < change.length; i++) change[i] = coarse[i]! - change[i]!;
  const out = new Float32Array(fine.length);
  for (let p = 0; p < 4; p++) {
    const smooth = enlarge(change.subarray(p * small * small, (p + 1) * small * small), small, size);
    for (let i = 0; i < smooth.length; i++) {
      const at = p * size * size + i;
      out[at] = Math.min(Math.max(fine[at]! + smooth[i]!, -1), 1);
    }
  }
  return out;
}
