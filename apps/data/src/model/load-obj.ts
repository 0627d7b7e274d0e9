import { Matrix4, type Mesh } from 'three';
import { OBJLoader } from 'three/addons/loaders/OBJLoader.js';
import type { Batch } from './batch.ts';
import { DEFAULT_MATERIAL, type Material } from './parse-mtl.ts';

/** Materials fainter than this are not drawn: they are helpers of the modelling program. */
const INVISIBLE = 0.05;

/**
 * Triangles of a Wavefront .obj file by material.
 * @param rotation row-major 3 x 3, applied to every vertex
 */
export function loadObj(text: string, materials: ReadonlyMap<string, Material>, rotation?: readonly number[]): Batch[] {
  const found = new Map<string, { material: Material; position: number[]; normal: number[]; uv: number[] }>();
  // one line element makes three's reader take the whole object for lines, and its faces are lost
  const faces = text.replace(/^[lp]\s.*$/gm, '');
  new OBJLoader().parse(faces).traverse((node) => {
    const mesh = node as Mesh;
    if (!mesh.isMesh) return;
    const { geometry } = mesh;
    if (!geometry.attributes.normal) geometry.computeVertexNormals();
    if (rotation) {
      const [a, b, c, d, e, f, g, h, i] = rotation;
      geometry.applyMatrix4(new Matrix4(a, b, c, 0, d, e, f, 0, g, h, i, 0, 0, 0, 0, 1));
    }
    const { position, normal, uv } = geometry.attributes;
    const list = Array.isArray(mesh.material) ? mesh.material : [mesh.material];
    const groups = geometry.groups.length > 0 ? geometry.groups : [{ start: 0, count: position.count, materialIndex: 0 }];
    for (const group of groups) {
      const name = list[group.materialIndex ?? 0]?.name ?? '';
      const material = materials.get(name) ?? DEFAULT_MATERIAL;
      if (material.opacity < INVISIBLE) continue;
      if (!found.has(name)) found.set(name, { material, position: [], normal: [], uv: [] });
      const batch = found.get(name)!;
      const end = Math.min(group.start + group.count, position.count);
      for (let v = group.start; v < end; v++) {
        batch.position.push(position.getX(v), position.getY(v), position.getZ(v));
        batch.normal.push(normal.getX(v), normal.getY(v), normal.getZ(v));
        batch.uv.push(uv?.getX(v) ?? 0, uv?.getY(v) ?? 0);
      }
    }
  });
  return [...found].map(([name, { material, position, normal, uv }]) => ({
    name,
    position: new Float32Array(position),
    normal: new Float32Array(normal),
    uv: new Float32Array(uv),
    colour: material.texture === undefined ? [...material.colour] : [1, 1, 1],
    opacity: material.opacity,
    ...(material.texture === undefined ? {} : { texture: material.texture }),
  }));
}
