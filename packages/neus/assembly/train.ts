import * as S from './state';
import { columnSum, dense4, dot32, outer, reluMask32, transpose } from './dense';
import { encode, scatter } from './grid';
import { exp, log, rayKey, uniform } from './math';

const MAX_SAMPLES: i32 = 512;
const STOP: f32 = 1e-3;
const COLOR_WEIGHT_MIN: f32 = 5e-4;
const COLOR_EPSILON: f32 = 1e-3;
const MASK_EPSILON: f32 = 1e-2;
const ONE: f32 = 1;
const HALF: f32 = 0.5;
const ROW: usize = 80; // bytes of an input row
const EIKONAL_OF_RAY: f32 = 0.5;
const EIKONAL_OF_SURFACE: f32 = 0.25;
const SURFACE_TRIES: i32 = 8;
const CURVATURE_KNEE: f32 = 10;
export const CELL_MARCHED: u32 = 1;
export const CELL_SURFACE: u32 = 2;
// where an eikonal point lies
const ANYWHERE: i32 = 0;
const NEAR_SURFACE: i32 = 1;

let sampleCount: i32 = 0;
let colorCount: i32 = 0;

// sums of the group over a step, written to its metrics at the end
let sumColor: f64 = 0;
let sumMask: f64 = 0;
let sumEikonal: f64 = 0;
let sumSquared: f64 = 0;
let sumForeground: f64 = 0;
let sumSamples: f64 = 0;
let sumColored: f64 = 0;
let sumActive: f64 = 0;

@inline
function at4(base: usize, i: i32): usize {
  return base + (<usize>i << 2);
}

/** Transposed weights for the backward pass; after every change of the parameters. */
export function prepare(): void {
  transpose(S.params + S.W1, S.SDF_IN, 32, S.W1T, 20);
  transpose(S.params + S.W2, 32, 16, S.W2T, 32);
  transpose(S.params + S.C1, S.COLOR_IN, 32, S.C1T, 20);
  transpose(S.params + S.C2, 32, 32, S.C2T, 32);
  transpose(S.params + S.C3, 32, 4, S.C3T, 32);
}

/** SDF of rows [row, row + 4), whose inputs are encoded; fills H and F. */
export function sdf4(row: i32): void {
  const h = S.H + <usize>row * 128;
  dense4(S.X + <usize>row * ROW, ROW, S.params + S.W1, S.SDF_IN, 32, S.params + S.B1, h, 128, true);
  const bias = load<f32>(S.params + S.B2);
  const f = at4(S.F, row);
  store<f32>(f, dot32(h, S.W2T, bias));
  store<f32>(f, dot32(h + 128, S.W2T, bias), 4);
  store<f32>(f, dot32(h + 256, S.W2T, bias), 8);
  store<f32>(f, dot32(h + 384, S.W2T, bias), 12);
}

// the ray being marched
let ox: f32 = 0, oy: f32 = 0, oz: f32 = 0;
let dx: f32 = 0, dy: f32 = 0, dz: f32 = 0;
let transmittance: f32 = 1;
let walked: i32 = 0; // samples of the ray whose segment from the one before is walked

/** Walks the segments that end at samples [walked, end). Returns false when the ray is over. */
function walk(start: i32, end: i32): bool {
  const s = S.sharpness;
  for (let j = walked; j < end; j++) {
    const e = exp(-min<f32>(max<f32>(s * load<f32>(at4(S.F, j)), -30), 30));
    if (j > start) {
      if (transmittance < STOP) {
        store<i32>(at4(S.LINK, j - 1), 0);
        sampleCount = j;
        return false;
      }
    }
    let through: f32;
    if (j > start && load<i32>(at4(S.LINK, j - 1))) {
      through = min<f32>(1, (1 + load<f32>(at4(S.E, j - 1))) / (1 + e));
      const next = transmittance * through;
      store<f32>(at4(S.TW, j - 1), transmittance - next);
      store<f32>(at4(S.TT, j - 1), next);
      store<f32>(at4(S.EW, j), 0);
      transmittance = next;
    } else {
      // a run of samples begins: from far outside to here in one go
      through = ONE / (1 + e);
      const next = transmittance * through;
      store<f32>(at4(S.EW, j), transmittance - next);
      store<f32>(at4(S.ET, j), next);
      transmittance = next;
    }
    store<f32>(at4(S.E, j), e);
  }
  walked = end;
  return true;
}

/** Marches ray r of the step into the chunk: samples, weights, rows of the colour list. */
function marchRay(r: i32, slot: i32): void {
  const key = rayKey(S.seed, S.step, r);
  let list = S.foreground;
  let count = S.foregroundCount;
  if (!(uniform(key, 0) < S.foregroundShare ? count > 0 : S.backgroundCount == 0)) {
    list = S.background;
    count = S.backgroundCount;
  }
  const pixel = load<u32>(at4(list, min<i32>(count - 1, <i32>(uniform(key, 1) * <f32>count))));
  let low = 0;
  let high = S.viewCount;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (load<u32>(at4(S.viewStart, middle)) <= pixel) low = middle;
    else high = middle;
  }
  const camera = S.cameras + <usize>low * 64;
  const width = <u32>load<f32>(camera, 28);
  const local = pixel - load<u32>(at4(S.viewStart, low));
  const row = local / width;
  const px = <f32>(local - row * width) + 0.5;
  const py = <f32>row + 0.5;
  ox = load<f32>(camera);
  oy = load<f32>(camera, 4);
  oz = load<f32>(camera, 8);
  dx = load<f32>(camera, 16) * px + load<f32>(camera, 32) * py + load<f32>(camera, 48);
  dy = load<f32>(camera, 20) * px + load<f32>(camera, 36) * py + load<f32>(camera, 52);
  dz = load<f32>(camera, 24) * px + load<f32>(camera, 40) * py + load<f32>(camera, 56);
  const inv: f32 = ONE / sqrt<f32>(dx * dx + dy * dy + dz * dz);
  dx *= inv;
  dy *= inv;
  dz *= inv;

  const rgba = load<u32>(at4(S.pixels, <i32>pixel));
  const a = <f32>(rgba >> 24) * <f32>(1.0 / 255.0);
  const ray = S.RAYS + <usize>slot * 64;
  for (let c = 0; c < 3; c++) {
    const b = uniform(key, 3 + c);
    const value = <f32>((rgba >> (8 * c)) & 255) * <f32>(1.0 / 255.0);
    store<f32>(ray + <usize>c * 4, a * value + (1 - a) * b);
    store<f32>(ray + <usize>c * 4, b, 16);
  }
  store<f32>(ray, a, 12);
  store<f32>(ray, load<f32>(camera, 12), 28);
  const start = sampleCount;
  store<i32>(ray, start, 32);
  store<u32>(ray, key, 40);
  store<i32>(ray, (rgba >> 24) >= 128 ? 1 : 0, 44);

  let near: f32 = 0;
  let far: f32 = 1e30;
  for (let k = 0; k < 3; k++) {
    let d = k == 0 ? dx : k == 1 ? dy : dz;
    const o = k == 0 ? ox : k == 1 ? oy : oz;
    if (abs<f32>(d) < 1e-9) d = d < 0 ? -1e-9 : 1e-9;
    const t0 = -o / d;
    const t1 = (ONE - o) / d;
    near = max<f32>(near, min<f32>(t0, t1));
    far = min<f32>(far, max<f32>(t0, t1));
  }

  transmittance = 1;
  walked = start;
  let alive = true;
  let fresh = 0;
  let previousLive = false;
  const edge = S.gridEdge;
  const scale = <f32>edge;
  const jitter = uniform(key, 2);
  for (let k = 0; k < MAX_SAMPLES; k++) {
    const t = near + (<f32>k + jitter) * S.marchStep;
    if (!(t < far)) break;
    const x = ox + t * dx;
    const y = oy + t * dy;
    const z = oz + t * dz;
    const cx = min<i32>(max<i32>(<i32>(x * scale), 0), edge - 1);
    const cy = min<i32>(max<i32>(<i32>(y * scale), 0), edge - 1);
    const cz = min<i32>(max<i32>(<i32>(z * scale), 0), edge - 1);
    const occupied = (load<u8>(S.occupancy + <usize>(cx + edge * (cy + edge * cz))) & CELL_MARCHED) != 0;
    const live = occupied && near + (<f32>(k + 1) + jitter) * S.marchStep < far;
    if (live || previousLive) {
      store<i32>(at4(S.LINK, sampleCount), live ? 1 : 0);
      encode(S.X + <usize>sampleCount * ROW, x, y, z);
      sampleCount++;
      fresh++;
      if (fresh == 4) {
        fresh = 0;
        sdf4(sampleCount - 4);
        alive = walk(start, sampleCount);
        if (!alive) break;
      }
    }
    previousLive = live;
  }
  if (alive && fresh > 0) {
    sdf4(sampleCount - fresh);
    walk(start, sampleCount);
  }
  const end = sampleCount;
  store<i32>(ray, end, 36);

  // sample weights and the colour list
  let before: f32 = 0;
  for (let j = start; j < end; j++) {
    const w = load<i32>(at4(S.LINK, j)) ? load<f32>(at4(S.TW, j)) : <f32>0;
    const weight: f32 = HALF * (before + w) + load<f32>(at4(S.EW, j));
    before = w;
    if (weight >= COLOR_WEIGHT_MIN) {
      store<i32>(at4(S.CIX, j), colorCount);
      store<f32>(at4(S.CW, colorCount), weight);
      store<i32>(at4(S.CS, colorCount), j);
      colorCount++;
    } else store<i32>(at4(S.CIX, j), -1);
  }
}

/** Colours of the colour list. */
function colorForward(): void {
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
function compositeRay(slot: i32): void {
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
  sumColor += <f64>root;
  sumMask -= <f64>(a * log(clamped) + (1 - a) * log(1 - clamped));
  if (load<i32>(ray, 44)) {
    sumSquared += <f64>squared;
    sumForeground += 1;
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

/** Draws the eikonal point of a ray and evaluates its taps, the corners of a tetrahedron around it. */
function eikonalTaps(slot: i32): void {
  const ray = S.RAYS + <usize>slot * 64;
  const start = load<i32>(ray, 32);
  const n = load<i32>(ray, 36) - start;
  const key = load<u32>(ray, 40);
  const draw = uniform(key, 6);
  let kind = ANYWHERE;
  let x = uniform(key, 7);
  let y = uniform(key, 8);
  let z = uniform(key, 9);
  if (draw < EIKONAL_OF_RAY && n > 0) {
    kind = NEAR_SURFACE;
    const from = S.X + <usize>(start + min<i32>(n - 1, <i32>((draw + draw) * <f32>n))) * ROW;
    x = load<f32>(from) * 0.5 + 0.5;
    y = load<f32>(from, 4) * 0.5 + 0.5;
    z = load<f32>(from, 8) * 0.5 + 0.5;
  } else if (draw < EIKONAL_OF_RAY + EIKONAL_OF_SURFACE && S.hullCellCount > 0) {
    let cell = 0;
    let flags: u32 = 0;
    for (let k = 0; k < SURFACE_TRIES && !(flags & CELL_SURFACE); k++) {
      cell = load<i32>(at4(S.hullCells, min<i32>(S.hullCellCount - 1, <i32>(uniform(key, 10 + k) * <f32>S.hullCellCount))));
      flags = load<u8>(S.occupancy + <usize>cell);
    }
    kind = NEAR_SURFACE;
    const edge = S.gridEdge;
    x = (<f32>(cell % edge) + x) / <f32>edge;
    y = (<f32>((cell / edge) % edge) + y) / <f32>edge;
    z = (<f32>(cell / (edge * edge)) + z) / <f32>edge;
  }
  const h = S.tap;
  x = min<f32>(max<f32>(x, h), 1 - h);
  y = min<f32>(max<f32>(y, h), 1 - h);
  z = min<f32>(max<f32>(z, h), 1 - h);
  store<f32>(ray, x, 48);
  store<f32>(ray, y, 52);
  store<f32>(ray, z, 56);
  store<i32>(ray, kind, 60);
  const row = sampleCount;
  sampleCount += 4;
  const at = S.X + <usize>row * ROW;
  encode(at, x + h, y - h, z - h);
  encode(at + ROW, x - h, y - h, z + h);
  encode(at + ROW * 2, x - h, y + h, z - h);
  encode(at + ROW * 3, x + h, y + h, z + h);
  sdf4(row);
}

/** Losses of a ray's eikonal point and the SDF gradients of its taps (4 rows from `row`) and its centre. */
function eikonalLoss(slot: i32, row: i32, centre: i32): void {
  const kind = load<i32>(S.RAYS + <usize>slot * 64, 60);
  const f = at4(S.F, row);
  const f0 = load<f32>(f), f1 = load<f32>(f, 4), f2 = load<f32>(f, 8), f3 = load<f32>(f, 12);
  const h = S.tap;
  const perRay = ONE / <f32>S.rayCount;
  const quarter: f32 = <f32>0.25 / h;
  const gx = (f0 - f1 - f2 + f3) * quarter;
  const gy = (f3 + f2 - f0 - f1) * quarter;
  const gz = (f1 + f3 - f0 - f2) * quarter;
  const norm = max<f32>(sqrt<f32>(gx * gx + gy * gy + gz * gz), 1e-6);
  sumEikonal += <f64>((norm - 1) * (norm - 1));
  const k = ((S.eikonalWeight * perRay * 2 * (norm - 1)) / norm) * quarter;
  const ax = k * gx, ay = k * gy, az = k * gz;
  let tap: f32 = 0; // dL / df of each tap, of the curvature
  let own: f32 = 0; // of the centre
  if (kind != ANYWHERE) {
    const scale: f32 = <f32>2 / (h * h);
    const laplacian = ((f0 + f1 + f2 + f3) * <f32>0.25 - load<f32>(at4(S.F, centre))) * scale;
    const bend = (S.curvatureWeight * perRay * laplacian) / sqrt<f32>(laplacian * laplacian + CURVATURE_KNEE * CURVATURE_KNEE);
    tap = bend * scale * <f32>0.25;
    own = -bend * scale;
  }
  const d = at4(S.DF, row);
  store<f32>(d, ax - ay - az + tap);
  store<f32>(d, az - ax - ay + tap, 4);
  store<f32>(d, ay - ax - az + tap, 8);
  store<f32>(d, ax + ay + az + tap, 12);
  store<f32>(at4(S.DF, centre), own);
  for (let b = 0; b < 4; b++) store<i32>(at4(S.CIX, row + b), -1);
}

/** Eikonal points of the chunk's rays: 5 more rows each. */
function eikonalRays(rays: i32): void {
  const taps = sampleCount;
  for (let i = 0; i < rays; i++) eikonalTaps(i);
  const centres = sampleCount;
  for (let i = 0; i < rays; i += 4) {
    // the last block repeats the last ray, without a gradient
    for (let b = 0; b < 4; b++) {
      const ray = S.RAYS + <usize>min<i32>(rays - 1, i + b) * 64;
      encode(S.X + <usize>(sampleCount + b) * ROW, load<f32>(ray, 48), load<f32>(ray, 52), load<f32>(ray, 56));
      store<f32>(at4(S.DF, sampleCount + b), 0);
      store<i32>(at4(S.CIX, sampleCount + b), -1);
    }
    sdf4(sampleCount);
    sampleCount += 4;
  }
  for (let i = 0; i < rays; i++) eikonalLoss(i, taps + 4 * i, centres + i);
}

/** Gradients of all parameters from DF of the samples and DRGB of the colour list. */
function backward(grad: usize): void {
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
  sumActive += <f64>m;
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

/** Forward and backward of a group's share of the step's rays; gradients are added to the group's table, sums to its metrics. */
export function train(group: i32): void {
  const grad = S.gradBase + <usize>group * S.gradStride;
  sumColor = sumMask = sumEikonal = sumSquared = sumForeground = sumSamples = sumColored = sumActive = 0;
  const last = <i32>((<i64>S.rayCount * (group + 1)) / S.groups);
  let r = <i32>((<i64>S.rayCount * group) / S.groups);
  while (r < last) {
    sampleCount = 0;
    colorCount = 0;
    let rays = 0;
    while (r < last && rays < S.CHUNK_RAYS && sampleCount + MAX_SAMPLES + 8 + 5 * S.CHUNK_RAYS <= S.CAPACITY) {
      marchRay(r, rays);
      r++;
      rays++;
    }
    sumSamples += <f64>sampleCount;
    sumColored += <f64>colorCount;
    colorForward();
    for (let i = 0; i < rays; i++) compositeRay(i);
    eikonalRays(rays);
    backward(grad);
  }
  const m = S.metrics + <usize>group * 64;
  store<f64>(m, load<f64>(m) + sumColor);
  store<f64>(m, load<f64>(m, 8) + sumMask, 8);
  store<f64>(m, load<f64>(m, 16) + sumEikonal, 16);
  store<f64>(m, load<f64>(m, 24) + sumSquared, 24);
  store<f64>(m, load<f64>(m, 32) + sumForeground, 32);
  store<f64>(m, load<f64>(m, 40) + sumSamples, 40);
  store<f64>(m, load<f64>(m, 48) + sumColored, 48);
  store<f64>(m, load<f64>(m, 56) + sumActive, 56);
}

/** Adds the gradients of scale / 2 sum (f - target)^2 over points [count, 4] (xyz in the cube, target) to a group's table. count is at most CAPACITY. */
export function regress(group: i32, points: usize, count: i32, scale: f32): void {
  sampleCount = count;
  colorCount = 0;
  for (let i = 0; i < count; i++) {
    const p = points + <usize>i * 16;
    encode(S.X + <usize>i * ROW, load<f32>(p), load<f32>(p, 4), load<f32>(p, 8));
    store<i32>(at4(S.CIX, i), -1);
  }
  for (let i = 0; i < count; i += 4) sdf4(i);
  for (let i = 0; i < count; i++) store<f32>(at4(S.DF, i), (load<f32>(at4(S.F, i)) - load<f32>(points + <usize>i * 16, 12)) * scale);
  backward(S.gradBase + <usize>group * S.gradStride);
}
