import { Box3, type BufferGeometry, type Group, Mesh } from 'three';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';

export interface LoadedAsset {
  root: Group;
  meshes: Mesh[];
  triangles: number;
  bounds: Box3;
}

/** Extensions that a GLB uses. @throws Error when it is none */
function extensionsOf(glb: ArrayBuffer): string[] {
  const view = new DataView(glb);
  if (glb.byteLength < 20 || view.getUint32(0, true) !== 0x46546c67)
    throw new Error(`expected a GLB file, got ${glb.byteLength} bytes of something else; make the mesh again`);
  const json: unknown = JSON.parse(new TextDecoder().decode(new Uint8Array(glb, 20, view.getUint32(12, true))));
  const used = (json as { extensionsUsed?: unknown }).extensionsUsed;
  return Array.isArray(used) ? used.filter((name) => typeof name === 'string') : [];
}

/** @throws Error with a readable reason when the bytes are no GLB or hold no triangle */
export async function loadGlb(glb: ArrayBuffer): Promise<LoadedAsset> {
  const loader = new GLTFLoader();
  if (extensionsOf(glb).some((name) => name.endsWith('meshopt_compression'))) {
    const { MeshoptDecoder } = await import('three/addons/libs/meshopt_decoder.module.js');
    loader.setMeshoptDecoder(MeshoptDecoder);
  }
  const { scene } = await loader.parseAsync(glb, '');
  scene.updateMatrixWorld(true);
  const meshes: Mesh[] = [];
  scene.traverse((object) => {
    if (object instanceof Mesh) meshes.push(object);
  });
  const triangles = meshes.reduce((sum, mesh) => sum + trianglesOf(mesh.geometry), 0);
  if (triangles === 0) throw new Error('the file holds no triangle');
  return { root: scene, meshes, triangles, bounds: new Box3().setFromObject(scene) };
}

function trianglesOf(geometry: BufferGeometry): number {
  return Math.floor((geometry.index?.count ?? geometry.getAttribute('position')?.count ?? 0) / 3);
}

export function disposeAsset(asset: LoadedAsset): void {
  for (const mesh of asset.meshes) {
    mesh.geometry.dispose();
    for (const material of [mesh.material].flat()) material.dispose();
  }
}
