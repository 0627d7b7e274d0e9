import { constants, encodeSnippet, gridSnippet, networkSnippet } from './field.wgsl.ts';
import type { KernelLayout } from './layout.ts';

/**
 * Marks the cells that may hold surface: hull and f(centre) < u.threshold. Thread i owns cell i, a workgroup two words of bits.
 * Reads hull bits, mlp, table; writes occupancy bits [G^3 / 32], x fastest.
 */
export const occupancyWgsl = (layout: KernelLayout) => /* wgsl */ `
${constants({ EDGE: { u32: layout.occupancyEdge }, CELLS: { u32: layout.occupancyEdge ** 3 }, WORDS: { u32: Math.ceil(layout.occupancyEdge ** 3 / 32) } })}
${gridSnippet()}
${encodeSnippet(layout.levels)}
${networkSnippet()}
var<workgroup> bits: array<atomic<u32>, 2>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let block = groupIndex(group, groups);
  if (local < 2u) { atomicStore(&bits[local], 0u); }
  workgroupBarrier();
  let i = block * 64u + local;
  if (i < CELLS && ((hull[i >> 5u] >> (i & 31u)) & 1u) != 0u) {
    let cell = vec3f(f32(i % EDGE), f32((i / EDGE) % EDGE), f32(i / (EDGE * EDGE)));
    let f = sdfOnly(relu(sdfHidden(encode((cell + 0.5) / f32(EDGE), u.levelCount))));
    if (f < u.threshold) { atomicOr(&bits[local >> 5u], 1u << (local & 31u)); }
  }
  workgroupBarrier();
  let word = block * 2u + local;
  if (local < 2u && word < WORDS) { occupancy[word] = atomicLoad(&bits[local]); }
}`;
