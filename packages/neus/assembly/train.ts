import { backward } from './backward';
import { at4, colorCount, ROW, sampleCount, setColorCount, setSampleCount } from './chunk';
import { colorForward, compositeRay } from './composite';
import { eikonalRays } from './eikonal';
import { encode } from './grid';
import { MAX_SAMPLES, marchRay } from './march-ray';
import { sdf4 } from './sdf-network';
import * as S from './state';
import { addColored, addSamples, clearSums, writeSums } from './sums';

/** Forward and backward of a group's share of the step's rays; gradients are added to the group's table, sums to its metrics. */
export function train(group: i32): void {
  const grad = S.gradBase + <usize>group * S.gradStride;
  clearSums();
  const last = <i32>((<i64>S.rayCount * (group + 1)) / S.groups);
  let r = <i32>((<i64>S.rayCount * group) / S.groups);
  while (r < last) {
    setSampleCount(0);
    setColorCount(0);
    let rays = 0;
    while (r < last && rays < S.CHUNK_RAYS && sampleCount + MAX_SAMPLES + 8 + 5 * S.CHUNK_RAYS <= S.CAPACITY) {
      marchRay(r, rays);
      r++;
      rays++;
    }
    addSamples(<f64>sampleCount);
    addColored(<f64>colorCount);
    colorForward();
    for (let i = 0; i < rays; i++) compositeRay(i);
    eikonalRays(rays);
    backward(grad);
  }
  writeSums(group);
}

/** Adds the gradients of scale / 2 sum (f - target)^2 over points [count, 4] (xyz in the cube, target) to a group's table. count is at most CAPACITY. */
export function regress(group: i32, points: usize, count: i32, scale: f32): void {
  setSampleCount(count);
  setColorCount(0);
  for (let i = 0; i < count; i++) {
    const p = points + <usize>i * 16;
    encode(S.X + <usize>i * ROW, load<f32>(p), load<f32>(p, 4), load<f32>(p, 8));
    store<i32>(at4(S.CIX, i), -1);
  }
  for (let i = 0; i < count; i += 4) sdf4(i);
  for (let i = 0; i < count; i++) store<f32>(at4(S.DF, i), (load<f32>(at4(S.F, i)) - load<f32>(points + <usize>i * 16, 12)) * scale);
  backward(S.gradBase + <usize>group * S.gradStride);
}
