import type { Mesh } from '@gestalt3d/core';

/** Binary STL, little endian: 84 bytes, then 50 a triangle. No unit, colour or shared corners in the format; slicers read millimetres, +Z up. */
export function writeStl({ positions: p, indices }: Mesh): Uint8Array {
  const triangles = indices.length / 3;
  const bytes = new Uint8Array(84 + triangles * 50);
  const view = new DataView(bytes.buffer);
  // "solid" would make some readers take it for text
  bytes.set(new TextEncoder().encode('Gestalt3D binary STL'));
  view.setUint32(80, triangles, true);
  for (let t = 0; t < triangles; t++) {
    const [a, b, c] = [indices[t * 3] * 3, indices[t * 3 + 1] * 3, indices[t * 3 + 2] * 3];
    const u = [0, 1, 2].map((k) => p[b + k] - p[a + k]);
    const v = [0, 1, 2].map((k) => p[c + k] - p[a + k]);
    const normal = [0, 1, 2].map((k) => u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3]);
    const length = Math.hypot(normal[0], normal[1], normal[2]) || 1;
    const at = 84 + t * 50;
    for (let k = 0; k < 3; k++) view.setFloat32(at + k * 4, normal[k] / length, true);
    [a, b, c].forEach((corner, i) => {
      for (let k = 0; k < 3; k++) view.setFloat32(at + 12 + i * 12 + k * 4, p[corner + k], true);
    });
  }
  return bytes;
}
