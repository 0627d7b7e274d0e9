import { type Mesh, NoSurfaceError, NumericalError, ShapeMismatchError } from '@gestalt3d/core';
import { nesting } from './nesting.ts';
import { components, forEachEdge, meshTopology, triangleArea, weldMap } from './topology.ts';

export interface CleanOptions {
  /** A separate part stays when its volume is at least this share of the largest part's. */
  minVolumeShare: number;
}

export const CLEAN_DEFAULTS: Readonly<CleanOptions> = { minVolumeShare: 0.005 };

export interface CleanReport {
  trianglesIn: number;
  /** Removed: zero area or a repeated corner. */
  degenerateTriangles: number;
  /** Removed: the same three corners as another triangle. */
  duplicateTriangles: number;
  /** Connected parts that came in, stayed, were too small, or were inner shells (cavities). */
  partsIn: number;
  partsKept: number;
  partsTooSmall: number;
  partsInside: number;
  droppedTriangles: number;
  /** The winding was inside out and was reversed. */
  flipped: boolean;
  boundaryEdges: number;
  nonManifoldEdges: number;
  closed: boolean;
  volume: number;
}

/**
 * Welds bit-equal positions (unless the mesh has texture coordinates) and removes degenerate and duplicate triangles; vertices stay where they are.
 * @throws NumericalError on NaN or infinite positions, ShapeMismatchError on an index without a vertex, NoSurfaceError when nothing remains
 */
export function siftTriangles(mesh: Mesh): { mesh: Mesh; degenerateTriangles: number; duplicateTriangles: number } {
  let bad = 0;
  for (const value of mesh.positions) if (!Number.isFinite(value)) bad++;
  if (bad > 0) throw new NumericalError('mesh positions', 'clean', bad);
  let top = -1;
  for (const v of mesh.indices) if (v > top) top = v;
  if (top >= mesh.positions.length / 3) throw new ShapeMismatchError('mesh positions', [`> ${top}`, 3], [mesh.positions.length / 3, 3]);
  const trianglesIn = Math.floor(mesh.indices.length / 3);

  // 1. weld
  const work: Mesh = { ...mesh, indices: mesh.indices.slice() };
  if (!mesh.uvs) {
    const { vertexOf, first } = weldMap(mesh.positions);
    for (let i = 0; i < work.indices.length; i++) work.indices[i] = first[vertexOf[work.indices[i]]];
  }

  // 2. degenerate and duplicate triangles
  let degenerateTriangles = 0;
  let duplicateTriangles = 0;
  const kept = new Uint32Array(trianglesIn * 3);
  let used = 0;
  // open addressing over the sorted corners; a set of keys would cost a hundred bytes a triangle
  let slots = 4;
  while (slots < trianglesIn * 2) slots *= 2;
  const table = new Int32Array(slots).fill(-1);
  const isNew = (a: number, b: number, c: number): boolean => {
    const low = Math.min(a, b, c);
    const high = Math.max(a, b, c);
    const middle = a + b + c - low - high;
    let slot = (Math.imul(low, 73856093) ^ Math.imul(middle, 19349663) ^ Math.imul(high, 83492791)) >>> 0;
    for (slot = (slot ^ (slot >>> 15)) & (slots - 1); table[slot] >= 0; slot = (slot + 1) & (slots - 1)) {
      const [x, y, z] = [kept[table[slot]], kept[table[slot] + 1], kept[table[slot] + 2]];
      if (Math.min(x, y, z) === low && Math.max(x, y, z) === high && x + y + z === low + middle + high) return false;
    }
    table[slot] = used;
    return true;
  };
  for (let t = 0; t < trianglesIn; t++) {
    const a = work.indices[t * 3];
    const b = work.indices[t * 3 + 1];
    const c = work.indices[t * 3 + 2];
    if (a === b || b === c || c === a || !(triangleArea(work, t) > 0)) degenerateTriangles++;
    else if (isNew(a, b, c)) {
      kept[used] = a;
      kept[used + 1] = b;
      kept[used + 2] = c;
      used += 3;
    } else duplicateTriangles++;
  }
  if (used === 0) throw new NoSurfaceError('no triangle with an area');
  return { mesh: { ...work, indices: kept.slice(0, used) }, degenerateTriangles, duplicateTriangles };
}

/**
 * One sound outer surface: siftTriangles, then floaters and inner shells are dropped, the mesh is turned outside out, and what is left of holes
 * is counted.
 * @throws as siftTriangles
 */
export function cleanMesh(mesh: Mesh, options: Readonly<CleanOptions> = CLEAN_DEFAULTS): { mesh: Mesh; report: CleanReport } {
  const trianglesIn = Math.floor(mesh.indices.length / 3);
  const { mesh: work, degenerateTriangles, duplicateTriangles } = siftTriangles(mesh);

  const { component } = components(work.indices, work.positions.length / 3);
  const parts = nesting(work, component);
  let largest = 0;
  for (const { volume } of parts.values()) if (Math.abs(volume) > Math.abs(largest)) largest = volume;
  const flipped = largest < 0;
  const sign = flipped ? -1 : 1;
  const keep = new Set<number>();
  let partsInside = 0;
  let partsTooSmall = 0;
  // once a cavity is gone, what lay in it lies in solid material
  const open = openParts(work.indices, component);
  const outer = [...parts].filter(([part, { volume }]) => volume * sign >= 0 && !open.has(part));
  const around = nesting(work, component, new Set(outer.map(([part]) => part)));
  for (const [part, { volume }] of parts) {
    if (largest !== 0 && Math.abs(volume) < options.minVolumeShare * Math.abs(largest)) partsTooSmall++;
    else if (!open.has(part) && (volume * sign < 0 || around.get(part)!.around !== 0)) partsInside++;
    else keep.add(part);
  }
  const out: number[] = [];
  for (let t = 0; t < component.length; t++) {
    if (!keep.has(component[t])) continue;
    const [a, b, c] = work.indices.subarray(t * 3, t * 3 + 3);
    if (flipped) out.push(a, c, b);
    else out.push(a, b, c);
  }
  const result = compactMesh({ ...work, indices: Uint32Array.from(out) });
  const topology = meshTopology(result);
  return {
    mesh: result,
    report: {
      trianglesIn,
      degenerateTriangles,
      duplicateTriangles,
      partsIn: parts.size,
      partsKept: keep.size,
      partsTooSmall,
      partsInside,
      droppedTriangles: component.length - out.length / 3,
      flipped,
      boundaryEdges: topology.boundaryEdges,
      nonManifoldEdges: topology.nonManifoldEdges,
      closed: topology.closed,
      volume: topology.volume,
    },
  };
}

/** Parts with an edge of other than two triangles: these have no inside, so their volume says nothing about where it is. */
function openParts(indices: Uint32Array, component: Uint32Array): Set<number> {
  const open = new Set<number>();
  forEachEdge(indices, (uses) => {
    if (uses.length !== 2) open.add(component[Math.floor(uses[0] / 3)]);
  });
  return open;
}

/** The same mesh without vertices that no triangle uses. Attributes follow. */
export function compactMesh(mesh: Mesh): Mesh {
  const target = new Int32Array(mesh.positions.length / 3).fill(-1);
  const source: number[] = [];
  const indices = new Uint32Array(mesh.indices.length);
  for (let i = 0; i < indices.length; i++) {
    const v = mesh.indices[i];
    if (target[v] < 0) {
      target[v] = source.length;
      source.push(v);
    }
    indices[i] = target[v];
  }
  return { ...gatherVertices(mesh, Uint32Array.from(source)), indices };
}

/** Vertex attributes picked by `source`; the indices stay as they are. */
export function gatherVertices(mesh: Mesh, source: Uint32Array): Mesh {
  const pick = <A extends Float32Array | Uint8Array>(from: A, size: number): A => {
    const to = new (from.constructor as new (length: number) => A)(source.length * size);
    for (let v = 0; v < source.length; v++) for (let c = 0; c < size; c++) to[v * size + c] = from[source[v] * size + c];
    return to;
  };
  return {
    ...mesh,
    positions: pick(mesh.positions, 3),
    ...(mesh.normals && { normals: pick(mesh.normals, 3) }),
    ...(mesh.colors && { colors: pick(mesh.colors, 3) }),
    ...(mesh.uvs && { uvs: pick(mesh.uvs, 2) }),
  };
}
