import { seenComponents } from './seen-components.ts';
import { meshComponents } from './topology.ts';

/** Components looked at one by one for being hidden; more are rubble, which size alone judges. */
const MOST_COMPONENTS = 64;

/**
 * Drops what no view can have asked for: cavities (components wound inwards: nothing is seen inside the object) and crumbs, components
 * with less than `minShare` of the largest one's volume; with `eyes`, also components that are behind others from all of them. Vertices keep their order.
 * @param eyes [E, 3] where the views were taken from, in the frame of the positions
 */
export function keepSolids(
  positions: Float32Array,
  indices: Uint32Array,
  eyes?: Float32Array,
  minShare = 0.002,
): { positions: Float32Array; indices: Uint32Array; dropped: number } {
  const { ofTriangle, volumes } = meshComponents(positions, indices);
  const least = minShare * Math.max(0, ...volumes);
  const kept = volumes.map((volume) => volume > 0 && volume >= least);
  if (eyes && volumes.length > 1 && volumes.length <= MOST_COMPONENTS) {
    const componentOf = new Uint32Array(positions.length / 3);
    for (let i = 0; i < indices.length; i++) componentOf[indices[i]] = ofTriangle[Math.floor(i / 3)];
    const seen = seenComponents(positions, componentOf, volumes.length, eyes);
    const largest = volumes.indexOf(Math.max(...volumes));
    for (const component of kept.keys()) kept[component] &&= seen[component] || component === largest;
  }
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
