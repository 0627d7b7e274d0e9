import type { PreviewCamera } from './preview-camera.ts';

/**
 * Distance from the camera to a mesh through the centre of every pixel, Infinity where there is none.
 * @param positions [P, 3] in cube edges
 * @param indices [T, 3]
 * @returns [size, size]
 */
export function depthBuffer(positions: Float32Array, indices: Uint32Array, camera: PreviewCamera): Float32Array {
  const { size, origin } = camera;
  const count = positions.length / 3;
  const x = new Float32Array(count);
  const y = new Float32Array(count);
  // 1 / distance along the axis is linear in the picture; the true distance follows from the ray at the end
  const near = new Float32Array(count);
  for (let p = 0; p < count; p++) {
    const [px, py, s] = camera.project(positions[p * 3], positions[p * 3 + 1], positions[p * 3 + 2]);
    x[p] = px;
    y[p] = py;
    near[p] = 1 / s;
  }
  const nearest = new Float32Array(size * size);
  for (let t = 0; t < indices.length; t += 3) {
    const [i, j, k] = [indices[t], indices[t + 1], indices[t + 2]];
    if (!(near[i] > 0 && near[j] > 0 && near[k] > 0)) continue;
    const area = (x[j] - x[i]) * (y[k] - y[i]) - (x[k] - x[i]) * (y[j] - y[i]);
    if (area === 0) continue;
    const left = Math.max(0, Math.ceil(Math.min(x[i], x[j], x[k]) - 0.5));
    const right = Math.min(size - 1, Math.floor(Math.max(x[i], x[j], x[k]) - 0.5));
    const top = Math.max(0, Math.ceil(Math.min(y[i], y[j], y[k]) - 0.5));
    const bottom = Math.min(size - 1, Math.floor(Math.max(y[i], y[j], y[k]) - 0.5));
    for (let row = top; row <= bottom; row++)
      for (let column = left; column <= right; column++) {
        const px = column + 0.5;
        const py = row + 0.5;
        const wj = ((px - x[i]) * (y[k] - y[i]) - (x[k] - x[i]) * (py - y[i])) / area;
        const wk = ((x[j] - x[i]) * (py - y[i]) - (px - x[i]) * (y[j] - y[i])) / area;
        if (wj < 0 || wk < 0 || wj + wk > 1) continue;
        const value = (1 - wj - wk) * near[i] + wj * near[j] + wk * near[k];
        const at = row * size + column;
        if (value > nearest[at]) nearest[at] = value;
      }
  }
  const out = new Float32Array(size * size).fill(Infinity);
  for (let at = 0; at < out.length; at++) {
    if (nearest[at] === 0) continue;
    const d = camera.direction((at % size) + 0.5, Math.floor(at / size) + 0.5);
    // a step of 1 along the ray advances the distance along the axis by this much
    const [, , ahead] = camera.project(origin[0] + d[0], origin[1] + d[1], origin[2] + d[2]);
    out[at] = 1 / nearest[at] / ahead;
  }
  return out;
}
