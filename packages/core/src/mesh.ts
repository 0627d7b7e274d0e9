import type { RgbImage } from './image.ts';

/** Indexed triangle mesh in the world frame (right-handed, +Y up), counter-clockwise seen from outside. */
export interface Mesh {
  /** [P, 3] */
  positions: Float32Array;
  /** [T, 3] */
  indices: Uint32Array;
  /** [P, 3], unit length. */
  normals?: Float32Array;
  /** [P, 3] sRGB, 0..255. */
  colors?: Uint8Array;
  /** [P, 2], glTF convention: (0, 0) is the texture's top left. */
  uvs?: Float32Array;
  /** Base colour, sRGB. */
  texture?: RgbImage;
}

export interface Bounds {
  min: [number, number, number];
  max: [number, number, number];
}

/** Axis-aligned bounds of the positions; of no positions, an empty (inverted) box. */
export function meshBounds(positions: Float32Array): Bounds {
  const min: [number, number, number] = [Infinity, Infinity, Infinity];
  const max: [number, number, number] = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < positions.length; i += 3)
    for (let c = 0; c < 3; c++) {
      const value = positions[i + c]!;
      if (value < min[c]!) min[c] = value;
      if (value > max[c]!) max[c] = value;
    }
  return { min, max };
}
