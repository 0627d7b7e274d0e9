import { boundingBall, eyeCamera } from './eye-camera.ts';

/** Pixels along the edge of the pictures that decide it, at most. */
const MOST_PIXELS = 64;
/** A component that shows less than this share of its pixels, over all eyes, is hidden. */
const LEAST_SHARE = 0.1;

/**
 * Which components of a closed mesh are in front of the others from anywhere. Every eye looks at the middle of the mesh; in each pixel of its picture the component
 * with the nearest vertex shows.
 * @param positions [P, 3]
 * @param componentOf [P] component of each vertex, below `count`
 * @param eyes [E, 3] in the frame of the positions
 * @returns [count]
 */
export function seenComponents(positions: Float32Array, componentOf: Uint32Array, count: number, eyes: Float32Array): boolean[] {
  const { middle, radius } = boundingBall(positions);
  // a closed box of P even vertices has sqrt(P / 6) along an edge: a pixel is twice as wide, so that nothing shines through between vertices
  const size = Math.max(4, Math.min(MOST_PIXELS, Math.floor(Math.sqrt(componentOf.length / 6) / 2)));
  const area = size * size;
  const touched = new Float64Array(count);
  const shown = new Float64Array(count);
  const nearest = new Float64Array(area);
  const owner = new Int32Array(area);
  /** Last eye (from 1) in whose picture a component touches a pixel. [count, size, size] */
  const mark = new Uint32Array(count * area);
  for (let e = 0; e < eyes.length; e += 3) {
    const camera = eyeCamera([eyes[e], eyes[e + 1], eyes[e + 2]], middle, radius, size);
    if (!camera) continue;
    nearest.fill(Infinity);
    owner.fill(-1);
    for (let p = 0; p < componentOf.length; p++) {
      const [x, y, depth] = camera.project(positions[p * 3], positions[p * 3 + 1], positions[p * 3 + 2]);
      const column = Math.floor(x);
      const row = Math.floor(y);
      if (column < 0 || row < 0 || column >= size || row >= size) continue;
      const pixel = row * size + column;
      mark[componentOf[p] * area + pixel] = e / 3 + 1;
      if (depth >= nearest[pixel]) continue;
      nearest[pixel] = depth;
      owner[pixel] = componentOf[p];
    }
    for (let pixel = 0; pixel < owner.length; pixel++) {
      if (owner[pixel] < 0) continue;
      shown[owner[pixel]]++;
      for (let component = 0; component < count; component++) if (mark[component * area + pixel] === e / 3 + 1) touched[component]++;
    }
  }
  return Array.from(touched, (pixels, component) => pixels === 0 || shown[component] >= LEAST_SHARE * pixels);
}
