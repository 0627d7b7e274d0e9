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
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < positions.length; i++) {
    low[i % 3] = Math.min(low[i % 3], positions[i]);
    high[i % 3] = Math.max(high[i % 3], positions[i]);
  }
  const middle = low.map((value, c) => (value + high[c]) / 2);
  const radius = Math.hypot(...low.map((value, c) => high[c] - value)) / 2;
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
    const towards = middle.map((value, c) => value - eyes[e + c]);
    const distance = Math.hypot(...towards);
    // an eye inside sees parts of it from within: no picture of the whole
    if (!(distance > radius)) continue;
    const forward = towards.map((value) => value / distance);
    const [right, up] = frameOf(forward);
    const scale = (0.5 * size) / (radius / Math.sqrt(distance * distance - radius * radius));
    nearest.fill(Infinity);
    owner.fill(-1);
    for (let p = 0; p < componentOf.length; p++) {
      const x = positions[p * 3] - eyes[e];
      const y = positions[p * 3 + 1] - eyes[e + 1];
      const z = positions[p * 3 + 2] - eyes[e + 2];
      const depth = x * forward[0] + y * forward[1] + z * forward[2];
      const column = Math.floor(size / 2 + (scale * (x * right[0] + y * right[1] + z * right[2])) / depth);
      const row = Math.floor(size / 2 + (scale * (x * up[0] + y * up[1] + z * up[2])) / depth);
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

/** Two unit vectors that are perpendicular to a direction and to each other. */
function frameOf([x, y, z]: readonly number[]): [number[], number[]] {
  const side = Math.abs(y) < 0.9 ? [z, 0, -x] : [0, -z, y];
  const length = Math.hypot(...side);
  const right = side.map((value) => value / length);
  return [right, [y * right[2] - z * right[1], z * right[0] - x * right[2], x * right[1] - y * right[0]]];
}
