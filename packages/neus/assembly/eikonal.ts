import { at4, ONE, ROW, sampleCount, setSampleCount } from './chunk';
import { encode } from './grid';
import { CELL_SURFACE } from './march-ray';
import { uniform } from './math';
import { sdf4 } from './sdf-network';
import * as S from './state';
import { addEikonal } from './sums';

const EIKONAL_OF_RAY: f32 = 0.5;
const EIKONAL_OF_SURFACE: f32 = 0.25;
const SURFACE_TRIES: i32 = 8;
const CURVATURE_KNEE: f32 = 10;
// where an eikonal point lies
const ANYWHERE: i32 = 0;
const NEAR_SURFACE: i32 = 1;

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
  setSampleCount(sampleCount + 4);
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
  addEikonal(<f64>((norm - 1) * (norm - 1)));
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
export function eikonalRays(rays: i32): void {
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
    setSampleCount(sampleCount + 4);
  }
  for (let i = 0; i < rays; i++) eikonalLoss(i, taps + 4 * i, centres + i);
}
