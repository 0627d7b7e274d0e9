// Dense layers on blocks of 4 rows. Weights are [in][out]; a block of 4 rows x 8 outputs lives in 8 registers (measured 37-46 GFLOP/s on one
// thread in Node 20; 4 x 4 and 8 x 4 blocks were slower).

/** y[4][outs] = x[4][ins] w[ins][outs] + bias (bias 0: none); outs a multiple of 4. Strides in bytes. */
export function dense4(x: usize, xStride: usize, w: usize, ins: i32, outs: i32, bias: usize, y: usize, yStride: usize, relu: bool): void {
  const wStride = <usize>outs * 4;
  const zero = f32x4.splat(0);
  const inBytes = <usize>ins * 4;
  let o: i32 = 0;
  for (; o + 8 <= outs; o += 8) {
    let a0 = zero, a1 = zero;
    if (bias) {
      a0 = v128.load(bias + <usize>o * 4);
      a1 = v128.load(bias + <usize>o * 4, 16);
    }
    let b0 = a0, b1 = a1, c0 = a0, c1 = a1, d0 = a0, d1 = a1;
    let wp = w + <usize>o * 4;
    const end = x + inBytes;
    const x1 = xStride, x2 = xStride * 2, x3 = xStride * 3;
    for (let p = x; p < end; p += 4) {
      const w0 = v128.load(wp);
      const w1 = v128.load(wp, 16);
      wp += wStride;
      let v = v128.load32_splat(p);
      a0 = f32x4.add(a0, f32x4.mul(v, w0));
      a1 = f32x4.add(a1, f32x4.mul(v, w1));
      v = v128.load32_splat(p + x1);
      b0 = f32x4.add(b0, f32x4.mul(v, w0));
      b1 = f32x4.add(b1, f32x4.mul(v, w1));
      v = v128.load32_splat(p + x2);
      c0 = f32x4.add(c0, f32x4.mul(v, w0));
      c1 = f32x4.add(c1, f32x4.mul(v, w1));
      v = v128.load32_splat(p + x3);
      d0 = f32x4.add(d0, f32x4.mul(v, w0));
      d1 = f32x4.add(d1, f32x4.mul(v, w1));
    }
    if (relu) {
      a0 = f32x4.pmax(zero, a0); a1 = f32x4.pmax(zero, a1);
      b0 = f32x4.pmax(zero, b0); b1 = f32x4.pmax(zero, b1);
      c0 = f32x4.pmax(zero, c0); c1 = f32x4.pmax(zero, c1);
      d0 = f32x4.pmax(zero, d0); d1 = f32x4.pmax(zero, d1);
    }
    let q = y + <usize>o * 4;
    v128.store(q, a0); v128.store(q, a1, 16);
    q += yStride;
    v128.store(q, b0); v128.store(q, b1, 16);
    q += yStride;
    v128.store(q, c0); v128.store(q, c1, 16);
    q += yStride;
    v128.store(q, d0); v128.store(q, d1, 16);
  }
  for (; o < outs; o += 4) {
    let a0 = zero;
    if (bias) a0 = v128.load(bias + <usize>o * 4);
    let b0 = a0, c0 = a0, d0 = a0;
    let wp = w + <usize>o * 4;
    const end = x + inBytes;
    for (let p = x; p < end; p += 4) {
      const w0 = v128.load(wp);
      wp += wStride;
      a0 = f32x4.add(a0, f32x4.mul(v128.load32_splat(p), w0));
      b0 = f32x4.add(b0, f32x4.mul(v128.load32_splat(p + xStride), w0));
      c0 = f32x4.add(c0, f32x4.mul(v128.load32_splat(p + xStride * 2), w0));
      d0 = f32x4.add(d0, f32x4.mul(v128.load32_splat(p + xStride * 3), w0));
    }
    if (relu) {
      a0 = f32x4.pmax(zero, a0);
      b0 = f32x4.pmax(zero, b0);
      c0 = f32x4.pmax(zero, c0);
      d0 = f32x4.pmax(zero, d0);
    }
    let q = y + <usize>o * 4;
    v128.store(q, a0);
    v128.store(q + yStride, b0);
    v128.store(q + yStride * 2, c0);
    v128.store(q + yStride * 3, d0);
  }
}

/** out = h[32] . w[32] + bias */
@inline
export function dot32(h: usize, w: usize, bias: f32): f32 {
  let a = f32x4.mul(v128.load(h), v128.load(w));
  let b = f32x4.mul(v128.load(h, 16), v128.load(w, 16));
  a = f32x4.add(a, f32x4.mul(v128.load(h, 32), v128.load(w, 32)));
  b = f32x4.add(b, f32x4.mul(v128.load(h, 48), v128.load(w, 48)));
  a = f32x4.add(a, f32x4.mul(v128.load(h, 64), v128.load(w, 64)));
  b = f32x4.add(b, f32x4.mul(v128.load(h, 80), v128.load(w, 80)));
  a = f32x4.add(a, f32x4.mul(v128.load(h, 96), v128.load(w, 96)));
  b = f32x4.add(b, f32x4.mul(v128.load(h, 112), v128.load(w, 112)));
  a = f32x4.add(a, b);
  return f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1) + (f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3)) + bias;
}

/** dw[ins4][outs] += sum over rows of x[row][in] d[row][out]; ins4 a multiple of 4 (padding columns of x are 0), outs a multiple of 4. */
export function outer(x: usize, xStride: usize, d: usize, dStride: usize, rows: i32, ins4: i32, outs: i32, dw: usize): void {
  if (rows == 0) return;
  const wStride = <usize>outs * 4;
  for (let i = 0; i < ins4; i += 4) {
    let o = 0;
    for (; o + 8 <= outs; o += 8) {
      let q = dw + <usize>i * wStride + <usize>o * 4;
      let a0 = v128.load(q), a1 = v128.load(q, 16);
      let b0 = v128.load(q + wStride), b1 = v128.load(q + wStride, 16);
      let c0 = v128.load(q + wStride * 2), c1 = v128.load(q + wStride * 2, 16);
      let e0 = v128.load(q + wStride * 3), e1 = v128.load(q + wStride * 3, 16);
      let xp = x + <usize>i * 4;
      let dp = d + <usize>o * 4;
      const end = dp + <usize>rows * dStride;
      while (dp < end) {
        const d0 = v128.load(dp);
        const d1 = v128.load(dp, 16);
        let v = v128.load32_splat(xp);
        a0 = f32x4.add(a0, f32x4.mul(v, d0));
        a1 = f32x4.add(a1, f32x4.mul(v, d1));
        v = v128.load32_splat(xp, 4);
        b0 = f32x4.add(b0, f32x4.mul(v, d0));
        b1 = f32x4.add(b1, f32x4.mul(v, d1));
        v = v128.load32_splat(xp, 8);
        c0 = f32x4.add(c0, f32x4.mul(v, d0));
        c1 = f32x4.add(c1, f32x4.mul(v, d1));
        v = v128.load32_splat(xp, 12);
        e0 = f32x4.add(e0, f32x4.mul(v, d0));
        e1 = f32x4.add(e1, f32x4.mul(v, d1));
        xp += xStride;
        dp += dStride;
      }
      v128.store(q, a0); v128.store(q, a1, 16);
      q += wStride;
      v128.store(q, b0); v128.store(q, b1, 16);
      q += wStride;
      v128.store(q, c0); v128.store(q, c1, 16);
      q += wStride;
      v128.store(q, e0); v128.store(q, e1, 16);
    }
    for (; o < outs; o += 4) {
      let q = dw + <usize>i * wStride + <usize>o * 4;
      let a = v128.load(q), b = v128.load(q + wStride), c = v128.load(q + wStride * 2), e = v128.load(q + wStride * 3);
      let xp = x + <usize>i * 4;
      let dp = d + <usize>o * 4;
      const end = dp + <usize>rows * dStride;
      while (dp < end) {
        const d0 = v128.load(dp);
        a = f32x4.add(a, f32x4.mul(v128.load32_splat(xp), d0));
        b = f32x4.add(b, f32x4.mul(v128.load32_splat(xp, 4), d0));
        c = f32x4.add(c, f32x4.mul(v128.load32_splat(xp, 8), d0));
        e = f32x4.add(e, f32x4.mul(v128.load32_splat(xp, 12), d0));
        xp += xStride;
        dp += dStride;
      }
      v128.store(q, a);
      v128.store(q + wStride, b);
      v128.store(q + wStride * 2, c);
      v128.store(q + wStride * 3, e);
    }
  }
}

/** db[outs] += sum over rows of d[row][out] */
export function columnSum(d: usize, dStride: usize, rows: i32, outs: i32, db: usize): void {
  for (let o = 0; o < outs; o += 4) {
    let dp = d + <usize>o * 4;
    let a = v128.load(db + <usize>o * 4);
    for (let r = 0; r < rows; r++) {
      a = f32x4.add(a, v128.load(dp));
      dp += dStride;
    }
    v128.store(db + <usize>o * 4, a);
  }
}

/** d[row][c] = 0 where h[row][c] is not positive; both contiguous with 32 columns. */
export function reluMask32(d: usize, h: usize, rows: i32): void {
  const zero = f32x4.splat(0);
  const end = d + <usize>rows * 128;
  while (d < end) {
    v128.store(d, v128.and(v128.load(d), f32x4.gt(v128.load(h), zero)));
    d += 16;
    h += 16;
  }
}

/** t[out][in] = w[in][out]; rows of t have tIns columns. */
export function transpose(w: usize, ins: i32, outs: i32, t: usize, tIns: i32): void {
  for (let o = 0; o < outs; o++)
    for (let i = 0; i < tIns; i++)
      store<f32>(t + <usize>(o * tIns + i) * 4, i < ins ? load<f32>(w + <usize>(i * outs + o) * 4) : <f32>0);
}
