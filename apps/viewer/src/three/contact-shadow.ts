import { type Box3, DataTexture, LinearFilter, type Mesh, RGBAFormat, Vector3 } from 'three';

const SIZE = 64;

/**
 * Soft shadow on the ground as a texture, made once: vertices splatted from above, the lower the darker, then blurred.
 * `span` is the side of the square around the origin of x and z that it covers.
 */
export function contactShadow(meshes: readonly Mesh[], bounds: Box3, span: number): DataTexture {
  const density = new Float32Array(SIZE * SIZE);
  const height = Math.max(bounds.max.y - bounds.min.y, 1e-6);
  const centre = bounds.getCenter(new Vector3());
  const point = new Vector3();
  for (const mesh of meshes) {
    const positions = mesh.geometry.getAttribute('position');
    if (!positions) continue;
    const step = Math.max(1, Math.floor(positions.count / 30_000));
    for (let i = 0; i < positions.count; i += step) {
      point.fromBufferAttribute(positions, i).applyMatrix4(mesh.matrixWorld);
      const column = Math.round(((point.x - centre.x) / span + 0.5) * (SIZE - 1));
      const row = Math.round(((point.z - centre.z) / span + 0.5) * (SIZE - 1));
      if (column < 0 || row < 0 || column >= SIZE || row >= SIZE) continue;
      const near = 1 - (point.y - bounds.min.y) / height;
      const at = row * SIZE + column;
      density[at] = Math.max(density[at]!, near * near);
    }
  }
  blur(blur(blur(density, 2), 3), 4);
  const data = new Uint8Array(SIZE * SIZE * 4);
  for (let i = 0; i < density.length; i++) data[i * 4 + 3] = Math.min(255, density[i]! * 120);
  const texture = new DataTexture(data, SIZE, SIZE, RGBAFormat);
  texture.magFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
}

/** Box blur in place, both ways. */
function blur(values: Float32Array, radius: number): Float32Array {
  const line = new Float32Array(SIZE);
  const pass = (start: number, stride: number): void => {
    for (let i = 0; i < SIZE; i++) {
      let sum = 0;
      for (let d = -radius; d <= radius; d++) {
        const j = i + d;
        if (j >= 0 && j < SIZE) sum += values[start + j * stride]!;
      }
      line[i] = sum / (2 * radius + 1);
    }
    for (let i = 0; i < SIZE; i++) values[start + i * stride] = line[i]!;
  };
  for (let i = 0; i < SIZE; i++) pass(i * SIZE, 1);
  for (let i = 0; i < SIZE; i++) pass(i, SIZE);
  return values;
}
