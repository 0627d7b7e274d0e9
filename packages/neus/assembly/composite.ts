import { at4, colorCount, HALF, ONE, ROW } from './chunk';
import { dense4 } from './dense';
import { exp, log } from './math';
import * as S from './state';
import { addColor, addForeground, addMask, addSquared } from './sums';

const COLOR_EPSILON: f32 = 1e-3;
const MASK_EPSILON: f32 = 1e-2;

/** Colours of the colour list. */
export function colorForward(): void {
  // rows of the list are gathered so that blocks of 4 have no holes; the last block repeats stale rows, which nothing reads
  for (let i = 0; i < colorCount; i++) memory.copy(S.BH + <usize>i * 128, S.H + <usize>load<i32>(at4(S.CS, i)) * 128, 128);
  for (let i = 0; i < colorCount; i += 4) {
    const o = S.O + <usize>i * 64;
    dense4(S.BH + <usize>i * 128, 128, S.params + S.W2, 32, 16, S.params + S.B2, o, 64, false);
    for (let b = 0; b < 4; b++) {
      const row = S.CI + <usize>(i + b) * ROW;
      const from = S.O + <usize>(i + b) * 64;
      for (let c: usize = 0; c < 60; c += 4) store<f32>(row + c, load<f32>(from + c, 4));
      if (i + b < colorCount) {
        const x = S.X + <usize>load<i32>(at4(S.CS, i + b)) * ROW;
        store<f32>(row, load<f32>(x), 60);
        store<f32>(row, load<f32>(x, 4), 64);
        store<f32>(row, load<f32>(x, 8), 68);
      }
      store<f32>(row, 0, 72);
      store<f32>(row, 0, 76);
    }
    colorNet4(i);
  }
}

/** Colour network on rows [i, i + 4) of the colour input. */
function colorNet4(i: i32): void {
  const h1 = S.H1 + <usize>i * 128;
  const h2 = S.H2 + <usize>i * 128;
  const rgb = S.RGB + <usize>i * 16;
  dense4(S.CI + <usize>i * ROW, ROW, S.params + S.C1, S.COLOR_IN, 32, S.params + S.D1, h1, 128, true);
  dense4(h1, 128, S.params + S.C2, 32, 32, S.params + S.D2, h2, 128, true);
  dense4(h2, 128, S.params + S.C3, 32, 4, S.params + S.D3, rgb, 16, false);
  for (let b: usize = 0; b < 64; b += 4) store<f32>(rgb + b, ONE / (ONE + exp(-load<f32>(rgb + b))));
}

/** Loss of a ray and the gradients of its samples: DF, and DRGB before the logistic function. */
export function compositeRay(slot: i32): void {
  const ray = S.RAYS + <usize>slot * 64;
  const start = load<i32>(ray, 32);
  const end = load<i32>(ray, 36);
  const a = load<f32>(ray, 12);
  const weight = load<f32>(ray, 28);
  const bx = load<f32>(ray, 16);
  const by = load<f32>(ray, 20);
  const bz = load<f32>(ray, 24);
  let cx: f32 = 0, cy: f32 = 0, cz: f32 = 0, opacity: f32 = 0;
  for (let j = start; j < end; j++) {
    opacity += load<f32>(at4(S.EW, j));
    if (load<i32>(at4(S.LINK, j))) opacity += load<f32>(at4(S.TW, j));
    const i = load<i32>(at4(S.CIX, j));
    if (i >= 0) {
      const w = load<f32>(at4(S.CW, i));
      const rgb = S.RGB + <usize>i * 16;
      cx += w * load<f32>(rgb);
      cy += w * load<f32>(rgb, 4);
      cz += w * load<f32>(rgb, 8);
    }
  }
  const ex = cx + (1 - opacity) * bx - load<f32>(ray);
  const ey = cy + (1 - opacity) * by - load<f32>(ray, 4);
  const ez = cz + (1 - opacity) * bz - load<f32>(ray, 8);
  const squared = ex * ex + ey * ey + ez * ez;
  const root = sqrt<f32>(squared + COLOR_EPSILON);
  const clamped = min<f32>(max<f32>(opacity, MASK_EPSILON), 1 - MASK_EPSILON);
  addColor(<f64>root);
  addMask(-(<f64>(a * log(clamped) + (1 - a) * log(1 - clamped))));
  if (load<i32>(ray, 44)) {
    addSquared(<f64>squared);
    addForeground(1);
  }
  const perRay = weight / <f32>S.rayCount;
  const gc = (S.colorWeight * perRay) / root;
  const gx = gc * ex, gy = gc * ey, gz = gc * ez; // dL/dC = dL/dpred
  const gm = S.maskWeight * perRay * ((ONE - a) / (ONE - clamped) - a / clamped);
  const ga = gm - (gx * bx + gy * by + gz * bz);

  // backwards along the ray with the suffix sum of G_j w_j; the colour term of a sample is shared by its two segments
  const s = S.sharpness;
  let suffix: f32 = 0;
  let colorNext: f32 = 0;
  for (let j = end - 1; j >= start; j--) {
    const i = load<i32>(at4(S.CIX, j));
    let color: f32 = 0;
    if (i >= 0) {
      const rgb = S.RGB + <usize>i * 16;
      const r = load<f32>(rgb), g = load<f32>(rgb, 4), b = load<f32>(rgb, 8);
      color = gx * r + gy * g + gz * b;
      const w = load<f32>(at4(S.CW, i));
      const d = S.DRGB + <usize>i * 16;
      store<f32>(d, gx * w * r * (1 - r));
      store<f32>(d, gy * w * g * (1 - g), 4);
      store<f32>(d, gz * w * b * (1 - b), 8);
      store<f32>(d, 0, 12);
    }
    let df: f32 = 0;
    if (load<i32>(at4(S.LINK, j))) {
      const segment: f32 = HALF * (color + colorNext) + ga;
      const w = load<f32>(at4(S.TW, j));
      if (w > 0) {
        const inner = s * (load<f32>(at4(S.TT, j)) * segment - suffix);
        const f0 = s * load<f32>(at4(S.F, j));
        const f1 = s * load<f32>(at4(S.F, j + 1));
        const e0 = load<f32>(at4(S.E, j));
        const e1 = load<f32>(at4(S.E, j + 1));
        if (abs<f32>(f0) < 30) df = (inner * e0) / (1 + e0);
        if (abs<f32>(f1) < 30) store<f32>(at4(S.DF, j + 1), load<f32>(at4(S.DF, j + 1)) - (inner * e1) / (1 + e1));
      }
      suffix += segment * w;
    }
    const entry = load<f32>(at4(S.EW, j));
    if (entry > 0) {
      const segment = color + ga;
      const e = load<f32>(at4(S.E, j));
      if (abs<f32>(s * load<f32>(at4(S.F, j))) < 30) df -= (s * (load<f32>(at4(S.ET, j)) * segment - suffix) * e) / (1 + e);
      suffix += segment * entry;
    }
    store<f32>(at4(S.DF, j), df);
    colorNext = color;
  }
}
