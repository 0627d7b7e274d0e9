/** Elements that a workgroup of 256 scans: 4 a thread. */
export const SCAN_BLOCK = 1024;

/**
 * Exclusive prefix sum of u32 within blocks of 1024, and each block's total.
 * out[i] = sum of values[block start .. i), totals[block] = sum of the block; i < u.count. Thread t of a workgroup holds elements 4 t .. 4 t + 3.
 * Bindings: values [count] read, result [count], totals [blocks]. Integer sums: the same bits in any order. CPU twin: scanExclusive.
 */
export const scanBlocksWgsl = () => /* wgsl */ `
var<workgroup> sums: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let block = groupIndex(group, groups);
  let first = block * ${SCAN_BLOCK}u + local * 4u;
  var part: array<u32, 4>;
  var sum = 0u;
  for (var i = 0u; i < 4u; i++) {
    part[i] = sum;
    if (first + i < u.count) { sum += values[first + i]; }
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
  let offset = sums[local] - sum;
  for (var i = 0u; i < 4u; i++) {
    if (first + i < u.count) { result[first + i] = offset + part[i]; }
  }
  if (local == 255u && block * ${SCAN_BLOCK}u < u.count) { totals[block] = sums[255]; }
}`;

/** result[i] += offsets[i / 1024]: the second half of a scan over many blocks. */
export const scanAddWgsl = () => /* wgsl */ `
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(group, groups) * 256u + local;
  if (i < u.count) { result[i] += offsets[i / ${SCAN_BLOCK}u]; }
}`;
