import { createRng, type Mesh, meshBounds, NoSurfaceError } from '@gestalt3d/core';
import Module, { type Manifold, type ManifoldToplevel } from 'manifold-3d';
import { checkSolid, type SolidCheck, type SolidChecker } from './check-solid.ts';
import { cleanMesh, compactMesh, siftTriangles } from './clean.ts';
import { REBUILD_DEFAULTS, rebuildSolid } from './rebuild-solid.ts';
import { SIMPLIFY_DEFAULTS, simplifyKnownSound } from './simplify.ts';
import { components, meshTopology, signedVolume, triangleArea } from './topology.ts';
import { TriangleTree } from './triangle-tree.ts';

export interface SolidOptions {
  /** Triangles at most where the surface has to be built anew or united, at least 500. */
  triangles: number;
  /** Cells along the longest side of a surface that is built anew. */
  resolution: number;
  /** What is asked of the result; for instance that it stays sound in the coordinates that will be printed. */
  checker: SolidChecker;
  signal?: AbortSignal;
}

export const SOLID_DEFAULTS: Readonly<SolidOptions> = {
  triangles: SIMPLIFY_DEFAULTS.triangles,
  resolution: REBUILD_DEFAULTS.resolution,
  checker: checkSolid,
};

export interface Solid {
  mesh: Mesh;
  check: SolidCheck;
  /** `kept`: nothing was wrong. `united`: its closed parts, joined exactly. `rebuilt`: a new surface on a grid. */
  how: 'kept' | 'united' | 'rebuilt';
  /** Share of the input's area that is farther than a cell outside of the solid: matter that went missing. */
  lost: number;
}

/**
 * The body that a mesh means, sound by `checkSolid` wherever `check.sound` says so (0 problems). Tries in this order, and takes the first sound result:
 * the mesh as it is; the union of its closed parts (manifold-3d), which keeps every edge sharp; a surface built anew on a grid (rebuildSolid),
 * simplified as far as it stays sound, on coarser grids if it must. Small floaters are not dropped here: see cleanMesh.
 * Texture coordinates do not survive anything but `kept`; vertex colours become those of the nearest old surface point.
 * @throws NoSurfaceError when nothing solid is there; NumericalError on NaN positions; the signal's reason
 */
export async function makeSolid(mesh: Mesh, options: Readonly<SolidOptions> = SOLID_DEFAULTS): Promise<Solid> {
  const before = options.checker(mesh);
  if (before.sound) return { mesh, check: before, how: 'kept', lost: 0 };
  const { uvs: _, texture: __, normals: ___, ...plain } = mesh;
  const { mesh: sifted } = siftTriangles(plain);
  const clean = compactMesh(sifted);
  const tree = new TriangleTree(clean);
  const finish = ({ mesh: solid, check }: { mesh: Mesh; check: SolidCheck }, how: Solid['how']): Solid => ({
    mesh: clean.colors ? { ...solid, colors: nearestColors(solid.positions, clean, tree) } : solid,
    check,
    how,
    lost: lostShare(clean, solid, options.resolution),
  });
  const united = await uniteParts(clean, options.checker);
  if (united) return finish(united, 'united');
  return finish(await rebuildSound(clean, options), 'rebuilt');
}

/** More parts than this are rebuilt: a union of thousands takes minutes. */
const MAX_PARTS = 500;

let loading: Promise<ManifoldToplevel> | undefined;

/** The WebAssembly module, loaded when first needed. */
function loadManifold(): Promise<ManifoldToplevel> {
  loading ??= Module().then((module) => {
    module.setup();
    return module;
  });
  return loading;
}

/** Exact union of closed parts, each turned outside out; undefined when a part is open or no manifold, or when the result is not sound. */
async function uniteParts(mesh: Mesh, checker: SolidChecker): Promise<{ mesh: Mesh; check: SolidCheck } | undefined> {
  const parts = splitParts(mesh);
  if (parts.length > MAX_PARTS || parts.some((part) => !meshTopology(part).closed)) return undefined;
  const { Manifold: Body, Mesh: BodyMesh } = await loadManifold();
  const made: Manifold[] = [];
  try {
    for (const { positions, indices } of parts) {
      const body = Body.ofMesh(new BodyMesh({ numProp: 3, vertProperties: positions, triVerts: indices }));
      made.push(body);
    }
    const union = Body.union(made);
    made.push(union);
    const { vertProperties, triVerts, numProp } = union.getMesh();
    if (numProp !== 3 || triVerts.length === 0) return undefined;
    const joined: Mesh = { positions: vertProperties, indices: triVerts };
    const check = checker(joined);
    return check.sound ? { mesh: joined, check } : undefined;
  } catch (error) {
    // an expected answer to what is no manifold after all; anything else is a defect
    if ((error as Error).name === 'ManifoldError') return undefined;
    throw error;
  } finally {
    for (const one of made) one.delete();
  }
}

/** Connected parts, each outside out. */
function splitParts(mesh: Mesh): Mesh[] {
  const trianglesOf = new Map<number, number[]>();
  const volumes = new Map<number, number>();
  components(mesh.indices, mesh.positions.length / 3).component.forEach((part, t) => {
    const list = trianglesOf.get(part);
    if (list) list.push(t);
    else trianglesOf.set(part, [t]);
    volumes.set(part, (volumes.get(part) ?? 0) + signedVolume(mesh, t));
  });
  return [...trianglesOf].map(([part, triangles]) => {
    const order = volumes.get(part)! < 0 ? [0, 2, 1] : [0, 1, 2];
    const indices = Uint32Array.from(
      { length: triangles.length * 3 },
      (_, i) => mesh.indices[triangles[Math.floor(i / 3)] * 3 + order[i % 3]],
    );
    return compactMesh({ positions: mesh.positions, indices });
  });
}

/** Coarser and coarser until a sound surface fits the budget; without one, the last that was tried. */
async function rebuildSound(mesh: Mesh, options: Readonly<SolidOptions>): Promise<{ mesh: Mesh; check: SolidCheck }> {
  let last: { mesh: Mesh; check: SolidCheck } | undefined;
  for (let resolution = options.resolution; resolution >= 8; resolution = Math.floor(resolution * 0.7)) {
    const built = await rebuildSolid(mesh, { resolution, ...(options.signal && { signal: options.signal }) });
    // cavities cannot be printed empty, and nobody sees them
    const { mesh: outer } = cleanMesh(built, { minVolumeShare: 0 });
    const budget = { ...SIMPLIFY_DEFAULTS, triangles: options.triangles, colorWeight: 0 };
    // sound by construction; what the checker asks beside that is seen after simplification
    const simplified = await simplifyKnownSound(outer, budget, options.checker);
    last = { mesh: simplified.mesh, check: simplified.check };
    if (simplified.check.sound && simplified.mesh.indices.length <= options.triangles * 3) return last;
  }
  if (!last) throw new NoSurfaceError(`a resolution of ${options.resolution} is too coarse`);
  return last;
}

function nearestColors(positions: Float32Array, mesh: Mesh, tree: TriangleTree): Uint8Array {
  const out = new Uint8Array(positions.length);
  for (let v = 0; v < positions.length; v += 3) {
    const near = tree.nearest(positions[v], positions[v + 1], positions[v + 2]);
    if (!near) continue;
    let best = Infinity;
    for (let c = 0; c < 3; c++) {
      const corner = mesh.indices[near.triangle * 3 + c] * 3;
      const distance = Math.hypot(
        mesh.positions[corner] - near.x,
        mesh.positions[corner + 1] - near.y,
        mesh.positions[corner + 2] - near.z,
      );
      if (distance >= best) continue;
      best = distance;
      for (let k = 0; k < 3; k++) out[v + k] = mesh.colors![corner + k];
    }
  }
  return out;
}

/** Share of the old surface's area that lies outside of the solid by more than a cell, from about 20,000 points spread by area. */
function lostShare(old: Mesh, solid: Mesh, resolution: number): number {
  const { min, max } = meshBounds(old.positions);
  const reach = Math.max(max[0] - min[0], max[1] - min[1], max[2] - min[2]) / resolution;
  const tree = new TriangleTree(solid);
  const rng = createRng(1);
  let total = 0;
  for (let t = 0; t < old.indices.length / 3; t++) total += triangleArea(old, t);
  let lost = 0;
  for (let t = 0; t < old.indices.length / 3; t++) {
    const area = triangleArea(old, t);
    const points = Math.ceil((area / total) * 20_000);
    for (let i = 0; i < points; i++) {
      const root = Math.sqrt(rng.uniform());
      const share = rng.uniform();
      const weights = [1 - root, root * (1 - share), root * share];
      const [x, y, z] = [0, 1, 2].map((k) =>
        weights.reduce((sum, weight, c) => sum + weight * old.positions[old.indices[t * 3 + c] * 3 + k], 0),
      );
      if (!tree.nearest(x, y, z, reach) && tree.winding(x, y, z) < 0.5) lost += area / points;
    }
  }
  return total > 0 ? lost / total : 0;
}
