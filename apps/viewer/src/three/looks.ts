import { type Material, type Mesh, MeshBasicMaterial, MeshNormalMaterial, MeshStandardMaterial, type Texture } from 'three';

export const LOOKS = ['texture', 'unlit', 'clay', 'normals'] as const;
export type Look = (typeof LOOKS)[number];

const originals = new WeakMap<Mesh, Material>();

function originalOf(mesh: Mesh): Material {
  const known = originals.get(mesh);
  if (known) return known;
  const material = Array.isArray(mesh.material) ? mesh.material[0]! : mesh.material;
  originals.set(mesh, material);
  return material;
}

/** Dresses the meshes; the material of the file is kept and comes back with `texture`. */
export function applyLook(meshes: readonly Mesh[], look: Look): void {
  for (const mesh of meshes) {
    const original = originalOf(mesh);
    if (mesh.material !== original) (mesh.material as Material).dispose();
    mesh.material = materialFor(mesh, original, look);
  }
}

function materialFor(mesh: Mesh, original: Material, look: Look): Material {
  const flatShading = !mesh.geometry.hasAttribute('normal');
  const { map = null, vertexColors, side } = original as Material & { map?: Texture | null };
  if (look === 'unlit') return new MeshBasicMaterial({ map, vertexColors, side });
  if (look === 'clay') return new MeshStandardMaterial({ color: 0xcfc8bf, roughness: 0.85, metalness: 0, flatShading, side });
  if (look === 'normals') return new MeshNormalMaterial({ flatShading, side });
  // photographs carry no metal: a file that forgot to say so would be black without an environment
  if (original instanceof MeshStandardMaterial && !original.metalnessMap) {
    original.metalness = 0;
    original.roughness = Math.max(original.roughness, 0.6);
  }
  return original;
}
