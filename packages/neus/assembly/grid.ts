import { activeLevels, levels, params, X_STRIDE } from './state';

const ONE: f32 = 1;
const PRIME_Y: u32 = 2654435761;
const PRIME_Z: u32 = 805459861;

/** Writes a network input row: xyz = 2 u - 1, then 2 features of each level (0 beyond the active ones), then a 0. */
export function encode(row: usize, ux: f32, uy: f32, uz: f32): void {
  store<f32>(row, 2 * ux - 1);
  store<f32>(row, 2 * uy - 1, 4);
  store<f32>(row, 2 * uz - 1, 8);
  const cx = min<f32>(max<f32>(ux, 0), 1);
  const cy = min<f32>(max<f32>(uy, 0), 1);
  const cz = min<f32>(max<f32>(uz, 0), 1);
  let level = levels;
  let out = row + 12;
  for (let l = 0; l < activeLevels; l++) {
    const n = load<i32>(level);
    const table = params + load<u32>(level, 4);
    const mask = load<u32>(level, 8);
    level += 16;
    const gx = cx * <f32>n, gy = cy * <f32>n, gz = cz * <f32>n;
    const ix = min<i32>(<i32>gx, n - 1), iy = min<i32>(<i32>gy, n - 1), iz = min<i32>(<i32>gz, n - 1);
    const fx = gx - <f32>ix, fy = gy - <f32>iy, fz = gz - <f32>iz;
    let i000: usize, i100: usize, i010: usize, i110: usize, i001: usize, i101: usize, i011: usize, i111: usize;
    if (mask == 0) {
      const n1 = <usize>(n + 1);
      const n2 = n1 * n1;
      i000 = table + ((<usize>ix + n1 * <usize>iy + n2 * <usize>iz) << 3);
      i100 = i000 + 8;
      i010 = i000 + (n1 << 3);
      i110 = i010 + 8;
      i001 = i000 + (n2 << 3);
      i101 = i001 + 8;
      i011 = i001 + (n1 << 3);
      i111 = i011 + 8;
    } else {
      const x0 = <u32>ix, x1 = <u32>ix + 1;
      const y0 = <u32>iy * PRIME_Y, y1 = y0 + PRIME_Y;
      const z0 = <u32>iz * PRIME_Z, z1 = z0 + PRIME_Z;
      const a = y0 ^ z0, b = y1 ^ z0, c = y0 ^ z1, d = y1 ^ z1;
      i000 = table + (<usize>((x0 ^ a) & mask) << 3);
      i100 = table + (<usize>((x1 ^ a) & mask) << 3);
      i010 = table + (<usize>((x0 ^ b) & mask) << 3);
      i110 = table + (<usize>((x1 ^ b) & mask) << 3);
      i001 = table + (<usize>((x0 ^ c) & mask) << 3);
      i101 = table + (<usize>((x1 ^ c) & mask) << 3);
      i011 = table + (<usize>((x0 ^ d) & mask) << 3);
      i111 = table + (<usize>((x1 ^ d) & mask) << 3);
    }
    const wx = f32x4(1 - fx, 1 - fx, fx, fx);
    const ey: f32 = ONE - fy, ez: f32 = ONE - fz;
    let sum = f32x4.mul(f32x4.mul(wx, f32x4.splat(ey * ez)), v128.load64_lane(i100, v128.load64_zero(i000), 1));
    sum = f32x4.add(sum, f32x4.mul(f32x4.mul(wx, f32x4.splat(fy * ez)), v128.load64_lane(i110, v128.load64_zero(i010), 1)));
    sum = f32x4.add(sum, f32x4.mul(f32x4.mul(wx, f32x4.splat(ey * fz)), v128.load64_lane(i101, v128.load64_zero(i001), 1)));
    sum = f32x4.add(sum, f32x4.mul(f32x4.mul(wx, f32x4.splat(fy * fz)), v128.load64_lane(i111, v128.load64_zero(i011), 1)));
    sum = f32x4.add(sum, i8x16.shuffle(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    v128.store64_lane(out, sum, 0);
    out += 8;
  }
  const end = row + <usize>X_STRIDE * 4;
  while (out < end) {
    store<f32>(out, 0);
    out += 4;
  }
}

@inline
function addPair(at: usize, v: v128): void {
  v128.store64_lane(at, f32x4.add(v128.load64_zero(at), v), 0);
}

/** Adds the gradient of a row's features (d: the row's input gradient, 20 floats) to a group's table. x: the row itself. */
export function scatter(grad: usize, x: usize, d: usize): void {
  const cx = min<f32>(max<f32>(load<f32>(x) * 0.5 + 0.5, 0), 1);
  const cy = min<f32>(max<f32>(load<f32>(x, 4) * 0.5 + 0.5, 0), 1);
  const cz = min<f32>(max<f32>(load<f32>(x, 8) * 0.5 + 0.5, 0), 1);
  let level = levels;
  let dp = d + 12;
  for (let l = 0; l < activeLevels; l++) {
    const n = load<i32>(level);
    const table = grad + load<u32>(level, 4);
    const mask = load<u32>(level, 8);
    level += 16;
    const gx = cx * <f32>n, gy = cy * <f32>n, gz = cz * <f32>n;
    const ix = min<i32>(<i32>gx, n - 1), iy = min<i32>(<i32>gy, n - 1), iz = min<i32>(<i32>gz, n - 1);
    const fx = gx - <f32>ix, fy = gy - <f32>iy, fz = gz - <f32>iz;
    const df = v128.load64_splat(dp);
    dp += 8;
    const ey: f32 = ONE - fy, ez: f32 = ONE - fz;
    const d0 = f32x4.mul(df, f32x4.splat(1 - fx));
    const d1 = f32x4.mul(df, f32x4.splat(fx));
    const w00 = f32x4.splat(ey * ez), w10 = f32x4.splat(fy * ez), w01 = f32x4.splat(ey * fz), w11 = f32x4.splat(fy * fz);
    if (mask == 0) {
      const n1 = <usize>(n + 1);
      const n2 = n1 * n1;
      const i000 = table + ((<usize>ix + n1 * <usize>iy + n2 * <usize>iz) << 3);
      const i010 = i000 + (n1 << 3);
      const i001 = i000 + (n2 << 3);
      const i011 = i001 + (n1 << 3);
      // the two corners along x are neighbours in memory
      const both = f32x4.mul(df, f32x4(1 - fx, 1 - fx, fx, fx));
      v128.store(i000, f32x4.add(v128.load(i000), f32x4.mul(both, w00)));
      v128.store(i010, f32x4.add(v128.load(i010), f32x4.mul(both, w10)));
      v128.store(i001, f32x4.add(v128.load(i001), f32x4.mul(both, w01)));
      v128.store(i011, f32x4.add(v128.load(i011), f32x4.mul(both, w11)));
    } else {
      const x0 = <u32>ix, x1 = <u32>ix + 1;
      const y0 = <u32>iy * PRIME_Y, y1 = y0 + PRIME_Y;
      const z0 = <u32>iz * PRIME_Z, z1 = z0 + PRIME_Z;
      const a = y0 ^ z0, b = y1 ^ z0, c = y0 ^ z1, e = y1 ^ z1;
      addPair(table + (<usize>((x0 ^ a) & mask) << 3), f32x4.mul(d0, w00));
      addPair(table + (<usize>((x1 ^ a) & mask) << 3), f32x4.mul(d1, w00));
      addPair(table + (<usize>((x0 ^ b) & mask) << 3), f32x4.mul(d0, w10));
      addPair(table + (<usize>((x1 ^ b) & mask) << 3), f32x4.mul(d1, w10));
      addPair(table + (<usize>((x0 ^ c) & mask) << 3), f32x4.mul(d0, w01));
      addPair(table + (<usize>((x1 ^ c) & mask) << 3), f32x4.mul(d1, w01));
      addPair(table + (<usize>((x0 ^ e) & mask) << 3), f32x4.mul(d0, w11));
      addPair(table + (<usize>((x1 ^ e) & mask) << 3), f32x4.mul(d1, w11));
    }
  }
}
