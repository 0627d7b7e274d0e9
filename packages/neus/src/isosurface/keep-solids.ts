import { meshComponents } from './topology.ts';

/**
 * Drops what no view can have asked for: cavities (components wound inwards: nothing is seen inside the object) and crumbs, components
 * with less than `minShare` of the largest one's volume. Vertices keep their order.
 */
export function keepSolids(
  positions: Float32Array,
  indices: Uint32Array,
  minShare = 0.002,
): { positions: Float32Array; indices: Uint32Array; dropped: number } {
  const { ofTriangle, volumes } = meshComponents(positions, indices);
  const least = minShare * Math.max(0, ...volumes);
  const kept = volumes.map((volume) => volume > 0 && volume >= least);
  const dropped = kept.filter((keep) => !keep).length;
  if (dropped === 0) return { positions, indices, dropped };
  const vertexOf = new Int32Array(positions.length / 3).fill(-1);
  for (let t = 0; t < ofTriangle.length; t++) if (kept[ofTriangle[t]]) for (let k = 0; k < 3; k++) vertexOf[indices[t * 3 + k]] = 0;
  let count = 0;
  for (let i = 0; i < vertexOf.length; i++) if (vertexOf[i] === 0) vertexOf[i] = count++;
  const outPositions = new Float32Array(count * 3);
  for (let i = 0; i < vertexOf.length; i++) if (vertexOf[i] >= 0) outPositions.set(positions.subarray(i * 3, i * 3 + 3), vertexOf[i] * 3);
  const triangles: number[] = [];
  for (let t = 0; t < ofTriangle.length; t++) if (kept[ofTriangle[t]]) triangles.push(t);
  const outIndices = new Uint32Array(triangles.length * 3);
  triangles.forEach((t, to) => {
    for (let k = 0; k < 3; k++) outIndices[to * 3 + k] = vertexOf[indices[t * 3 + k]];
  });
  return { positions: outPositions, indices: outIndices, dropped };
}
