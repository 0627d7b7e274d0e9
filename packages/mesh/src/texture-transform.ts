import type { TextureInfo } from '@gltf-transform/core';
import { KHRTextureTransform, type Transform } from '@gltf-transform/extensions';

/** Texture coordinates as a material means them: KHR_texture_transform applied, (u, v) -> (u, v). */
export function uvTransform(info: TextureInfo | null | undefined): (u: number, v: number) => [number, number] {
  const transform = info?.getExtension<Transform>(KHRTextureTransform.EXTENSION_NAME);
  if (!transform) return (u, v) => [u, v];
  const [x, y] = transform.getOffset();
  const [sx, sy] = transform.getScale();
  const angle = transform.getRotation();
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return (u, v) => [x + cos * sx * u + sin * sy * v, y - sin * sx * u + cos * sy * v];
}
