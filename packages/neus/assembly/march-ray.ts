import { at4, colorCount, HALF, ONE, ROW, sampleCount, setColorCount, setSampleCount } from './chunk';
import { encode } from './grid';
import { exp, rayKey, uniform } from './math';
import { sdf4 } from './sdf-network';
import * as S from './state';

/** Of a ray at most. */
export const MAX_SAMPLES: i32 = 512;
const STOP: f32 = 1e-3;
const COLOR_WEIGHT_MIN: f32 = 5e-4;
export const CELL_MARCHED: u32 = 1;
export const CELL_SURFACE: u32 = 2;

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
        setSampleCount(j);
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
export function marchRay(r: i32, slot: i32): void {
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
      setSampleCount(sampleCount + 1);
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
      setColorCount(colorCount + 1);
    } else store<i32>(at4(S.CIX, j), -1);
  }
}
