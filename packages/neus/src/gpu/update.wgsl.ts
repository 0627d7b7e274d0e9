import { adamSnippet } from '@gestalt3d/gpu';
import { ADAM_EPSILON, BETA1, BETA2, MLP_FLOATS } from '../config.ts';
import { constants } from './field.wgsl.ts';
import type { KernelLayout } from './layout.ts';

/** The largest gradient of recent steps comes to lie at 2^26 fixed-point units: 32 times more still fits an i32, and 2^-26 of it is resolved. */
const PEAK_BITS = 26;
/** The remembered peak shrinks by this factor a step where the gradients are smaller. */
const PEAK_DECAY = 0.95;

/**
 * Adam on the parameters in use, from fixed-point gradients, which it sets back to 0. Thread i owns parameter i.
 * Bindings: parameters [P], moments [P] (m, v), gradients [P] i32, scales [segments], peaks [segments]: bits of the largest |gradient|, by atomicMax
 * (the order does not matter). u.measure = 1: parameters stay, only peaks are taken; for the first step, whose scales are guesses.
 */
export const adamWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ SEGMENTS: { u32: layout.segments.length }, NETWORKS: { u32: MLP_FLOATS } })}
${adamSnippet({ beta1: BETA1, beta2: BETA2, epsilon: ADAM_EPSILON })}
var<workgroup> largest: array<atomic<u32>, ${layout.segments.length}>;

fn segmentOf(i: u32) -> u32 {
  return ${layout.segments
    .slice(1)
    .map((first) => `select(0u, 1u, i >= ${first}u)`)
    .join(' + ')};
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(group, groups) * 256u + local;
  if (local < SEGMENTS) { atomicStore(&largest[local], 0u); }
  workgroupBarrier();
  if (i < u.count) {
    let fixed = gradients[i];
    if (fixed != 0) {
      gradients[i] = 0;
      let segment = segmentOf(i);
      let gradient = f32(fixed) / scales[segment];
      atomicMax(&largest[segment], bitcast<u32>(abs(gradient)));
      if (u.measure == 0u) {
        let rate = select(u.rate, u.rateNetworks, i < NETWORKS);
        let next = adam(parameters[i], moments[i], gradient, rate, vec2f(u.correction1, u.correction2));
        parameters[i] = next.value;
        moments[i] = next.moments;
      }
    }
  }
  workgroupBarrier();
  if (local < SEGMENTS) {
    let value = atomicLoad(&largest[local]);
    if (value != 0u) { atomicMax(&peaks[local], value); }
  }
}`;

/**
 * End of a step, one workgroup: adds the rays' stats to the running sums [8] in a fixed order, and sets the fixed-point scales of the next step.
 * scales [2 segments]: scale of each segment, then its remembered peak. A level that has not been in use yet takes the peak of the one before: finer
 * levels have smaller gradients. Scales are powers of two, so scaling is exact.
 */
export const finishWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ RAYS: { u32: layout.rays }, SEGMENTS: { u32: layout.segments.length }, DECAY: PEAK_DECAY })}
var<workgroup> sums1: array<vec4f, 256>;
var<workgroup> sums2: array<vec4f, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32) {
  var first = vec4f(0.0);
  var second = vec4f(0.0);
  for (var r = local; r < RAYS; r += 256u) {
    first += stats[2u * r];
    second += stats[2u * r + 1u];
  }
  sums1[local] = first;
  sums2[local] = second;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half /= 2u) {
    if (local < half) {
      sums1[local] += sums1[local + half];
      sums2[local] += sums2[local + half];
    }
    workgroupBarrier();
  }
  if (local != 0u) { return; }
  if (u.measure == 0u) {
    totals[0] += sums1[0];
    totals[1] += sums2[0];
  }
  var before = 0.0;
  for (var segment = 0u; segment < SEGMENTS; segment++) {
    var peak = max(bitcast<f32>(peaks[segment]), DECAY * scales[SEGMENTS + segment]);
    peaks[segment] = 0u;
    if (peak == 0.0) { peak = before; }
    scales[SEGMENTS + segment] = peak;
    before = peak;
    // frexp: peak = fract * 2^exp with fract in [0.5, 1)
    if (peak > 0.0) { scales[segment] = ldexp(1.0, clamp(${PEAK_BITS} - frexp(peak).exp, -100, 100)); }
  }
}`;
