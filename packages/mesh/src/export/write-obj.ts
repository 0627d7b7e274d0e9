import type { ImageCodec, Mesh } from '@gestalt3d/core';
import { computeNormals } from '../normals.ts';

/**
 * Wavefront OBJ with its material library and texture, as files by name. Seven digits: single precision. Vertex colours, where there is no texture,
 * stand behind the positions as most programs read them (sRGB, 0..1).
 */
export async function writeObj(
  mesh: Mesh,
  name: string,
  codec: Pick<ImageCodec, 'encodeJpeg'>,
  textureQuality = 92,
): Promise<Map<string, Uint8Array>> {
  const { positions: p, uvs, texture, colors } = mesh;
  const normals = mesh.normals ?? computeNormals(mesh);
  const textured = uvs !== undefined && texture !== undefined;
  const digits = (value: number) => String(Number(value.toPrecision(7)));
  const lines = ['# Gestalt3D', `mtllib ${name}.mtl`, `o ${name}`];
  for (let i = 0; i < p.length; i += 3) {
    const color = colors && !textured ? [0, 1, 2].map((k) => ` ${digits(colors[i + k] / 255)}`).join('') : '';
    lines.push(`v ${digits(p[i])} ${digits(p[i + 1])} ${digits(p[i + 2])}${color}`);
  }
  // OBJ counts v upwards
  if (textured) for (let i = 0; i < uvs.length; i += 2) lines.push(`vt ${digits(uvs[i])} ${digits(1 - uvs[i + 1])}`);
  for (let i = 0; i < normals.length; i += 3) lines.push(`vn ${digits(normals[i])} ${digits(normals[i + 1])} ${digits(normals[i + 2])}`);
  lines.push('usemtl surface');
  const corner = (v: number) => (textured ? `${v + 1}/${v + 1}/${v + 1}` : `${v + 1}//${v + 1}`);
  for (let t = 0; t < mesh.indices.length; t += 3)
    lines.push(`f ${corner(mesh.indices[t])} ${corner(mesh.indices[t + 1])} ${corner(mesh.indices[t + 2])}`);
  const material = ['newmtl surface', 'Ka 1 1 1', 'Kd 1 1 1', 'Ks 0 0 0', 'illum 1', ...(textured ? [`map_Kd ${name}.jpg`] : [])];
  const text = (content: string[]) => new TextEncoder().encode(`${content.join('\n')}\n`);
  const files = new Map<string, Uint8Array>([
    [`${name}.obj`, text(lines)],
    [`${name}.mtl`, text(material)],
  ]);
  if (textured) files.set(`${name}.jpg`, await codec.encodeJpeg(texture, textureQuality));
  return files;
}
