import { type Camera, createImage, type RgbaImage, type RgbImage, reframeCamera } from '@gestalt3d/core';
import { type Material, type MaterialMesh, rasteriseView, sampleBilinear } from '@gestalt3d/mesh';

/** Light that stands still in the world, so that it lies on the object alike in every view. */
export interface Light {
  /** World-space unit vector towards the lamp. */
  towards: readonly [number, number, number];
  /** Share of a surface's colour that the lamp gives at most; the rest comes from the sky, a little less from below. */
  strength: number;
}

/** Samples per pixel and axis. */
const SUPERSAMPLE = 2;

/** Picture of a model with straight alpha: textures under a soft light without shadows, both sides of every triangle, 2 x 2 samples a pixel. */
export function renderModel(model: MaterialMesh, camera: Camera, light: Light): RgbaImage {
  const fine = reframeCamera(camera, {
    scale: SUPERSAMPLE,
    dx: 0,
    dy: 0,
    width: camera.width * SUPERSAMPLE,
    height: camera.height * SUPERSAMPLE,
  });
  const { triangle, weights, width } = rasteriseView(model, fine);
  const { indices, normals, uvs, colors, materials, materialOf } = model;
  const mips = materials.map(({ texture }) => (texture ? mipmaps(texture) : []));
  const levels = mipLevels(model, triangle, mips);
  const out = createImage(camera.width, camera.height, 4);
  const color = new Float32Array(3);
  const eye = fine.worldFromCamera;
  const samples = SUPERSAMPLE * SUPERSAMPLE;
  for (let y = 0; y < out.height; y++)
    for (let x = 0; x < out.width; x++) {
      const sum = [0, 0, 0];
      let covered = 0;
      for (let k = 0; k < samples; k++) {
        const at = (y * SUPERSAMPLE + Math.floor(k / SUPERSAMPLE)) * width + x * SUPERSAMPLE + (k % SUPERSAMPLE);
        const t = triangle[at];
        if (t < 0) continue;
        covered++;
        const corners = [indices[t * 3], indices[t * 3 + 1], indices[t * 3 + 2]];
        const part = [1 - weights[at * 2] - weights[at * 2 + 1], weights[at * 2], weights[at * 2 + 1]];
        const mix = (list: ArrayLike<number>, size: number, r: number): number =>
          list[corners[0] * size + r] * part[0] + list[corners[1] * size + r] * part[1] + list[corners[2] * size + r] * part[2];
        const material = materials[materialOf[t]];
        const pictures = mips[materialOf[t]];
        if (pictures.length > 0) lookUp(pictures[levels[t]], material, mix(uvs, 2, 0), mix(uvs, 2, 1), color);
        else for (let r = 0; r < 3; r++) color[r] = material.color[r];
        const brightness = shade([mix(normals, 3, 0), mix(normals, 3, 1), mix(normals, 3, 2)], eye, light);
        for (let r = 0; r < 3; r++) sum[r] += Math.min(255, color[r] * (colors ? mix(colors, 3, r) / 255 : 1) * brightness);
      }
      if (covered === 0) continue;
      const to = (y * out.width + x) * 4;
      for (let r = 0; r < 3; r++) out.data[to + r] = Math.round(sum[r] / covered);
      out.data[to + 3] = Math.round((255 * covered) / samples);
    }
  return out;
}

/** Lamp wrapped half way around the object, sky from above. */
function shade(normal: number[], eye: readonly number[], { towards, strength }: Light): number {
  const length = Math.hypot(...normal) || 1;
  // a triangle seen from behind is lit as if it faced the camera: furniture has many that are turned around
  const facing = normal[0] * eye[8] + normal[1] * eye[9] + normal[2] * eye[10] < 0 ? -1 / length : 1 / length;
  const lamp = (normal[0] * towards[0] + normal[1] * towards[1] + normal[2] * towards[2]) * facing;
  const sky = 0.88 + 0.12 * normal[1] * facing;
  return (1 - strength) * sky + strength * Math.max(0, (lamp + 0.5) / 1.5) * 1.25;
}

function lookUp(picture: RgbImage, { color, repeat }: Material, u: number, v: number, out: Float32Array): void {
  sampleBilinear(picture, repeat ? u - Math.floor(u) : u, repeat ? v - Math.floor(v) : v, out);
  for (let r = 0; r < 3; r++) out[r] *= color[r] / 255;
}

function mipmaps(texture: RgbImage): RgbImage[] {
  const levels = [texture];
  for (let from = texture; Math.min(from.width, from.height) >= 8; from = levels[levels.length - 1]) {
    const to = createImage(from.width >> 1, from.height >> 1, 3);
    for (let y = 0; y < to.height; y++)
      for (let x = 0; x < to.width; x++)
        for (let r = 0; r < 3; r++) {
          const at = (y * 2 * from.width + x * 2) * 3 + r;
          const below = at + from.width * 3;
          to.data[(y * to.width + x) * 3 + r] = (from.data[at] + from.data[at + 3] + from.data[below] + from.data[below + 3] + 2) >> 2;
        }
    levels.push(to);
  }
  return levels;
}

/** Level a triangle [T]: texels per sample of its material in this picture, so that neighbours agree. */
function mipLevels({ indices, uvs, materialOf }: MaterialMesh, triangle: Int32Array, mips: RgbImage[][]): Uint8Array {
  const seen = new Uint32Array(materialOf.length);
  for (const t of triangle) if (t >= 0) seen[t]++;
  const texels = new Float64Array(mips.length);
  const samples = new Float64Array(mips.length);
  for (let t = 0; t < materialOf.length; t++) {
    const texture = mips[materialOf[t]][0];
    if (seen[t] === 0 || !texture) continue;
    const [a, b, c] = [indices[t * 3] * 2, indices[t * 3 + 1] * 2, indices[t * 3 + 2] * 2];
    const area = Math.abs((uvs[b] - uvs[a]) * (uvs[c + 1] - uvs[a + 1]) - (uvs[b + 1] - uvs[a + 1]) * (uvs[c] - uvs[a])) / 2;
    texels[materialOf[t]] += area * texture.width * texture.height;
    samples[materialOf[t]] += seen[t];
  }
  const level = mips.map((pictures, m) => {
    const wanted = Math.round(Math.log2(Math.max(1, texels[m] / Math.max(1, samples[m]))) / 2);
    return Math.min(Math.max(0, wanted), Math.max(0, pictures.length - 1));
  });
  return Uint8Array.from(materialOf, (m) => level[m]);
}
