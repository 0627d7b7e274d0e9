import { at4, colorCount, ROW, sampleCount } from './chunk';
import { columnSum, dense4, outer, reluMask32 } from './dense';
import { scatter } from './grid';
import * as S from './state';
import { addActive } from './sums';

/** Gradients of all parameters from DF of the samples and DRGB of the colour list. */
export function backward(grad: usize): void {
  const n = colorCount;
  const n4 = (n + 3) & ~3;
  for (let i = n; i < n4; i++) v128.store(S.DRGB + <usize>i * 16, f32x4.splat(0));
  // colour network
  outer(S.H2, 128, S.DRGB, 16, n, 32, 4, grad + S.C3);
  columnSum(S.DRGB, 16, n, 4, grad + S.D3);
  for (let i = 0; i < n4; i += 4) dense4(S.DRGB + <usize>i * 16, 16, S.C3T, 4, 32, 0, S.D32A + <usize>i * 128, 128, false);
  reluMask32(S.D32A, S.H2, n4);
  outer(S.H1, 128, S.D32A, 128, n, 32, 32, grad + S.C2);
  columnSum(S.D32A, 128, n, 32, grad + S.D2);
  for (let i = 0; i < n4; i += 4) dense4(S.D32A + <usize>i * 128, 128, S.C2T, 32, 32, 0, S.D32B + <usize>i * 128, 128, false);
  reluMask32(S.D32B, S.H1, n4);
  outer(S.CI, ROW, S.D32B, 128, n, 20, 32, grad + S.C1);
  columnSum(S.D32B, 128, n, 32, grad + S.D1);
  for (let i = 0; i < n4; i += 4) dense4(S.D32B + <usize>i * 128, 128, S.C1T, 32, 20, 0, S.D20 + <usize>i * ROW, ROW, false);

  // rows of the SDF network with a gradient: those with colour first (their H is in BH already), then the others
  for (let i = 0; i < n; i++) {
    const j = load<i32>(at4(S.CS, i));
    const d = S.BD + <usize>i * 64;
    const from = S.D20 + <usize>i * ROW;
    store<f32>(d, load<f32>(at4(S.DF, j)));
    for (let c: usize = 0; c < 60; c += 4) store<f32>(d + c, load<f32>(from + c), 4);
    memory.copy(S.BX + <usize>i * ROW, S.X + <usize>j * ROW, ROW);
  }
  let m = n;
  for (let j = 0; j < sampleCount; j++) {
    if (load<i32>(at4(S.CIX, j)) >= 0) continue;
    const df = load<f32>(at4(S.DF, j));
    if (df == 0) continue;
    store<f32>(S.BD + <usize>m * 64, df);
    memory.copy(S.BX + <usize>m * ROW, S.X + <usize>j * ROW, ROW);
    memory.copy(S.BH + <usize>m * 128, S.H + <usize>j * 128, 128);
    m++;
  }
  addActive(<f64>m);
  outer(S.BH, 128, S.BD, 64, n, 32, 16, grad + S.W2);
  columnSum(S.BD, 64, n, 16, grad + S.B2);
  let full = 0;
  for (; full + 4 <= n; full += 4) dense4(S.BD + <usize>full * 64, 64, S.W2T, 16, 32, 0, S.D32A + <usize>full * 128, 128, false);
  for (; full < n; full++) {
    const y = S.D32A + <usize>full * 128;
    for (let o: usize = 0; o < 128; o += 16) {
      let sum = f32x4.splat(0);
      for (let c: usize = 0; c < 16; c++) sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(S.BD + <usize>full * 64 + c * 4), v128.load(S.W2T + c * 128 + o)));
      v128.store(y + o, sum);
    }
  }
  // rows with an SDF gradient only
  {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
    let bias: f32 = 0;
    const w0 = v128.load(S.W2T), w1 = v128.load(S.W2T, 16), w2 = v128.load(S.W2T, 32), w3 = v128.load(S.W2T, 48);
    const w4 = v128.load(S.W2T, 64), w5 = v128.load(S.W2T, 80), w6 = v128.load(S.W2T, 96), w7 = v128.load(S.W2T, 112);
    for (let i = n; i < m; i++) {
      const df = load<f32>(S.BD + <usize>i * 64);
      bias += df;
      const v = f32x4.splat(df);
      const y = S.D32A + <usize>i * 128;
      const h = S.BH + <usize>i * 128;
      v128.store(y, f32x4.mul(v, w0));
      v128.store(y, f32x4.mul(v, w1), 16);
      v128.store(y, f32x4.mul(v, w2), 32);
      v128.store(y, f32x4.mul(v, w3), 48);
      v128.store(y, f32x4.mul(v, w4), 64);
      v128.store(y, f32x4.mul(v, w5), 80);
      v128.store(y, f32x4.mul(v, w6), 96);
      v128.store(y, f32x4.mul(v, w7), 112);
      a0 = f32x4.add(a0, f32x4.mul(v, v128.load(h)));
      a1 = f32x4.add(a1, f32x4.mul(v, v128.load(h, 16)));
      a2 = f32x4.add(a2, f32x4.mul(v, v128.load(h, 32)));
      a3 = f32x4.add(a3, f32x4.mul(v, v128.load(h, 48)));
      a4 = f32x4.add(a4, f32x4.mul(v, v128.load(h, 64)));
      a5 = f32x4.add(a5, f32x4.mul(v, v128.load(h, 80)));
      a6 = f32x4.add(a6, f32x4.mul(v, v128.load(h, 96)));
      a7 = f32x4.add(a7, f32x4.mul(v, v128.load(h, 112)));
    }
    const g = grad + S.W2;
    addColumn(g, a0);
    addColumn(g + 256, a1);
    addColumn(g + 512, a2);
    addColumn(g + 768, a3);
    addColumn(g + 1024, a4);
    addColumn(g + 1280, a5);
    addColumn(g + 1536, a6);
    addColumn(g + 1792, a7);
    store<f32>(grad + S.B2, load<f32>(grad + S.B2) + bias);
  }
  reluMask32(S.D32A, S.BH, m);
  outer(S.BX, ROW, S.D32A, 128, m, 20, 32, grad + S.W1);
  columnSum(S.D32A, 128, m, 32, grad + S.B1);
  for (let i = 0; i < m; i += 4) dense4(S.D32A + <usize>i * 128, 128, S.W1T, 32, 20, 0, S.D20 + <usize>i * ROW, ROW, false);
  for (let i = 0; i < m; i++) scatter(grad, S.BX + <usize>i * ROW, S.D20 + <usize>i * ROW);
}

/** Adds 4 rows of column 0 of a [32][16] matrix. */
@inline
function addColumn(g: usize, v: v128): void {
  store<f32>(g, load<f32>(g) + f32x4.extract_lane(v, 0));
  store<f32>(g, load<f32>(g, 64) + f32x4.extract_lane(v, 1), 64);
  store<f32>(g, load<f32>(g, 128) + f32x4.extract_lane(v, 2), 128);
  store<f32>(g, load<f32>(g, 192) + f32x4.extract_lane(v, 3), 192);
}
