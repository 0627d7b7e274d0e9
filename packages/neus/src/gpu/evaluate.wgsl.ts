import { encodeSnippet, gridSnippet, networkSnippet } from './field.wgsl.ts';
import type { KernelLayout } from './layout.ts';

const evaluation = (layout: Pick<KernelLayout, 'levels'>) => [gridSnippet(), encodeSnippet(layout.levels), networkSnippet()].join('\n');

/** SDF at points: result[i] = f(points[3 i ..]), i < u.count, positions in the fit cube. */
export const sdfAtWgsl = (layout: Pick<KernelLayout, 'levels'>) => /* wgsl */ `
${evaluation(layout)}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(group, groups) * 64u + local;
  if (i >= u.count) { return; }
  let p = vec3f(points[3u * i], points[3u * i + 1u], points[3u * i + 2u]);
  result[i] = sdfOnly(relu(sdfHidden(encode(p, ${layout.levels.length}u))));
}`;

/** Colour at points: result[3 i ..] = rgb in 0..1, sRGB. */
export const colorAtWgsl = (layout: Pick<KernelLayout, 'levels'>) => /* wgsl */ `
${evaluation(layout)}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(group, groups) * 64u + local;
  if (i >= u.count) { return; }
  let p = vec3f(points[3u * i], points[3u * i + 1u], points[3u * i + 2u]);
  let c = colorAt(sdfOutput(relu(sdfHidden(encode(p, ${layout.levels.length}u)))), 2.0 * p - 1.0);
  result[3u * i] = c.x;
  result[3u * i + 1u] = c.y;
  result[3u * i + 2u] = c.z;
}`;

/** SDF on a box of a regular grid: vertex (x, y, z) lies at u.origin + u.spacing (x, y, z); x fastest. Thread i owns vertex u.first + i. */
export const sdfGridWgsl = (layout: Pick<KernelLayout, 'levels'>) => /* wgsl */ `
${evaluation(layout)}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(group, groups) * 64u + local;
  if (i >= u.count) { return; }
  let k = u.first + i;
  let vertex = vec3f(f32(k % u.width), f32((k / u.width) % u.height), f32(k / (u.width * u.height)));
  result[i] = sdfOnly(relu(sdfHidden(encode(u.origin.xyz + u.origin.w * vertex, ${layout.levels.length}u))));
}`;
