// What the pictures say about points of the surface; the twin of shade-points.ts and sampleSource, statement for statement. One dispatch a source
// adds to a point's state, the last one mixes the layers. State of a point: 0 photo, 5 completion (each alpha, confidence, r, g, b), 10 views: sum
// of weights, largest alpha, clearest, sums of r, g, b, sum of squares.

const STATE = 17;

/** Floats of a point's state between dispatches. */
export const STATE_FLOATS = STATE;

/** @param layer where the source's kind keeps its state */
export const sampleWgsl = ({ layer }: { layer: 'photo' | 'completion' | 'generated' }): string => /* wgsl */ `
fn smoothly(low: f32, high: f32, value: f32) -> f32 {
  let t = clamp((value - low) / (high - low), 0.0, 1.0);
  return t * t * (3.0 - 2.0 * t);
}
fn texel(at: u32) -> vec3f { return unpack4x8unorm(image[at]).xyz * 255.0; }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let n = groupIndex(group, groups) * 64u + local;
  if (n >= u.count) { return; }
  let p = vec3f(points[n * 9u], points[n * 9u + 1u], points[n * 9u + 2u]);
  let normal = vec3f(points[n * 9u + 3u], points[n * 9u + 4u], points[n * 9u + 5u]);

  // 1. angle
  let way = u.eye.xyz - p;
  let cosine = dot(normal, way) / length(way);
  if (!(cosine > 0.02)) { return; }

  // 2. projection
  let z = -(dot(u.rowZ.xyz, p) + u.rowZ.w);
  if (z <= 1e-4) { return; }
  let x = u.cx + u.flX * (dot(u.rowX.xyz, p) + u.rowX.w) / z;
  let y = u.cy - u.flY * (dot(u.rowY.xyz, p) + u.rowY.w) / z;
  if (!(x >= 0.0 && y >= 0.0 && x < f32(u.width) && y < f32(u.height))) { return; }

  // 3. depth test
  let zx = min(u.depthWidth - 1u, u32(x * u.depthScale));
  let zy = min(u.depthHeight - 1u, u32(y * u.depthScale));
  let footprint = z / (u.flX * u.depthScale);
  let tangent = min(8.0, sqrt(max(0.0, 1.0 - cosine * cosine)) / cosine);
  if (z > depth[zy * u.depthWidth + zx] + u.bias + footprint * (0.75 + tangent)) { return; }

  // 4. outline and depth jumps
  let px = clamp(x - 0.5, 0.0, f32(u.width - 1u));
  let py = clamp(y - 0.5, 0.0, f32(u.height - 1u));
  let column = u32(px);
  let row = u32(py);
  let f = vec2f(px - f32(column), py - f32(row));
  let at = row * u.width + column;
  let right = select(0u, 1u, column + 1u < u.width);
  let down = select(0u, u.width, row + 1u < u.height);
  let distance = mix(mix(margin[at], margin[at + right], f.x), mix(margin[at + down], margin[at + down + right], f.x), f.y);
  if (!(distance > 0.0)) { return; }

  // 5. colour
  let raw = mix(mix(texel(at), texel(at + right), f.x), mix(texel(at + down), texel(at + down + right), f.x), f.y);
  let color = raw * u.gain.xyz + u.offset.xyz;
  let trust = smoothly(0.0, u.featherPx, distance);
  if (!(trust > 0.0)) { return; }
  let alpha = trust * smoothly(u.fadeFrom, u.fadeTo, cosine);
  let s = n * ${STATE}u;
${layer === 'generated' ? viewWgsl : layerWgsl(layer === 'photo' ? 0 : 5)}
}`;

const viewWgsl = /* wgsl */ `
  let weight = alpha * pow(cosine, u.exponent);
  state[s + 10u] += weight;
  state[s + 11u] = max(state[s + 11u], alpha);
  state[s + 12u] = max(state[s + 12u], alpha * cosine);
  state[s + 13u] += color.x * weight;
  state[s + 14u] += color.y * weight;
  state[s + 15u] += color.z * weight;
  state[s + 16u] += dot(color, color) * weight;`;

const layerWgsl = (offset: number): string => /* wgsl */ `
  if (alpha <= state[s + ${offset}u]) { return; }
  state[s + ${offset}u] = alpha;
  state[s + ${offset + 1}u] = alpha * cosine;
  state[s + ${offset + 2}u] = color.x;
  state[s + ${offset + 3}u] = color.y;
  state[s + ${offset + 4}u] = color.z;`;

/** @param spread of 255, see SPREAD */
export const mixWgsl = ({ spread }: { spread: number }): string => /* wgsl */ `
fn rgb(at: u32) -> vec3f { return vec3f(state[at], state[at + 1u], state[at + 2u]); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let n = groupIndex(group, groups) * 64u + local;
  if (n >= u.count) { return; }
  let s = n * ${STATE}u;
  let to = n * 8u;
  var view = vec3f(0.0);
  var viewAlpha = 0.0;
  var viewSure = 0.0;
  let weights = state[s + 10u];
  if (weights > 0.0) {
    viewAlpha = min(1.0, state[s + 11u] * 3.0);
    view = rgb(s + 13u) / weights;
    let variance = (state[s + 16u] / weights - dot(view, view)) / 3.0;
    viewSure = state[s + 12u] * exp(-sqrt(max(0.0, variance)) / ${spread}.0);
  }
  let byPhoto = state[s];
  let byCompletion = (1.0 - byPhoto) * state[s + 5u];
  let byGenerated = (1.0 - byPhoto) * (1.0 - state[s + 5u]) * viewAlpha;
  let known = byPhoto + byCompletion + byGenerated;
  var color = vec3f(0.0);
  if (known > 0.0) {
    let lift = vec3f(points[n * 9u + 6u], points[n * 9u + 7u], points[n * 9u + 8u]);
    color = (rgb(s + 2u) * byPhoto + rgb(s + 7u) * byCompletion + (view + lift) * byGenerated) / known;
  }
  shades[to] = color.x;
  shades[to + 1u] = color.y;
  shades[to + 2u] = color.z;
  shades[to + 3u] = known;
  shades[to + 4u] = byPhoto;
  shades[to + 5u] = byCompletion;
  shades[to + 6u] = byGenerated;
  shades[to + 7u] = state[s + 1u] * byPhoto + state[s + 6u] * byCompletion + viewSure * byGenerated;
}`;
