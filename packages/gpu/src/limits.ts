/** What every WebGPU device guarantees, in the parts that our kernels lean on. They live within these and ask for no more. */
export const GUARANTEED = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBufferBindingSize: 134217728,
  minUniformBufferOffsetAlignment: 256,
  minStorageBufferOffsetAlignment: 256,
} as const;

/**
 * Workgroup counts for `count` groups: one dimension while it fits, then the fewest rows (and layers) that hold them. A few groups more than
 * asked for may run, so kernels guard their tail; WGSL gets the running number back from `groupIndex`.
 */
export function foldGroups(count: number, limit: number = GUARANTEED.maxComputeWorkgroupsPerDimension): [number, number, number] {
  if (count <= limit) return [count, 1, 1];
  const rowsAll = Math.ceil(count / limit);
  if (rowsAll <= limit) return [Math.ceil(count / rowsAll), rowsAll, 1];
  const layers = Math.ceil(count / limit / limit);
  const rows = Math.ceil(rowsAll / layers);
  return [Math.ceil(count / rows / layers), rows, layers];
}
