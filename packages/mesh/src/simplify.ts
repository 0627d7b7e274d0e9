import { type Mesh, meshBounds, NumericalError } from '@gestalt3d/core';
import { MeshoptSimplifier } from 'meshoptimizer/simplifier';
import { checkSolid, type SolidCheck, type SolidChecker } from './check-solid.ts';
import { compactMesh } from './clean.ts';

export interface SimplifyOptions {
  /** Triangles wanted at most; meshes at or below stay as they are. */
  triangles: number;
  /** Largest deviation allowed, as a share of the mesh's longest side: 0.01 = 1 %. Reached first, the budget is missed. */
  maxError: number;
  /** What a full step from black to white of vertex colours costs, as a share of the longest side; 0 looks at the shape alone. */
  colorWeight: number;
}

export const SIMPLIFY_DEFAULTS: Readonly<SimplifyOptions> = { triangles: 20_000, maxError: 0.05, colorWeight: 0.02 };

/**
 * Fewer triangles by quadric edge collapse (meshoptimizer): rims of holes stay, vertex colours weigh in so that their borders survive.
 * Vertices are a subset of the input's, so every attribute is kept. `error` is the achieved deviation as a share of the longest side.
 * @param lock [P] vertices that must stay: 1
 */
export async function simplifyMesh(
  mesh: Mesh,
  options: Readonly<SimplifyOptions> = SIMPLIFY_DEFAULTS,
  lock?: Uint8Array,
): Promise<{ mesh: Mesh; error: number }> {
  if (mesh.indices.length <= options.triangles * 3) return { mesh, error: 0 };
  await MeshoptSimplifier.ready;
  const target = Math.max(4, Math.floor(options.triangles)) * 3;
  let indices: Uint32Array;
  let error: number;
  const weigh = mesh.colors !== undefined && options.colorWeight > 0;
  if (weigh || lock) {
    const colors = Float32Array.from(mesh.colors ?? new Uint8Array(mesh.positions.length), (value) => value / 255);
    const weight = weigh ? options.colorWeight : 0;
    [indices, error] = MeshoptSimplifier.simplifyWithAttributes(
      mesh.indices,
      mesh.positions,
      3,
      colors,
      3,
      [weight, weight, weight],
      lock ?? null,
      target,
      options.maxError,
      ['LockBorder', 'RegularizeLight'],
    );
  } else
    [indices, error] = MeshoptSimplifier.simplify(mesh.indices, mesh.positions, 3, target, options.maxError, [
      'LockBorder',
      'RegularizeLight',
    ]);
  if (!Number.isFinite(error)) throw new NumericalError('simplification error', 'simplify', 1);
  return { mesh: compactMesh({ ...mesh, indices }), error };
}

/**
 * As simplifyMesh, for a sound mesh that shall stay sound (see checkSolid): collapses now and then pinch two sheets together or push one
 * through the other. Vertices near what became unsound are then locked and all is done again, so that each round leaves more of the input as it
 * was there. Gives the first sound result, or the last of six. A mesh that is not sound to begin with is simplified once.
 */
export async function simplifySound(
  mesh: Mesh,
  options: Readonly<SimplifyOptions> = SIMPLIFY_DEFAULTS,
  checker: SolidChecker = checkSolid,
): Promise<{ mesh: Mesh; error: number; check: SolidCheck }> {
  const check = checker(mesh);
  if (check.sound) return simplifyKnownSound(mesh, options, checker);
  const simplified = await simplifyMesh(mesh, options);
  return { ...simplified, check: checker(simplified.mesh) };
}

/** As simplifySound, for a mesh that is known to be sound. */
export async function simplifyKnownSound(
  mesh: Mesh,
  options: Readonly<SimplifyOptions>,
  checker: SolidChecker,
): Promise<{ mesh: Mesh; error: number; check: SolidCheck }> {
  const lock = new Uint8Array(mesh.positions.length / 3);
  for (let round = 1; ; round++) {
    const simplified = await simplifyMesh(mesh, options, lock);
    const bad = new Set<number>();
    const result = { ...simplified, check: checker(simplified.mesh, (t) => bad.add(t)) };
    if (!result.check.sound && simplified.mesh !== mesh && round < 6) {
      lockAround(mesh, simplified.mesh, bad, lock);
      continue;
    }
    const left = options.maxError - result.error;
    const { length } = result.mesh.indices;
    if (!result.check.sound || length <= options.triangles * 3 || length === mesh.indices.length || left <= 0) return result;
    // what was locked has kept all its triangles; from here, without locks, the budget is near. Deviations add up at most
    const again = await simplifyKnownSound(result.mesh, { ...options, maxError: left }, checker);
    return again.check.sound ? { ...again, error: result.error + again.error } : result;
  }
}

/** As smoothMesh, for a sound mesh that shall stay sound: corners of triangles that became unsound, and those next to them, go back to where they were. */
export function smoothSound(mesh: Mesh, options: Readonly<SmoothOptions> = SMOOTH_DEFAULTS): Mesh {
  const smooth = smoothMesh(mesh, options);
  for (let round = 0; round < 6; round++) {
    const back = new Uint8Array(mesh.positions.length / 3);
    const bad = (t: number) => {
      for (let c = 0; c < 3; c++) back[mesh.indices[t * 3 + c]] = 1;
    };
    if (checkSolid(smooth, bad).sound) return smooth;
    for (let ring = 0; ring < round + 1; ring++) {
      const inner = back.slice();
      for (let t = 0; t < mesh.indices.length; t += 3)
        if (inner[mesh.indices[t]] || inner[mesh.indices[t + 1]] || inner[mesh.indices[t + 2]]) bad(t / 3);
    }
    for (let v = 0; v < back.length; v++) if (back[v]) for (let k = 0; k < 3; k++) smooth.positions[v * 3 + k] = mesh.positions[v * 3 + k];
  }
  return mesh;
}

/** Cells along each axis in which vertices are found again. */
const LOCK_CELLS = 64;

/** Sets `lock` for the vertices of `fine` in and around the boxes of the triangles `bad` of `coarse`. */
function lockAround(fine: Mesh, coarse: Mesh, bad: ReadonlySet<number>, lock: Uint8Array): void {
  const { min, max } = meshBounds(fine.positions);
  const size = Math.max(max[0] - min[0], max[1] - min[1], max[2] - min[2]) / LOCK_CELLS || 1;
  const cell = (value: number, k: number) => Math.min(LOCK_CELLS - 1, Math.max(0, Math.floor((value - min[k]) / size)));
  const near = new Uint8Array(LOCK_CELLS ** 3);
  for (const t of bad) {
    const corners = Float32Array.from({ length: 9 }, (_, i) => coarse.positions[coarse.indices[t * 3 + Math.floor(i / 3)] * 3 + (i % 3)]);
    const box = meshBounds(corners);
    const low = box.min.map((value, k) => cell(value - size / 4, k));
    const high = box.max.map((value, k) => cell(value + size / 4, k));
    for (let k = low[2]; k <= high[2]; k++)
      for (let j = low[1]; j <= high[1]; j++)
        near.fill(1, (k * LOCK_CELLS + j) * LOCK_CELLS + low[0], (k * LOCK_CELLS + j) * LOCK_CELLS + high[0] + 1);
  }
  const { positions: p } = fine;
  for (let v = 0; v < lock.length; v++)
    if (near[(cell(p[v * 3 + 2], 2) * LOCK_CELLS + cell(p[v * 3 + 1], 1)) * LOCK_CELLS + cell(p[v * 3], 0)]) lock[v] = 1;
}

export interface SmoothOptions {
  /** Pairs of a shrinking and a growing step. */
  iterations: number;
  lambda: number;
  mu: number;
}

/** lambda, mu: Taubin 1995, pass band 0.1. */
export const SMOOTH_DEFAULTS: Readonly<SmoothOptions> = { iterations: 4, lambda: 0.5, mu: -0.526 };

/** Takes the stairs off marching cubes without shrinking (Taubin 1995, uniform weights). Vertices at the rims of holes stay. */
export function smoothMesh(mesh: Mesh, options: Readonly<SmoothOptions> = SMOOTH_DEFAULTS): Mesh {
  const count = mesh.positions.length / 3;
  const positions = Float32Array.from(mesh.positions);
  const sum = new Float64Array(count * 3);
  const degree = new Uint32Array(count);
  // on a closed surface every edge is met once in each direction: summing the next corner alone visits each neighbour once
  const balance = new Int32Array(count);
  for (let h = 0; h < mesh.indices.length; h++) {
    degree[mesh.indices[h]]++;
    balance[mesh.indices[h]] += mesh.indices[h % 3 === 2 ? h - 2 : h + 1] - mesh.indices[h % 3 === 0 ? h + 2 : h - 1];
  }
  for (let i = 0; i < options.iterations * 2; i++) {
    const factor = i % 2 === 0 ? options.lambda : options.mu;
    sum.fill(0);
    for (let h = 0; h < mesh.indices.length; h++) {
      const v = mesh.indices[h] * 3;
      const next = mesh.indices[h % 3 === 2 ? h - 2 : h + 1] * 3;
      for (let c = 0; c < 3; c++) sum[v + c] += positions[next + c];
    }
    for (let v = 0; v < count; v++) {
      // the ring of a rim vertex is open, its neighbours in and out differ
      if (degree[v] === 0 || balance[v] !== 0) continue;
      for (let c = 0; c < 3; c++) positions[v * 3 + c] += factor * (sum[v * 3 + c] / degree[v] - positions[v * 3 + c]);
    }
  }
  const { normals: _, ...rest } = mesh;
  return { ...rest, positions };
}
