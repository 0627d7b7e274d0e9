import { ByteBudgetError, type Mesh, type RgbImage, resample } from '@gestalt3d/core';
import type { TextureFormat } from './gltf.ts';

/** A lossless texture of this size gives way to a larger lossy one. */
const MIN_LOSSLESS = 128;
/** Textures are not made smaller than this, nor meshes coarser: what is left would be no picture of the object. */
const MIN_TEXTURE = 32;
const MIN_TRIANGLES = 200;
/** Geometry gets at most this share of a budget that holds a texture as well: the eye misses texels before triangles. */
const GEOMETRY_SHARE = 0.6;
/** Qualities tried before the texture loses half its size; below, blocks show. */
const QUALITIES = [85, 75];
const ROUNDS = 6;

/**
 * The geometry with the most triangles whose file leaves room for a texture.
 * @param build makes a mesh of at most so many triangles
 * @param bytesOf the size of the file of such a mesh, without a texture
 * @param bytes for geometry and texture; with `textured` false geometry may take all of it
 * @throws ByteBudgetError where simplification ends before the budget is met
 */
export async function fitGeometry<T extends { mesh: Mesh }>(
  build: (triangles: number) => Promise<T>,
  bytesOf: (built: T) => Promise<number>,
  options: { triangles: number; bytes: number; textured: boolean },
): Promise<T> {
  const allowed = options.bytes * (options.textured ? GEOMETRY_SHARE : 1);
  let { triangles } = options;
  for (let round = 1; ; round++) {
    const built = await build(triangles);
    const size = await bytesOf(built);
    if (size <= allowed) return built;
    const least = Math.min(MIN_TRIANGLES, options.triangles);
    const reached = built.mesh.indices.length / 3;
    if (round === ROUNDS || triangles <= least || reached > 1.5 * triangles) {
      if (size <= options.bytes) return built;
      throw new ByteBudgetError(options.bytes, size, `${reached} triangles, which is as few as keep its shape`);
    }
    triangles = Math.max(least, Math.floor((Math.min(triangles, reached) * allowed * 0.97) / size));
  }
}

/** A texture as it shall stand in a file. */
export interface FittedTexture {
  texture: RgbImage;
  quality: number;
  format: TextureFormat;
}

/**
 * The texture at the size and quality that still fit: quality goes first, then half of the size, and so on. A PNG, which has no quality, becomes what
 * `auto` means before it is smaller than 128 texels.
 * @param bytesOf the size of the file with such a texture
 * @throws ByteBudgetError where the smallest is too large
 */
export async function fitTexture(
  texture: RgbImage,
  bytesOf: (fitted: FittedTexture) => Promise<number>,
  options: { quality: number; bytes: number; format: TextureFormat },
): Promise<FittedTexture> {
  const { quality, format } = options;
  const lossy = [quality, ...QUALITIES.filter((one) => one < quality)];
  const ladders: { format: TextureFormat; qualities: number[]; least: number }[] =
    format === 'png'
      ? [
          { format, qualities: [quality], least: MIN_LOSSLESS },
          { format: 'auto', qualities: lossy, least: MIN_TEXTURE },
        ]
      : [{ format, qualities: lossy, least: MIN_TEXTURE }];
  let bytes = 0;
  for (const ladder of ladders)
    for (let { width } = texture; width >= Math.min(ladder.least, texture.width); width >>= 1) {
      const smaller = width === texture.width ? texture : resample(texture, width, width);
      for (const tried of ladder.qualities) {
        const fitted = { texture: smaller, quality: tried, format: ladder.format };
        bytes = await bytesOf(fitted);
        if (bytes <= options.bytes) return fitted;
      }
    }
  throw new ByteBudgetError(options.bytes, bytes, `a texture of ${Math.min(MIN_TEXTURE, texture.width)} texels, the smallest`);
}
