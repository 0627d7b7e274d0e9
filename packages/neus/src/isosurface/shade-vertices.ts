import type { FieldReader } from '../field.ts';

/** Normals and colours of vertices. */
export interface VertexShade {
  /** [P, 3] unit */
  normals: Float32Array;
  /** [P, 3] sRGB bytes */
  colors: Uint8Array;
}

/** Vertices of one call of the reader. */
const CHUNK = 1 << 12;

/**
 * Unit gradients and colours of the field at positions [P, 3] (world). Gradients are forward differences over `step`, whose error is half a step times
 * the second derivative: the value that they start from comes with the colour. +y where the field is flat.
 */
export function shadeVertices(reader: FieldReader, positions: Float32Array, step: number): VertexShade {
  const normals = new Float32Array(positions.length);
  const colors = new Uint8Array(positions.length);
  const moved = new Float32Array(CHUNK * 3);
  const rgb = new Float32Array(CHUNK * 3);
  const here = new Float32Array(CHUNK);
  const ahead = new Float32Array(CHUNK);
  for (let first = 0; first < positions.length; first += CHUNK * 3) {
    const points = positions.subarray(first, first + CHUNK * 3);
    const count = points.length / 3;
    reader.evaluate(points, here.subarray(0, count), rgb.subarray(0, points.length));
    for (let i = 0; i < points.length; i++) colors[first + i] = Math.round(Math.min(1, Math.max(0, rgb[i])) * 255);
    const taps = moved.subarray(0, points.length);
    for (let axis = 0; axis < 3; axis++) {
      taps.set(points);
      for (let i = axis; i < taps.length; i += 3) taps[i] += step;
      reader.evaluate(taps, ahead.subarray(0, count));
      for (let i = 0; i < count; i++) normals[first + i * 3 + axis] = ahead[i] - here[i];
    }
  }
  normalise(normals);
  return { normals, colors };
}

function normalise(vectors: Float32Array): void {
  for (let i = 0; i < vectors.length; i += 3) {
    // not Math.hypot: ten times slower
    const length = Math.sqrt(vectors[i] ** 2 + vectors[i + 1] ** 2 + vectors[i + 2] ** 2);
    if (length > 1e-20) {
      vectors[i] /= length;
      vectors[i + 1] /= length;
      vectors[i + 2] /= length;
    } else vectors[i + 1] = 1;
  }
}
