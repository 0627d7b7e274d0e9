/** Triangles that share a material, three vertices each and none shared. T triangles. */
export interface Batch {
  /** Name of the material in its file; empty where there is none. */
  name: string;
  /** [3T, 3] */
  position: Float32Array;
  /** [3T, 3]; not always of unit length: files say what they say. */
  normal: Float32Array;
  /** [3T, 2], (0, 0) at the texture's bottom left, as in OBJ. Not limited to 0..1. */
  uv: Float32Array;
  /** Diffuse colour, sRGB in 0..1. White where there is a texture. */
  colour: [number, number, number];
  /** 0 (not to be seen) .. 1 (opaque). */
  opacity: number;
  /** Path of the texture relative to the model's folder, or a key of the maker's; absent for plain colours. */
  texture?: string;
}
