/** Elements that a workgroup reduces. */
export const REDUCE_BLOCK = 2048;

/**
 * Sum of f32 in blocks of 2048: result[block] = sum of values[2048 block .. 2048 (block + 1)), i < u.count.
 * Thread t adds elements t, t + 256, ...; then a binary tree over the threads. The order is fixed, so the same input gives the same bits.
 * CPU twin: reduceSum, which adds in the same order.
 */
export const reduceSumWgsl = () => /* wgsl */ `
var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let block = groupIndex(group, groups);
  var sum = 0.0;
  for (var k = 0u; k < ${REDUCE_BLOCK / 256}u; k++) {
    let i = block * ${REDUCE_BLOCK}u + k * 256u + local;
    if (i < u.count) { sum += values[i]; }
  }
  sums[local] = sum;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half /= 2u) {
    if (local < half) { sums[local] += sums[local + half]; }
    workgroupBarrier();
  }
  if (local == 0u && block * ${REDUCE_BLOCK}u < u.count) { result[block] = sums[0]; }
}`;
