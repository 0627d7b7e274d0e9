import { type Mesh, NumericalError } from '@gestalt3d/core';
import { MeshoptSimplifier } from 'meshoptimizer/simplifier';
import { compactMesh } from './clean.ts';
import { meshTopology } from './topology.ts';

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
 */
export async function simplifyMesh(
  mesh: Mesh,
  options: Readonly<SimplifyOptions> = SIMPLIFY_DEFAULTS,
): Promise<{ mesh: Mesh; error: number }> {
  if (mesh.indices.length <= options.triangles * 3) return { mesh, error: 0 };
  await MeshoptSimplifier.ready;
  const target = Math.max(4, Math.floor(options.triangles)) * 3;
  let indices: Uint32Array;
  let error: number;
  if (mesh.colors && options.colorWeight > 0) {
    const colors = Float32Array.from(mesh.colors, (value) => value / 255);
    [indices, error] = MeshoptSimplifier.simplifyWithAttributes(
      mesh.indices,
      mesh.positions,
      3,
      colors,
      3,
      [options.colorWeight, options.colorWeight, options.colorWeight],
      null,
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
 * As simplifyMesh, for a mesh that should stay closed and manifold: a collapse now and then pinches two sheets together on one edge, and a
 * slightly smaller budget collapses other edges. Gives the first closed result of four, or else the last.
 */
export async function simplifyClosed(
  mesh: Mesh,
  options: Readonly<SimplifyOptions> = SIMPLIFY_DEFAULTS,
): Promise<{ mesh: Mesh; error: number }> {
  let result = await simplifyMesh(mesh, options);
  if (!meshTopology(mesh).closed) return result;
  for (const share of [0.98, 0.95, 0.9]) {
    if (meshTopology(result.mesh).closed) break;
    result = await simplifyMesh(mesh, { ...options, triangles: Math.floor(options.triangles * share) });
  }
  return result;
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
