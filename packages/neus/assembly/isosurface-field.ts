// A fitted field at many points: the same arithmetic, in the same order, as the fit's own forward pass (grid.ts, dense.ts), arranged for reading:
// eight points at a time, a point a lane, in a memory of its own. Points come in fours that lie close together (corners of a small block, taps around a
// vertex); where all four are in one cell of a level, its corners are loaded once.
import { B1, B2, C1, C2, C3, D1, D2, D3, W1, W2 } from './state';
import { exp } from './math';

const PRIME_Y: u32 = 2654435761;
const PRIME_Z: u32 = 805459861;
/** Points of a batch, and the bytes of one number of each. */
const BATCH: i32 = 8;
const LANES: usize = 32;

let params: usize = 0;
let levels: usize = 0; // per level 4 x i32: resolution, byte offset, mask (0: dense), -
let levelCount: i32 = 0;
let input: usize = 0; //  [19] lanes
let hidden: usize = 0; // [32] lanes
let output: usize = 0; // [16] lanes
let colorIn: usize = 0; // [18] lanes
let hidden2: usize = 0; // [32] lanes

/** @param at scratch of `scratchBytes()` */
export function configure(paramsAt: usize, levelsAt: usize, count: i32, at: usize): void {
  params = paramsAt;
  levels = levelsAt;
  levelCount = count;
  input = at;
  hidden = input + 20 * LANES;
  output = hidden + 32 * LANES;
  colorIn = output + 16 * LANES;
  hidden2 = colorIn + 18 * LANES;
  memory.fill(at, 0, scratchBytes());
}

export function scratchBytes(): usize {
  return 118 * LANES;
}

/**
 * SDF (cube edges) of points in the cube's frame; with rgb != 0 also colours [count, 3], 0..1.
 * @param points x of all points, then y, then z: three arrays of `stride` bytes, filled up to a multiple of 8 points
 * @param sdf room for a multiple of 8 points
 */
export function evaluate(points: usize, stride: usize, count: i32, sdf: usize, rgb: usize): void {
  for (let i = 0; i < count; i += BATCH) {
    const p = points + (<usize>i << 2);
    encode4(p, stride, input);
    encode4(p + 16, stride, input + 16);
    layer(input, 19, params + W1, params + B1, 32, hidden, true);
    const out = sdf + (<usize>i << 2);
    v128.store(out, sdfOf(hidden));
    v128.store(out + 16, sdfOf(hidden + 16));
    if (rgb) colors(rgb + <usize>i * 12, min(BATCH, count - i));
  }
}

/** Output 0 of the SDF network, summed as dot32 does. */
@inline
function sdfOf(h: usize): v128 {
  const w = params + W2;
  let sum0 = pair(h, w, 0);
  const sum1 = pair(h, w, 1);
  let sum2 = pair(h, w, 2);
  const sum3 = pair(h, w, 3);
  sum0 = f32x4.add(sum0, sum1);
  sum2 = f32x4.add(sum2, sum3);
  return f32x4.add(f32x4.add(sum0, sum2), f32x4.splat(load<f32>(params + B2)));
}

@inline
function pair(h: usize, w: usize, k: usize): v128 {
  return f32x4.add(quarter(h, w, k), quarter(h, w, k + 4));
}

/** Every eighth hidden unit from k on. W2 is [32][16]. */
@inline
function quarter(h: usize, w: usize, k: usize): v128 {
  let sum = f32x4.mul(v128.load(h + k * LANES), v128.load32_splat(w + k * 64));
  sum = f32x4.add(sum, f32x4.mul(v128.load(h + (k + 8) * LANES), v128.load32_splat(w + (k + 8) * 64)));
  sum = f32x4.add(sum, f32x4.mul(v128.load(h + (k + 16) * LANES), v128.load32_splat(w + (k + 16) * 64)));
  return f32x4.add(sum, f32x4.mul(v128.load(h + (k + 24) * LANES), v128.load32_splat(w + (k + 24) * 64)));
}

/** Colours of the batch at hand. */
function colors(rgb: usize, count: i32): void {
  layer(hidden, 32, params + W2, params + B2, 16, output, false);
  // geometry features 1..15, then xyz
  memory.copy(colorIn, output + LANES, 15 * LANES);
  memory.copy(colorIn + 15 * LANES, input, 3 * LANES);
  layer(colorIn, 18, params + C1, params + D1, 32, hidden, true);
  layer(hidden, 32, params + C2, params + D2, 32, hidden2, true);
  layer(hidden2, 32, params + C3, params + D3, 4, output, false);
  for (let b = 0; b < count; b++)
    for (let c = 0; c < 3; c++) {
      const x = load<f32>(output + <usize>c * LANES + (<usize>b << 2));
      store<f32>(rgb + (<usize>(b * 3 + c) << 2), <f32>1 / (<f32>1 + exp(-x)));
    }
}

/** y[outs] = x[ins] w[ins][outs] + bias for eight lanes; outs a multiple of 4. */
function layer(x: usize, ins: i32, w: usize, bias: usize, outs: i32, y: usize, relu: bool): void {
  const wStride = <usize>outs << 2;
  const end = x + <usize>ins * LANES;
  const zero = f32x4.splat(0);
  for (let o = 0; o < outs; o += 4) {
    const at = <usize>o << 2;
    let a0 = v128.load32_splat(bias + at), a1 = a0;
    let b0 = v128.load32_splat(bias + at, 4), b1 = b0;
    let c0 = v128.load32_splat(bias + at, 8), c1 = c0;
    let d0 = v128.load32_splat(bias + at, 12), d1 = d0;
    let wp = w + at;
    for (let p = x; p < end; p += LANES) {
      const x0 = v128.load(p), x1 = v128.load(p, 16);
      let s = v128.load32_splat(wp);
      a0 = f32x4.add(a0, f32x4.mul(x0, s));
      a1 = f32x4.add(a1, f32x4.mul(x1, s));
      s = v128.load32_splat(wp, 4);
      b0 = f32x4.add(b0, f32x4.mul(x0, s));
      b1 = f32x4.add(b1, f32x4.mul(x1, s));
      s = v128.load32_splat(wp, 8);
      c0 = f32x4.add(c0, f32x4.mul(x0, s));
      c1 = f32x4.add(c1, f32x4.mul(x1, s));
      s = v128.load32_splat(wp, 12);
      d0 = f32x4.add(d0, f32x4.mul(x0, s));
      d1 = f32x4.add(d1, f32x4.mul(x1, s));
      wp += wStride;
    }
    if (relu) {
      a0 = f32x4.pmax(zero, a0); a1 = f32x4.pmax(zero, a1);
      b0 = f32x4.pmax(zero, b0); b1 = f32x4.pmax(zero, b1);
      c0 = f32x4.pmax(zero, c0); c1 = f32x4.pmax(zero, c1);
      d0 = f32x4.pmax(zero, d0); d1 = f32x4.pmax(zero, d1);
    }
    const q = y + <usize>o * LANES;
    v128.store(q, a0, 0); v128.store(q, a1, 16);
    v128.store(q, b0, 32); v128.store(q, b1, 48);
    v128.store(q, c0, 64); v128.store(q, c1, 80);
    v128.store(q, d0, 96); v128.store(q, d1, 112);
  }
}

// corner sums of the level at hand: lower and upper x, features 0 and 1
let low0: v128 = f32x4.splat(0);
let low1: v128 = f32x4.splat(0);
let high0: v128 = f32x4.splat(0);
let high1: v128 = f32x4.splat(0);

/** Network inputs of four points: xyz = 2 u - 1, then two features a level. `row`: lane 0 of the four. */
function encode4(p: usize, stride: usize, row: usize): void {
  const one = f32x4.splat(1), zero = f32x4.splat(0), two = f32x4.splat(2);
  const ux = v128.load(p), uy = v128.load(p + stride), uz = v128.load(p + 2 * stride);
  v128.store(row, f32x4.sub(f32x4.mul(two, ux), one));
  v128.store(row, f32x4.sub(f32x4.mul(two, uy), one), 32);
  v128.store(row, f32x4.sub(f32x4.mul(two, uz), one), 64);
  const cx = f32x4.min(f32x4.max(ux, zero), one);
  const cy = f32x4.min(f32x4.max(uy, zero), one);
  const cz = f32x4.min(f32x4.max(uz, zero), one);
  let out = row + 96;
  let level = levels;
  for (let l = 0; l < levelCount; l++) {
    const n = load<i32>(level);
    const table = params + load<u32>(level, 4);
    const mask = load<u32>(level, 8);
    level += 16;
    const edge = f32x4.splat(<f32>n), last = i32x4.splat(n - 1);
    const gx = f32x4.mul(cx, edge), gy = f32x4.mul(cy, edge), gz = f32x4.mul(cz, edge);
    const ix = i32x4.min_s(i32x4.trunc_sat_f32x4_s(gx), last);
    const iy = i32x4.min_s(i32x4.trunc_sat_f32x4_s(gy), last);
    const iz = i32x4.min_s(i32x4.trunc_sat_f32x4_s(gz), last);
    const fx = f32x4.sub(gx, f32x4.convert_i32x4_s(ix));
    const fy = f32x4.sub(gy, f32x4.convert_i32x4_s(iy));
    const fz = f32x4.sub(gz, f32x4.convert_i32x4_s(iz));
    const ex = f32x4.sub(one, fx), ey = f32x4.sub(one, fy), ez = f32x4.sub(one, fz);
    const w00 = f32x4.mul(ey, ez), w10 = f32x4.mul(fy, ez), w01 = f32x4.mul(ey, fz), w11 = f32x4.mul(fy, fz);
    const sx = i32x4.extract_lane(ix, 0), sy = i32x4.extract_lane(iy, 0), sz = i32x4.extract_lane(iz, 0);
    const same = v128.and(
      v128.and(i32x4.eq(ix, i32x4.splat(sx)), i32x4.eq(iy, i32x4.splat(sy))),
      i32x4.eq(iz, i32x4.splat(sz)),
    );
    low0 = zero; low1 = zero; high0 = zero; high1 = zero;
    if (i32x4.all_true(same)) {
      let i000: usize, i100: usize, i010: usize, i110: usize, i001: usize, i101: usize, i011: usize, i111: usize;
      if (mask == 0) {
        const n1 = <usize>(n + 1) << 3;
        const n2 = n1 * <usize>(n + 1);
        i000 = table + (<usize>sx << 3) + n1 * <usize>sy + n2 * <usize>sz;
        i010 = i000 + n1;
        i001 = i000 + n2;
        i011 = i001 + n1;
        i100 = i000 + 8;
        i110 = i010 + 8;
        i101 = i001 + 8;
        i111 = i011 + 8;
      } else {
        const x0 = <u32>sx, x1 = x0 + 1;
        const y0 = <u32>sy * PRIME_Y, y1 = y0 + PRIME_Y;
        const z0 = <u32>sz * PRIME_Z, z1 = z0 + PRIME_Z;
        i000 = table + (<usize>((x0 ^ y0 ^ z0) & mask) << 3);
        i100 = table + (<usize>((x1 ^ y0 ^ z0) & mask) << 3);
        i010 = table + (<usize>((x0 ^ y1 ^ z0) & mask) << 3);
        i110 = table + (<usize>((x1 ^ y1 ^ z0) & mask) << 3);
        i001 = table + (<usize>((x0 ^ y0 ^ z1) & mask) << 3);
        i101 = table + (<usize>((x1 ^ y0 ^ z1) & mask) << 3);
        i011 = table + (<usize>((x0 ^ y1 ^ z1) & mask) << 3);
        i111 = table + (<usize>((x1 ^ y1 ^ z1) & mask) << 3);
      }
      addOne(i000, i100, ex, fx, w00);
      addOne(i010, i110, ex, fx, w10);
      addOne(i001, i101, ex, fx, w01);
      addOne(i011, i111, ex, fx, w11);
    } else {
      const up = i32x4.splat(1);
      if (mask == 0) {
        const n1 = i32x4.splat(n + 1);
        const n2 = i32x4.mul(n1, n1);
        const i000 = i32x4.add(ix, i32x4.add(i32x4.mul(n1, iy), i32x4.mul(n2, iz)));
        const i010 = i32x4.add(i000, n1), i001 = i32x4.add(i000, n2);
        const i011 = i32x4.add(i001, n1);
        addFour(table, i000, i32x4.add(i000, up), ex, fx, w00);
        addFour(table, i010, i32x4.add(i010, up), ex, fx, w10);
        addFour(table, i001, i32x4.add(i001, up), ex, fx, w01);
        addFour(table, i011, i32x4.add(i011, up), ex, fx, w11);
      } else {
        const bits = i32x4.splat(mask), py = i32x4.splat(PRIME_Y), pz = i32x4.splat(PRIME_Z);
        const x1 = i32x4.add(ix, up);
        const y0 = i32x4.mul(iy, py), z0 = i32x4.mul(iz, pz);
        const y1 = i32x4.add(y0, py), z1 = i32x4.add(z0, pz);
        const a = v128.xor(y0, z0), b = v128.xor(y1, z0), c = v128.xor(y0, z1), d = v128.xor(y1, z1);
        addFour(table, v128.and(v128.xor(ix, a), bits), v128.and(v128.xor(x1, a), bits), ex, fx, w00);
        addFour(table, v128.and(v128.xor(ix, b), bits), v128.and(v128.xor(x1, b), bits), ex, fx, w10);
        addFour(table, v128.and(v128.xor(ix, c), bits), v128.and(v128.xor(x1, c), bits), ex, fx, w01);
        addFour(table, v128.and(v128.xor(ix, d), bits), v128.and(v128.xor(x1, d), bits), ex, fx, w11);
      }
    }
    v128.store(out, f32x4.add(low0, high0));
    v128.store(out, f32x4.add(low1, high1), 32);
    out += 64;
  }
  const end = row + 19 * LANES;
  for (; out < end; out += LANES) v128.store(out, zero);
}

/** The two corners of an edge along x, the same for all four points. */
@inline
function addOne(left: usize, right: usize, ex: v128, fx: v128, w: v128): void {
  const wl = f32x4.mul(ex, w), wr = f32x4.mul(fx, w);
  low0 = f32x4.add(low0, f32x4.mul(wl, v128.load32_splat(left)));
  low1 = f32x4.add(low1, f32x4.mul(wl, v128.load32_splat(left, 4)));
  high0 = f32x4.add(high0, f32x4.mul(wr, v128.load32_splat(right)));
  high1 = f32x4.add(high1, f32x4.mul(wr, v128.load32_splat(right, 4)));
}

/** The two corners of an edge along x, each point's own. */
@inline
function addFour(table: usize, left: v128, right: v128, ex: v128, fx: v128, w: v128): void {
  const wl = f32x4.mul(ex, w), wr = f32x4.mul(fx, w);
  let a = gather(table, i32x4.extract_lane(left, 0), i32x4.extract_lane(left, 1));
  let b = gather(table, i32x4.extract_lane(left, 2), i32x4.extract_lane(left, 3));
  low0 = f32x4.add(low0, f32x4.mul(wl, v128.shuffle<f32>(a, b, 0, 2, 4, 6)));
  low1 = f32x4.add(low1, f32x4.mul(wl, v128.shuffle<f32>(a, b, 1, 3, 5, 7)));
  a = gather(table, i32x4.extract_lane(right, 0), i32x4.extract_lane(right, 1));
  b = gather(table, i32x4.extract_lane(right, 2), i32x4.extract_lane(right, 3));
  high0 = f32x4.add(high0, f32x4.mul(wr, v128.shuffle<f32>(a, b, 0, 2, 4, 6)));
  high1 = f32x4.add(high1, f32x4.mul(wr, v128.shuffle<f32>(a, b, 1, 3, 5, 7)));
}

@inline
function gather(table: usize, i: i32, j: i32): v128 {
  return v128.load64_lane(table + (<usize>j << 3), v128.load64_zero(table + (<usize>i << 3)), 1);
}
