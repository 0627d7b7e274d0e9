import type { Mesh } from '@gestalt3d/core';
import { sampleBilinear } from '../render.ts';

/** sRGB vertex colours [P, 3]: the mesh's own, else its texture at the vertices, else white. */
export function vertexColors({ positions, colors, uvs, texture }: Mesh): Uint8Array {
  if (texture && uvs) {
    const out = new Uint8Array(positions.length);
    const sample = new Float32Array(3);
    for (let v = 0; v < positions.length / 3; v++) {
      sampleBilinear(texture, uvs[v * 2], uvs[v * 2 + 1], sample);
      for (let k = 0; k < 3; k++) out[v * 3 + k] = Math.round(sample[k]);
    }
    return out;
  }
  return colors ?? new Uint8Array(positions.length).fill(255);
}
