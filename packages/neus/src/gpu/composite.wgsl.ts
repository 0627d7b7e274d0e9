import { COLOR_EPSILON, COLOR_WEIGHT_MIN, MASK_EPSILON, STOP_TRANSMITTANCE } from '../config.ts';
import { DIMENSION } from '../rays.ts';
import { constants, encodeSnippet, gridSnippet, networkSnippet, opacitySnippet } from './field.wgsl.ts';
import type { KernelLayout } from './layout.ts';
import { randomSnippet } from './rays.wgsl.ts';

const evaluation = (layout: KernelLayout) => [gridSnippet(), encodeSnippet(layout.levels), networkSnippet()].join('\n');

/** SDF of the ray samples. Thread i owns point 4 R + i. Reads points, args, mlp, table; writes sdf [4 R + N]. */
export const sampleSdfWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ RAYS: { u32: layout.rays } })}
${evaluation(layout)}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = 4u * RAYS + id.x;
  if (i >= args[3]) { return; }
  sdf[i] = sdfOnly(relu(sdfHidden(encode(points[i].xyz, u.levelCount))));
}`;

/**
 * Opacity along ray r until its transmittance is used up. Thread r owns ray r.
 * segments [4 R + N] vec4f = weight of the segment that starts here, transmittance behind it, sample weight, weight of the entry where
 * a run of samples begins; walked [R] = samples before the ray ends.
 * Also places the ray's eikonal point and its three taps at points [4 r .. 4 r + 3].
 */
export const walkWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ RAYS: { u32: layout.rays }, STOP: STOP_TRANSMITTANCE })}
${randomSnippet()}
${opacitySnippet()}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let r = id.x;
  if (r >= RAYS) { return; }
  let first = offsets[r];
  let end = offsets[r + 1u];
  var light = 1.0;
  var before = 0.0;
  var j = first;
  while (j < end) {
    // 1. a run of samples begins: from far outside to here in one go
    var entry = 0.0;
    if (j == first || points[j - 1u].w == 0.0) {
      let next = light / (1.0 + exp(-clampLogit(u.sharpness * sdf[j])));
      entry = light - next;
      light = next;
    }
    // 2. the segment behind; a ray that is dark here ends here: the sample counts as walked, the segment does not
    let dark = light < STOP;
    var w = 0.0;
    if (!dark && points[j].w > 0.0) {
      let next = light * transparency(u.sharpness * sdf[j], u.sharpness * sdf[j + 1u]);
      w = light - next;
      light = next;
    }
    segments[j] = vec4f(w, light, entry + 0.5 * (before + w), entry);
    before = w;
    j++;
    if (dark) { break; }
  }
  walked[r] = j - first;
  for (var rest = j; rest < end; rest++) { segments[rest] = vec4f(0.0); }

  let key = rayKey(u.stepKey, r);
  let kind = rayUniform(key, ${DIMENSION.eikonalKind}u);
  let n = j - first;
  var p = vec3f(
    rayUniform(key, ${DIMENSION.eikonalPoint}u), rayUniform(key, ${DIMENSION.eikonalPoint + 1}u), rayUniform(key, ${DIMENSION.eikonalPoint + 2}u));
  if (kind < 0.5 && n > 0u) { p = points[first + min(n - 1u, u32((kind + kind) * f32(n)))].xyz; }
  let h = select(vec3f(u.tap), vec3f(-u.tap), p > vec3f(0.5));
  points[4u * r] = vec4f(p, 0.0);
  points[4u * r + 1u] = vec4f(p.x + h.x, p.yz, 0.0);
  points[4u * r + 2u] = vec4f(p.x, p.y + h.y, p.z, 0.0);
  points[4u * r + 3u] = vec4f(p.xy, p.z + h.z, 0.0);
}`;

/** SDF of the eikonal points (i < 4 R) and colour of the samples that weigh enough. Thread i owns point i. Writes sdf, shade [4 R + N] vec4f = rgb, 0. */
export const shadeWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ RAYS: { u32: layout.rays }, WEIGHT_MIN: COLOR_WEIGHT_MIN })}
${evaluation(layout)}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= args[3]) { return; }
  let eikonal = i < 4u * RAYS;
  if (!eikonal && segments[i].z < WEIGHT_MIN) { return; }
  let p = points[i].xyz;
  let h = relu(sdfHidden(encode(p, u.levelCount)));
  if (eikonal) { sdf[i] = sdfOnly(h); } else { shade[i] = vec4f(colorAt(sdfOutput(h), 2.0 * p - 1.0), 0.0); }
}`;

/**
 * Losses of ray r and the gradients of its points. Thread r owns ray r and its eikonal points.
 * In place: shade [4 R + N] becomes dL/d(colour before the logistic function), dL/dsdf. stats [R, 2] vec4f = colour, mask, eikonal loss, squared error of
 * a foreground ray | foreground, walked samples, coloured samples, points with a gradient.
 */
export const lossWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ RAYS: { u32: layout.rays }, WEIGHT_MIN: COLOR_WEIGHT_MIN, COLOR_EPSILON, MASK_EPSILON })}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let r = id.x;
  if (r >= RAYS) { return; }
  let first = offsets[r];
  let end = first + walked[r];
  let wanted = rays[r * 4u + 2u];
  let background = rays[r * 4u + 3u];

  // 1. forward
  var color = vec3f(0.0);
  var opacity = 0.0;
  var colored = 0.0;
  for (var j = first; j < end; j++) {
    let segment = segments[j];
    opacity += segment.x + segment.w;
    if (segment.z >= WEIGHT_MIN) {
      color += segment.z * shade[j].xyz;
      colored += 1.0;
    }
  }
  let difference = color + (1.0 - opacity) * background.xyz - wanted.xyz;
  let squared = dot(difference, difference);
  let root = sqrt(squared + COLOR_EPSILON);
  let a = wanted.w;
  let clamped = clamp(opacity, MASK_EPSILON, 1.0 - MASK_EPSILON);
  let maskLoss = -(a * log(clamped) + (1.0 - a) * log(1.0 - clamped));

  // 2. backward, from the far end, with the suffix sum of G_j w_j
  let share = background.w / f32(RAYS);
  let g = (u.colorWeight * share / root) * difference;
  let gOpacity = u.maskWeight * share * ((1.0 - a) / (1.0 - clamped) - a / clamped) - dot(g, background.xyz);
  var suffix = 0.0;
  var colorNext = 0.0;
  var sdfNext = 0.0;
  var gradientNext = vec4f(0.0);
  var rows = 4.0;
  for (var j = end; j > first; ) {
    j--;
    let segment = segments[j];
    var gradient = vec4f(0.0);
    var colorHere = 0.0;
    if (segment.z >= WEIGHT_MIN) {
      let c = shade[j].xyz;
      colorHere = dot(g, c);
      gradient = vec4f(segment.z * g * c * (1.0 - c), 0.0);
    }
    let x = u.sharpness * sdf[j];
    if (segment.x > 0.0) {
      let gSegment = 0.5 * (colorHere + colorNext) + gOpacity;
      let inner = u.sharpness * (segment.y * gSegment - suffix);
      if (abs(x) < 30.0) { gradient.w += inner / (1.0 + exp(x)); }
      if (abs(sdfNext) < 30.0) { gradientNext.w -= inner / (1.0 + exp(sdfNext)); }
      suffix += gSegment * segment.x;
    }
    if (segment.w > 0.0) {
      let gEntry = colorHere + gOpacity;
      // behind the entry there is what the segment lets through and what it takes
      if (abs(x) < 30.0) { gradient.w -= u.sharpness * ((segment.x + segment.y) * gEntry - suffix) / (1.0 + exp(x)); }
      suffix += gEntry * segment.w;
    }
    if (j + 1u < end) {
      shade[j + 1u] = gradientNext;
      rows += select(0.0, 1.0, any(gradientNext != vec4f(0.0)));
    }
    gradientNext = gradient;
    colorNext = colorHere;
    sdfNext = x;
  }
  if (end > first) {
    shade[first] = gradientNext;
    rows += select(0.0, 1.0, any(gradientNext != vec4f(0.0)));
  }
  for (var j = end; j < offsets[r + 1u]; j++) { shade[j] = vec4f(0.0); }

  // 3. eikonal
  let p = points[4u * r].xyz;
  let h = select(vec3f(u.tap), vec3f(-u.tap), p > vec3f(0.5));
  let slope = (vec3f(sdf[4u * r + 1u], sdf[4u * r + 2u], sdf[4u * r + 3u]) - sdf[4u * r]) / h;
  let norm = max(length(slope), 1e-6);
  let tap = ((u.eikonalWeight / f32(RAYS)) * 2.0 * (norm - 1.0) / norm) * slope / h;
  shade[4u * r] = vec4f(0.0, 0.0, 0.0, -(tap.x + tap.y + tap.z));
  shade[4u * r + 1u] = vec4f(0.0, 0.0, 0.0, tap.x);
  shade[4u * r + 2u] = vec4f(0.0, 0.0, 0.0, tap.y);
  shade[4u * r + 3u] = vec4f(0.0, 0.0, 0.0, tap.z);

  let isForeground = a > 127.5 / 255.0;
  stats[2u * r] = vec4f(root, maskLoss, (norm - 1.0) * (norm - 1.0), select(0.0, squared, isForeground));
  stats[2u * r + 1u] = vec4f(select(0.0, 1.0, isForeground), f32(end - first), colored, rows);
}`;
