import { encode } from './grid';
import { CELL_MARCHED, CELL_SURFACE } from './march-ray';
import { prepare, sdf4 } from './sdf-network';
import * as S from './state';
import { regress, train } from './train';
export { configure, scratchBytes, setStep } from './state';
export { prepare, regress, train };

/**
 * Sums the groups' gradients in order, clears them, and updates parameters [from, to) (bytes, multiples of 16).
 * @param c1, c2 bias corrections 1 - beta^t
 */
export function adam(from: usize, to: usize, learningRate: f32, c1: f32, c2: f32): void {
  const zero = f32x4.splat(0);
  const beta1 = f32x4.splat(0.9), rest1 = f32x4.splat(<f32>0.1);
  const beta2 = f32x4.splat(0.99), rest2 = f32x4.splat(<f32>0.01);
  const inv1 = f32x4.splat(1 / c1), inv2 = f32x4.splat(1 / c2), epsilon = f32x4.splat(1e-10);
  for (let i = from; i < to; i += 16) {
    let at = S.gradBase + i;
    let g = v128.load(at);
    for (let k = 1; k < S.groups; k++) {
      at += S.gradStride;
      g = f32x4.add(g, v128.load(at));
    }
    const used = f32x4.ne(g, zero);
    if (!v128.any_true(used)) continue;
    at = S.gradBase + i;
    for (let k = 0; k < S.groups; k++) {
      v128.store(at, zero);
      at += S.gradStride;
    }
    const m0 = v128.load(S.moment1 + i);
    const v0 = v128.load(S.moment2 + i);
    const m = v128.bitselect(f32x4.add(f32x4.mul(m0, beta1), f32x4.mul(g, rest1)), m0, used);
    const v = v128.bitselect(f32x4.add(f32x4.mul(v0, beta2), f32x4.mul(f32x4.mul(g, g), rest2)), v0, used);
    v128.store(S.moment1 + i, m);
    v128.store(S.moment2 + i, v);
    const lr = f32x4.splat(i < S.MLP_BYTES ? learningRate * S.lrMlp : learningRate);
    const step = f32x4.div(f32x4.mul(lr, f32x4.mul(m, inv1)), f32x4.add(f32x4.sqrt(f32x4.mul(v, inv2)), epsilon));
    v128.store(S.params + i, f32x4.sub(v128.load(S.params + i), v128.and(step, used)));
  }
}

/** Writes the bytes of the hull's cells of layers [from, to) along z: worth marching, with surface, updates since a ray showed them. */
export function updateOccupancy(from: i32, to: i32): void {
  const edge = S.gridEdge;
  const bound: f32 = <f32>6 / S.sharpness + <f32>0.8660254 / <f32>edge;
  let fresh = 0;
  for (let z = from; z < to; z++)
    for (let y = 0; y < edge; y++)
      for (let x = 0; x < edge; x++) {
        const cell = x + edge * (y + edge * z);
        if (load<u8>(S.hull + <usize>cell)) {
          encode(S.X + <usize>fresh * 80, (<f32>x + 0.5) / <f32>edge, (<f32>y + 0.5) / <f32>edge, (<f32>z + 0.5) / <f32>edge);
          store<i32>(S.CS + <usize>fresh * 4, cell);
          if (++fresh == 4) {
            flush(4, bound);
            fresh = 0;
          }
        }
      }
  flush(fresh, bound);
}

function flush(count: i32, bound: f32): void {
  if (!count) return;
  sdf4(0);
  const edge = S.gridEdge;
  const near = <f32>0.8660254 / <f32>edge;
  for (let b = 0; b < count; b++) {
    const f = load<f32>(S.F + <usize>b * 4);
    const cell = <usize>load<i32>(S.CS + <usize>b * 4);
    let flags: u32 = 0;
    if (f < bound) flags |= CELL_MARCHED;
    if (abs<f32>(f) < near) flags |= CELL_SURFACE;
    store<u8>(S.occupancy + cell, <u8>flags);
  }
}
