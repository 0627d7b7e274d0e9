import { CELL_MARCHED, CELL_SURFACE } from '../config.ts';
import { constants, encodeSnippet, gridSnippet, networkSnippet } from './field.wgsl.ts';
import type { KernelLayout } from './layout.ts';

/** cellAtPoint(p): index of the cell, x fastest; cellFlags(cell): its byte, four to a word of the binding `occupancy`. */
export const occupancySnippet = (layout: Pick<KernelLayout, 'occupancyEdge'>) => /* wgsl */ `
${constants({ EDGE: { u32: layout.occupancyEdge } })}
fn cellAtPoint(p: vec3f) -> u32 {
  let c = vec3u(clamp(vec3i(p * f32(EDGE)), vec3i(0), vec3i(i32(EDGE) - 1)));
  return c.x + EDGE * (c.y + EDGE * c.z);
}
fn cellFlags(cell: u32) -> u32 { return (occupancy[cell >> 2u] >> (8u * (cell & 3u))) & 255u; }
`;

/**
 * Updates the bytes of the hull's cells: worth marching (f(centre) < u.threshold), with surface (|f(centre)| below half a diagonal).
 * Thread i owns cell i, a workgroup 16 words of bytes. Reads hull bits [G^3 / 32], mlp, table; writes occupancy [G^3 / 4]. Twin: updateOccupancy of assembly/kernels.ts.
 */
export const occupancyWgsl = (layout: KernelLayout) => {
  const cells = layout.occupancyEdge ** 3;
  return /* wgsl */ `
${constants({ CELLS: { u32: cells }, HALF_DIAGONAL: Math.sqrt(0.75) / layout.occupancyEdge })}
${occupancySnippet(layout)}
${gridSnippet()}
${encodeSnippet(layout.levels)}
${networkSnippet()}
var<workgroup> flags: array<atomic<u32>, 16>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let block = groupIndex(group, groups);
  if (local < 16u) { atomicStore(&flags[local], 0u); }
  workgroupBarrier();
  let i = block * 64u + local;
  if (i < CELLS && ((hull[i >> 5u] >> (i & 31u)) & 1u) != 0u) {
    let cell = vec3f(f32(i % EDGE), f32((i / EDGE) % EDGE), f32(i / (EDGE * EDGE)));
    let f = sdfOnly(relu(sdfHidden(encode((cell + 0.5) / f32(EDGE), u.levelCount))));
    let flag = select(0u, ${CELL_MARCHED}u, f < u.threshold) | select(0u, ${CELL_SURFACE}u, abs(f) < HALF_DIAGONAL);
    atomicOr(&flags[local >> 2u], flag << (8u * (local & 3u)));
  }
  workgroupBarrier();
  let word = block * 16u + local;
  if (local < 16u && word * 4u < CELLS) { occupancy[word] = atomicLoad(&flags[local]); }
}`;
};
