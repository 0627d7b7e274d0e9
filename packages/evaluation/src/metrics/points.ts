import { type Camera, type Mesh, rigCameras } from '@gestalt3d/core';
import { rasteriseView } from '@gestalt3d/mesh';

/** Points [P, 3] in the world frame. */
export type Points = Float64Array;

/** Depths outside this range do not count: SyncDreamer's 16-bit depth maps hold 0.6..2.4 and drop 0.03 at either end. */
const NEAREST = 0.63;
const FARTHEST = 2.37;
/** Of the depth views, pixels. */
const VIEW_SIZE = 256;
/** Edge of the cells whose points become their mean, in units of the object's longest side. */
const CELL = 0.01;

/**
 * What the 16 rig cameras see of a mesh: back-projected depth at 256 px, merged and averaged in cells of 0.01.
 * Source: SyncDreamer, eval_mesh.py (reference, 12.2). Pixels are sampled at their centres.
 */
export function visiblePoints(mesh: Mesh): Points {
  const points: number[] = [];
  for (const camera of rigCameras(VIEW_SIZE)) backProject(mesh, camera, points);
  return averageInCells(Float64Array.from(points));
}

function backProject(mesh: Mesh, camera: Camera, into: number[]): void {
  const { depth, width } = rasteriseView(mesh, camera);
  const m = camera.worldFromCamera;
  for (let i = 0; i < depth.length; i++) {
    const z = depth[i];
    if (!(z > NEAREST && z < FARTHEST)) continue;
    const x = (((i % width) + 0.5 - camera.cx) / camera.flX) * z;
    const y = -((Math.floor(i / width) + 0.5 - camera.cy) / camera.flY) * z;
    for (let r = 0; r < 3; r++) into.push(m[r] * x + m[4 + r] * y - m[8 + r] * z + m[12 + r]);
  }
}

/** One point a cell, the mean of its points, in the order of cells first met. Cells start half a cell below the least coordinates (Open3D's rule). */
export function averageInCells(points: Points, cell = CELL): Points {
  const origin = [Infinity, Infinity, Infinity];
  for (let i = 0; i < points.length; i++) if (points[i] < origin[i % 3]) origin[i % 3] = points[i];
  const slotOf = new Map<number, number>();
  const sums: number[] = [];
  for (let i = 0; i < points.length; i += 3) {
    let key = 0;
    // 17 bits an axis: a thousand times the size of what is measured
    for (let r = 0; r < 3; r++) key = key * 131_072 + Math.floor((points[i + r] - origin[r]) / cell + 0.5);
    let slot = slotOf.get(key);
    if (slot === undefined) {
      slotOf.set(key, (slot = sums.length));
      sums.push(0, 0, 0, 0);
    }
    for (let r = 0; r < 3; r++) sums[slot + r] += points[i + r];
    sums[slot + 3]++;
  }
  return Float64Array.from(
    { length: (sums.length / 4) * 3 },
    (_, i) => sums[Math.floor(i / 3) * 4 + (i % 3)] / sums[Math.floor(i / 3) * 4 + 3],
  );
}
