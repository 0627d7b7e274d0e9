// Decision: own charts and packing instead of xatlas.
// Measured in one run on one mesh at 5,000 / 10,000 / 20,000 triangles, processor time on a busy 2-core machine, padding 4, page 1024:
//   xatlas through WebAssembly (npm watlas 1.0.1): 0.6 / 1.2 / 3.5-3.9 s, 57 / 55 / 63 charts, utilisation 0.70 / 0.72 / 0.68, pages up to
//     1216 x 1112 where 1024 was asked for (so packing repeats at other scales), and non-manifold input is known to hang it;
//   normal-cluster charts projected on planes, skyline packing with holes (this file): 0.9 (cold) / 0.7 / 0.7-0.9 s, 54 / 52 / 64 charts,
//     utilisation 0.67-0.70 of exactly 1024 x 1024, the same texel density (0.97-0.99 of xatlas's), L2 stretch 1.04.
// The price is stretch: a chart's triangles lean up to `maxAngleDeg` away from its plane, which costs texel density 1 / cos there.

import { type Mesh, NoSurfaceError } from '@gestalt3d/core';
import { growCharts } from './charts.ts';
import { compactMesh, gatherVertices } from './clean.ts';
import { packCharts } from './pack.ts';
import { weldMap } from './topology.ts';

export interface UnwrapOptions {
  /** Edge of the square texture in texels. */
  textureSize: number;
  /** Free texels between charts. */
  paddingPx: number;
  /** A triangle's normal leans at most this far from its chart's plane normal. */
  maxAngleDeg: number;
}

export const UNWRAP_DEFAULTS: Readonly<UnwrapOptions> = { textureSize: 1024, paddingPx: 4, maxAngleDeg: 55 };

export interface Unwrapped {
  /** With `uvs`; vertices on chart borders are repeated. */
  mesh: Mesh;
  /** [T] */
  chartOfTriangle: Uint32Array;
  charts: number;
  /** Share of the texture inside charts. */
  utilisation: number;
  /** Texels along one world unit. */
  texelsPerUnit: number;
  /** Area-weighted L2 stretch (Sander 2001); 1 is an isometry at the same density everywhere. */
  stretch: number;
}

/**
 * An atlas without overlaps: charts are connected regions of similar normals, each projected on its plane, turned to its smallest rectangle and
 * packed by its outline. Any triangle soup terminates.
 */
export function unwrapMesh(mesh: Mesh, options: Readonly<UnwrapOptions> = UNWRAP_DEFAULTS): Unwrapped {
  const triangleCount = mesh.indices.length / 3;
  if (triangleCount === 0) throw new NoSurfaceError('the mesh to unwrap has no triangles');
  const { vertexOf, first } = weldMap(mesh.positions);
  const welded = Uint32Array.from(mesh.indices, (v) => first[vertexOf[v]]);
  const charts = growCharts({ positions: mesh.positions, indices: welded }, options.maxAngleDeg);
  const packed = packCharts(charts.projected, charts.chartOfTriangle, charts.count, options.textureSize, options.paddingPx);

  // one vertex per (vertex, chart)
  const ids = new Map<number, number>();
  const source: number[] = [];
  const uvs: number[] = [];
  const indices = new Uint32Array(mesh.indices.length);
  for (let h = 0; h < indices.length; h++) {
    const v = mesh.indices[h];
    const key = v * charts.count + charts.chartOfTriangle[Math.floor(h / 3)];
    let id = ids.get(key);
    if (id === undefined) {
      id = source.length;
      ids.set(key, id);
      source.push(v);
      uvs.push(packed.uvs[h * 2], packed.uvs[h * 2 + 1]);
    }
    indices[h] = id;
  }
  const { uvs: _, ...plain } = mesh;
  const result = compactMesh({ ...gatherVertices(plain, Uint32Array.from(source)), indices, uvs: Float32Array.from(uvs) });
  return {
    mesh: result,
    chartOfTriangle: charts.chartOfTriangle,
    charts: charts.count,
    utilisation: packed.utilisation,
    texelsPerUnit: packed.texelsPerUnit,
    stretch: stretchOf(result, options.textureSize, packed.texelsPerUnit),
  };
}

function stretchOf({ positions: p, indices, uvs }: Mesh, size: number, texelsPerUnit: number): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < indices.length; i += 3) {
    const [a, b, c] = [indices[i], indices[i + 1], indices[i + 2]];
    const s1 = (uvs![b * 2] - uvs![a * 2]) * size;
    const t1 = (uvs![b * 2 + 1] - uvs![a * 2 + 1]) * size;
    const s2 = (uvs![c * 2] - uvs![a * 2]) * size;
    const t2 = (uvs![c * 2 + 1] - uvs![a * 2 + 1]) * size;
    const det = s1 * t2 - s2 * t1;
    if (Math.abs(det) < 1e-12) continue;
    let squared = 0;
    const cross = [0, 0, 0];
    const e1 = [0, 1, 2].map((k) => p[b * 3 + k] - p[a * 3 + k]);
    const e2 = [0, 1, 2].map((k) => p[c * 3 + k] - p[a * 3 + k]);
    for (let k = 0; k < 3; k++) {
      const du = (e1[k] * t2 - e2[k] * t1) / det;
      const dv = (e2[k] * s1 - e1[k] * s2) / det;
      squared += (du * du + dv * dv) / 2;
      cross[k] = e1[(k + 1) % 3] * e2[(k + 2) % 3] - e1[(k + 2) % 3] * e2[(k + 1) % 3];
    }
    const area = Math.hypot(cross[0], cross[1], cross[2]) / 2;
    sum += squared * texelsPerUnit ** 2 * area;
    total += area;
  }
  return total > 0 ? Math.sqrt(sum / total) : 1;
}
