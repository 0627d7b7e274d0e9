import { CELL_MARCHED } from '../config.ts';
import { DIMENSION } from '../rays.ts';
import { constants } from './field.wgsl.ts';
import type { KernelLayout } from './layout.ts';
import { occupancySnippet } from './occupancy.wgsl.ts';

/** mix, rayKey, rayUniform: twins of src/rays.ts. `u.stepKey` is mix(seed + step * 0x9e3779b9), made on the host. */
export const randomSnippet = () => /* wgsl */ `
fn mix32(value: u32) -> u32 {
  var x = (value ^ (value >> 16u)) * 0x21f0aaadu;
  x = (x ^ (x >> 15u)) * 0x735a2d97u;
  return x ^ (x >> 15u);
}
fn rayKey(stepKey: u32, ray: u32) -> u32 { return mix32(stepKey + ray * 0x85ebca6bu); }
fn rayUniform(key: u32, dimension: u32) -> f32 { return f32(mix32(key + dimension * 0xc2b2ae35u) >> 8u) / 16777216.0; }
`;

/**
 * Draws ray r, cuts it with the cube and marches it through the occupancy grid. Thread r owns ray r.
 * Reads: cameras [V, 4] vec4f (`packCamera`), viewStart [V + 1], pixels, lists (foreground then background), occupancy bytes.
 * Writes: rays [R, 4] vec4f = origin, near | direction, far | target rgb, alpha | background rgb, view weight;
 * marks [samples, R]: sample number k of each evaluated sample, bit 31 where the segment behind it is live; counts [R].
 * The march happens once; `emit` reads its marks, so no two compilations of the same expression have to agree.
 */
export const raysWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({
  RAYS: { u32: layout.rays },
  SAMPLES: { u32: layout.raySamples },
  STEP: layout.marchStep,
})}
${randomSnippet()}
${occupancySnippet(layout)}
fn occupied(p: vec3f) -> bool { return (cellFlags(cellAtPoint(p)) & ${CELL_MARCHED}u) != 0u; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let r = id.x;
  if (r >= RAYS) { return; }
  let key = rayKey(u.stepKey, r);

  // 1. pixel
  let wantsForeground = rayUniform(key, ${DIMENSION.foreground}u) < u.foregroundShare;
  let takesForeground = select(u.backgroundCount == 0u, u.foregroundCount > 0u, wantsForeground);
  let first = select(u.foregroundCount, 0u, takesForeground);
  let count = select(u.backgroundCount, u.foregroundCount, takesForeground);
  let pixel = lists[first + min(count - 1u, u32(rayUniform(key, ${DIMENSION.pixel}u) * f32(count)))];
  var low = 0u;
  var high = u.viewCount;
  while (high - low > 1u) {
    let middle = (low + high) >> 1u;
    if (viewStart[middle] <= pixel) { low = middle; } else { high = middle; }
  }

  // 2. ray of the pixel's centre
  let c0 = cameras[low * 4u];
  let c1 = cameras[low * 4u + 1u];
  let c2 = cameras[low * 4u + 2u];
  let c3 = cameras[low * 4u + 3u];
  let width = u32(c1.w);
  let local = pixel - viewStart[low];
  let row = local / width;
  let direction = normalize(c1.xyz * (f32(local - row * width) + 0.5) + c2.xyz * (f32(row) + 0.5) + c3.xyz);
  let origin = c0.xyz;

  // 3. what it should see
  let rgba = unpack4x8unorm(pixels[pixel]);
  let background = vec3f(
    rayUniform(key, ${DIMENSION.background}u), rayUniform(key, ${DIMENSION.background + 1}u), rayUniform(key, ${DIMENSION.background + 2}u));

  // 4. interval in the cube; a direction parallel to a face must not give 0 * infinity
  let safe = select(direction, select(vec3f(1e-9), vec3f(-1e-9), direction < vec3f(0.0)), abs(direction) < vec3f(1e-9));
  let a = -origin / safe;
  let b = (1.0 - origin) / safe;
  let enter = min(a, b);
  let leave = max(a, b);
  let near = max(max(enter.x, enter.y), max(enter.z, 0.0));
  let far = min(min(leave.x, leave.y), leave.z);

  rays[r * 4u] = vec4f(origin, near);
  rays[r * 4u + 1u] = vec4f(direction, far);
  rays[r * 4u + 2u] = vec4f(rgba.w * rgba.xyz + (1.0 - rgba.w) * background, rgba.w);
  rays[r * 4u + 3u] = vec4f(background, c0.w);

  // 5. march
  let jitter = rayUniform(key, ${DIMENSION.jitter}u);
  var found = 0u;
  var before = false;
  for (var k = 0u; k < SAMPLES; k++) {
    let t = near + (f32(k) + jitter) * STEP;
    if (!(t < far)) { break; }
    let live = near + (f32(k + 1u) + jitter) * STEP < far && k + 1u < SAMPLES && occupied(origin + t * direction);
    if (live || before) {
      marks[found * RAYS + r] = k | select(0u, 0x80000000u, live);
      found++;
    }
    before = live;
  }
  counts[r] = found;
}`;

/**
 * Places of `count` lists in one after the other, one workgroup: offsets [count + 1] = `first` and what the counts before add to it.
 * args = [workgroups of 64 for all counts, 1, 1, end of the last list].
 */
export const offsetsWgsl = ({ count, first }: { count: number; first: number }) => /* wgsl */ `
${constants({ COUNT: { u32: count }, SHARE: { u32: Math.ceil(count / 256) }, FIRST: { u32: first } })}
var<workgroup> sums: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = 0u;
  for (var k = 0u; k < SHARE; k++) {
    let i = local * SHARE + k;
    if (i < COUNT) { sum += counts[i]; }
  }
  sums[local] = sum;
  workgroupBarrier();
  for (var step = 1u; step < 256u; step *= 2u) {
    var before = 0u;
    if (local >= step) { before = sums[local - step]; }
    workgroupBarrier();
    sums[local] += before;
    workgroupBarrier();
  }
  var at = FIRST + sums[local] - sum;
  for (var k = 0u; k < SHARE; k++) {
    let i = local * SHARE + k;
    if (i < COUNT) {
      offsets[i] = at;
      at += counts[i];
    }
  }
  if (local == 255u) {
    let total = sums[255];
    offsets[COUNT] = FIRST + total;
    args[0] = (total + 63u) / 64u;
    args[1] = 1u;
    args[2] = 1u;
    args[3] = FIRST + total;
  }
}`;

/** Writes the evaluated samples: points [5 R + N] vec4f = position in the cube, 1 where the segment behind is live. Thread r owns ray r. */
export const emitWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ RAYS: { u32: layout.rays }, STEP: layout.marchStep })}
${randomSnippet()}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let r = id.x;
  if (r >= RAYS) { return; }
  let origin = rays[r * 4u];
  let direction = rays[r * 4u + 1u].xyz;
  let jitter = rayUniform(rayKey(u.stepKey, r), ${DIMENSION.jitter}u);
  let first = offsets[r];
  let count = offsets[r + 1u] - first;
  for (var i = 0u; i < count; i++) {
    let mark = marks[i * RAYS + r];
    let t = origin.w + (f32(mark & 0x7fffffffu) + jitter) * STEP;
    points[first + i] = vec4f(origin.xyz + t * direction, f32(mark >> 31u));
  }
}`;
