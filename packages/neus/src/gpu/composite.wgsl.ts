import {
  CELL_SURFACE,
  COLOR_EPSILON,
  COLOR_WEIGHT_MIN,
  CURVATURE_KNEE,
  EIKONAL_OF_RAY,
  EIKONAL_OF_SURFACE,
  MASK_EPSILON,
  STOP_TRANSMITTANCE,
  SURFACE_TRIES,
} from '../config.ts';
import { DIMENSION } from '../rays.ts';
import { constants, encodeSnippet, gridSnippet, networkSnippet, opacitySnippet } from './field.wgsl.ts';
import { EIKONAL_POINTS, type KernelLayout } from './layout.ts';
import { occupancySnippet } from './occupancy.wgsl.ts';
import { randomSnippet } from './rays.wgsl.ts';

const evaluation = (layout: KernelLayout) => [gridSnippet(), encodeSnippet(layout.levels), networkSnippet()].join('\n');

/** Where an eikonal point lies, as the fourth component of its point. */
const ANYWHERE = 0;
const NEAR_SURFACE = 1;

/** How many points of an eikonal point have a gradient: the four taps, and near the surface the centre behind them. */
const eikonalRowsSnippet = () => /* wgsl */ `
fn eikonalRows(kind: f32) -> u32 { return select(${EIKONAL_POINTS}u, ${EIKONAL_POINTS - 1}u, kind == ${ANYWHERE}.0); }
`;

/** SDF of the ray samples. Thread i owns point 5 R + i. Reads points, args, mlp, table; writes sdf [5 R + N]. */
export const sampleSdfWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ EIKONAL: { u32: EIKONAL_POINTS * layout.rays } })}
${evaluation(layout)}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = EIKONAL + id.x;
  if (i >= args[3]) { return; }
  sdf[i] = sdfOnly(relu(sdfHidden(encode(points[i].xyz, u.levelCount))));
}`;

/**
 * Opacity along ray r until its transmittance is used up. Thread r owns ray r.
 * segments [5 R + N] vec4f = weight of the segment that starts here, transmittance behind it, sample weight, weight of the entry where
 * a run of samples begins; walked [3, R] = samples with colour, other points of the ray with a gradient, samples before the ray ends.
 * Places the four taps of the ray's eikonal point and itself (fourth component:
 * where it lies) at points [5 r .. 5 r + 4]. Reads occupancy, hullCells.
 */
export const walkWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({
  RAYS: { u32: layout.rays },
  STOP: STOP_TRANSMITTANCE,
  WEIGHT_MIN: COLOR_WEIGHT_MIN,
  OF_RAY: EIKONAL_OF_RAY,
  OF_SURFACE: EIKONAL_OF_RAY + EIKONAL_OF_SURFACE,
})}
${randomSnippet()}
${opacitySnippet()}
${occupancySnippet(layout)}
${eikonalRowsSnippet()}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let r = id.x;
  if (r >= RAYS) { return; }
  let first = offsets[r];
  let end = offsets[r + 1u];
  var light = 1.0;
  var before = 0.0;
  var colored = 0u;
  var others = 0u;
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
    let weight = entry + 0.5 * (before + w);
    segments[j] = vec4f(w, light, weight, entry);
    if (weight >= WEIGHT_MIN) { colored++; } else if (weight > 0.0) { others++; }
    before = w;
    j++;
    if (dark) { break; }
  }
  let key = rayKey(u.stepKey, r);
  let draw = rayUniform(key, ${DIMENSION.eikonalKind}u);
  let n = j - first;
  var kind = ${ANYWHERE}.0;
  var p = vec3f(
    rayUniform(key, ${DIMENSION.eikonalPoint}u), rayUniform(key, ${DIMENSION.eikonalPoint + 1}u), rayUniform(key, ${DIMENSION.eikonalPoint + 2}u));
  if (draw < OF_RAY && n > 0u) {
    kind = ${NEAR_SURFACE}.0;
    p = points[first + min(n - 1u, u32((draw + draw) * f32(n)))].xyz;
  } else if (draw < OF_SURFACE && u.hullCellCount > 0u) {
    var cell = 0u;
    var flags = 0u;
    for (var k = 0u; k < ${SURFACE_TRIES}u && (flags & ${CELL_SURFACE}u) == 0u; k++) {
      cell = hullCells[min(u.hullCellCount - 1u, u32(rayUniform(key, ${DIMENSION.eikonalCell}u + k) * f32(u.hullCellCount)))];
      flags = cellFlags(cell);
    }
    kind = ${NEAR_SURFACE}.0;
    p = (vec3f(vec3u(cell % EDGE, (cell / EDGE) % EDGE, cell / (EDGE * EDGE))) + p) / f32(EDGE);
  }
  let h = u.tap;
  p = clamp(p, vec3f(h), vec3f(1.0 - h));
  let at = ${EIKONAL_POINTS}u * r;
  points[at] = vec4f(p + vec3f(h, -h, -h), 0.0);
  points[at + 1u] = vec4f(p + vec3f(-h, -h, h), 0.0);
  points[at + 2u] = vec4f(p + vec3f(-h, h, -h), 0.0);
  points[at + 3u] = vec4f(p + vec3f(h, h, h), 0.0);
  points[at + 4u] = vec4f(p, kind);
  walked[r] = colored;
  walked[RAYS + r] = others + eikonalRows(kind);
  walked[2u * RAYS + r] = n;
}`;

/**
 * The points of the step that have a gradient, by number: rows = samples with colour of every ray, then taps and centres of eikonal points and the
 * other samples. Thread r owns ray r. Workgroups over the list have little idle about them, and all but one compute colours for all of its points or for none.
 */
export const rowsWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ RAYS: { u32: layout.rays }, WEIGHT_MIN: COLOR_WEIGHT_MIN })}
${eikonalRowsSnippet()}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let r = id.x;
  if (r >= RAYS) { return; }
  var colored = rowOffsets[r];
  var other = rowOffsets[RAYS + r];
  let at = ${EIKONAL_POINTS}u * r;
  let eikonal = eikonalRows(points[at + ${EIKONAL_POINTS - 1}u].w);
  for (var k = 0u; k < eikonal; k++) {
    rows[other] = at + k;
    other++;
  }
  let first = offsets[r];
  for (var j = first; j < first + walked[2u * RAYS + r]; j++) {
    let weight = segments[j].z;
    if (weight >= WEIGHT_MIN) {
      rows[colored] = j;
      colored++;
    } else if (weight > 0.0) {
      rows[other] = j;
      other++;
    }
  }
}`;

/** SDF of the eikonal points and colour of the samples that weigh enough. Thread i owns row i. Writes sdf, shade [5 R + N] vec4f = rgb, 0. */
export const shadeWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ RAYS: { u32: layout.rays }, EIKONAL: { u32: EIKONAL_POINTS * layout.rays } })}
${evaluation(layout)}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= rowOffsets[2u * RAYS]) { return; }
  let i = rows[id.x];
  let eikonal = i < EIKONAL;
  let colored = id.x < rowOffsets[RAYS];
  if (!eikonal && !colored) { return; }
  let p = points[i].xyz;
  let h = relu(sdfHidden(encode(p, u.levelCount)));
  if (eikonal) { sdf[i] = sdfOnly(h); } else { shade[i] = vec4f(colorAt(sdfOutput(h), 2.0 * p - 1.0), 0.0); }
}`;

/**
 * Losses of ray r and the gradients of its points. Thread r owns ray r and its eikonal points.
 * In place: shade [5 R + N] becomes dL/d(colour before the logistic function), dL/dsdf. stats [R, 2] vec4f = colour, mask, eikonal loss, squared error of
 * a foreground ray | foreground, walked samples, coloured samples, points with a gradient.
 */
export const lossWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ RAYS: { u32: layout.rays }, WEIGHT_MIN: COLOR_WEIGHT_MIN, COLOR_EPSILON, MASK_EPSILON, CURVATURE_KNEE })}
${eikonalRowsSnippet()}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let r = id.x;
  if (r >= RAYS) { return; }
  let first = offsets[r];
  let end = first + walked[2u * RAYS + r];
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
  var rows = f32(eikonalRows(points[${EIKONAL_POINTS}u * r + 4u].w));
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

  // 3. eikonal loss, curvature near the surface
  let at = ${EIKONAL_POINTS}u * r;
  let kind = points[at + 4u].w;
  let f = vec4f(sdf[at], sdf[at + 1u], sdf[at + 2u], sdf[at + 3u]);
  let slope = vec3f(f.x - f.y - f.z + f.w, f.w + f.z - f.x - f.y, f.y + f.w - f.x - f.z) * (0.25 / u.tap);
  let norm = max(length(slope), 1e-6);
  let along = ((u.eikonalWeight / f32(RAYS)) * 2.0 * (norm - 1.0) / norm) * slope * (0.25 / u.tap);
  var bend = 0.0; // dL / d(each tap), of the curvature
  if (kind != ${ANYWHERE}.0) {
    let laplacian = (dot(f, vec4f(0.25)) - sdf[at + 4u]) * (2.0 / (u.tap * u.tap));
    bend = (u.curvatureWeight / f32(RAYS)) * laplacian / length(vec2f(laplacian, CURVATURE_KNEE)) * (0.5 / (u.tap * u.tap));
  }
  shade[at] = vec4f(0.0, 0.0, 0.0, along.x - along.y - along.z + bend);
  shade[at + 1u] = vec4f(0.0, 0.0, 0.0, along.z - along.x - along.y + bend);
  shade[at + 2u] = vec4f(0.0, 0.0, 0.0, along.y - along.x - along.z + bend);
  shade[at + 3u] = vec4f(0.0, 0.0, 0.0, along.x + along.y + along.z + bend);
  shade[at + 4u] = vec4f(0.0, 0.0, 0.0, -4.0 * bend);

  let isForeground = a > 127.5 / 255.0;
  stats[2u * r] = vec4f(root, maskLoss, (norm - 1.0) * (norm - 1.0), select(0.0, squared, isForeground));
  stats[2u * r + 1u] = vec4f(select(0.0, 1.0, isForeground), f32(end - first), colored, rows);
}`;
