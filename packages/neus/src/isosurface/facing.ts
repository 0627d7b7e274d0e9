import { depthBuffer } from '../preview/depth-buffer.ts';
import type { Work } from '../work.ts';
import { boundingBall, eyeCamera } from './eye-camera.ts';
import type { VertexGraph } from './vertex-graph.ts';

/** Pixels along the edge of the pictures that decide what is hidden. */
const PICTURE = 192;
/** A point this many pixels behind what a picture shows is hidden; more where the surface is seen at a slant. */
const BEHIND_PIXELS = 2;
/** Rounds in which a normal becomes the mean of its surroundings: single triangles of an extracted surface lie in any direction. */
const SMOOTHING = 2;

/**
 * How squarely the best placed eye sees each vertex: the cosine between normal and direction to the eye, 0 if every eye finds it hidden or turned away.
 * @param positions [P, 3]
 * @param normals [P, 3] unit vectors
 * @param eyes [E, 3] in the frame of the positions
 * @returns [P] 0..1
 */
export function* facing(
  positions: Float32Array,
  indices: Uint32Array,
  normals: Float32Array,
  graph: VertexGraph,
  eyes: Float32Array,
): Work<Float32Array> {
  const { middle, radius } = boundingBall(positions);
  let smooth = normals;
  for (let round = 0; round < SMOOTHING; round++) {
    smooth = meanOfNeighbours(smooth, graph);
    yield;
  }
  const best = new Float32Array(positions.length / 3);
  for (let e = 0; e < eyes.length; e += 3) {
    const eye: [number, number, number] = [eyes[e], eyes[e + 1], eyes[e + 2]];
    const camera = eyeCamera(eye, middle, radius, PICTURE);
    if (!camera) continue;
    const shown = depthBuffer(positions, indices, camera);
    yield;
    const pixel = (2 * radius) / PICTURE;
    for (let p = 0; p < best.length; p++) {
      const at = p * 3;
      const x = eye[0] - positions[at];
      const y = eye[1] - positions[at + 1];
      const z = eye[2] - positions[at + 2];
      const distance = Math.hypot(x, y, z);
      const length = Math.hypot(smooth[at], smooth[at + 1], smooth[at + 2]);
      const cosine = (x * smooth[at] + y * smooth[at + 1] + z * smooth[at + 2]) / (distance * length);
      if (!(cosine > best[p])) continue;
      const [column, row] = camera.project(positions[at], positions[at + 1], positions[at + 2]);
      const c = Math.min(PICTURE - 1, Math.max(0, Math.floor(column)));
      const r = Math.min(PICTURE - 1, Math.max(0, Math.floor(row)));
      if (distance <= shown[r * PICTURE + c] + (BEHIND_PIXELS * pixel) / Math.max(cosine, 0.1)) best[p] = cosine;
    }
    yield;
  }
  return best;
}

function meanOfNeighbours(vectors: Float32Array, { start, neighbour }: VertexGraph): Float32Array {
  const out = vectors.slice();
  for (let p = 0; p + 1 < start.length; p++)
    for (let k = start[p]; k < start[p + 1]; k++) for (let c = 0; c < 3; c++) out[p * 3 + c] += vectors[neighbour[k] * 3 + c];
  return out;
}
