import type { Mesh } from '@gestalt3d/core';
import type { FieldReader } from '../field.ts';
import { keepSolids } from './keep-solids.ts';
import { LayerMarcher } from './marching-cubes.ts';

/** Samples along the edge of a brick. */
const BRICK = 8;

/** Where the surface may be: a grid of bytes over the field's cube, x fastest. */
export interface Support {
  edge: number;
  cells: Uint8Array;
}

export interface ExtractOptions {
  /** Samples along the edge of the field's cube. */
  resolution: number;
  /** Outside of it there is no surface; absent: everywhere may be. */
  support?: Support;
  /** Awaited between layers of bricks; may throw to stop. */
  onLayer?: (done: number, total: number) => Promise<void> | void;
}

/**
 * Mesh of a field's zero level with vertex colours and normals, in the world frame. The SDF is evaluated coarse to fine: once a brick of 8^3 samples,
 * then only where the brick's distance says that the surface may cross it. Cavities and crumbs are dropped (`keepSolids`).
 */
export async function extractMesh(reader: FieldReader, options: ExtractOptions): Promise<Mesh> {
  const { resolution, support, onLayer } = options;
  const { min, max } = reader.bounds;
  const edge = max[0] - min[0];
  const cell = edge / (resolution - 1);
  const bricks = Math.ceil(resolution / BRICK);
  const active = activeBricks(reader, bricks, cell, support);
  const layers = new Float32Array(BRICK * resolution * resolution);
  let points = new Float32Array(1 << 15);
  let values = new Float32Array(points.length / 3);
  const fillBrickLayer = (bz: number): void => {
    const depth = Math.min(BRICK, resolution - bz * BRICK);
    // gather the points of the active bricks, evaluate them at once, and put the others' sign
    let count = 0;
    const slots: number[] = [];
    for (let by = 0; by < bricks; by++)
      for (let bx = 0; bx < bricks; bx++) {
        const sign = active[bx + bricks * (by + bricks * bz)];
        const x1 = Math.min(resolution, (bx + 1) * BRICK);
        const y1 = Math.min(resolution, (by + 1) * BRICK);
        for (let z = 0; z < depth; z++)
          for (let y = by * BRICK; y < y1; y++)
            for (let x = bx * BRICK; x < x1; x++) {
              const at = (z * resolution + y) * resolution + x;
              if (sign !== 0) {
                layers[at] = sign * cell * BRICK;
                continue;
              }
              if (count * 3 + 3 > points.length) {
                const grown = new Float32Array(points.length * 2);
                grown.set(points);
                points = grown;
                values = new Float32Array(points.length / 3);
              }
              points[count * 3] = min[0] + x * cell;
              points[count * 3 + 1] = min[1] + y * cell;
              points[count * 3 + 2] = min[2] + (bz * BRICK + z) * cell;
              slots[count++] = at;
            }
      }
    reader.evaluate(points.subarray(0, count * 3), values.subarray(0, count));
    for (let i = 0; i < count; i++) {
      const outside = support !== undefined && !supported(support, points, i * 3, min, edge);
      layers[slots[i]] = outside ? Math.max(values[i], cell / 2) : values[i];
    }
  };
  const marcher = new LayerMarcher(resolution, resolution, 0);
  const area = resolution * resolution;
  for (let bz = 0; bz < bricks; bz++) {
    await onLayer?.(bz, bricks);
    fillBrickLayer(bz);
    for (let z = 0; z < BRICK && bz * BRICK + z < resolution; z++) marcher.push(layers.subarray(z * area, (z + 1) * area));
  }
  const surface = marcher.finish();
  const { positions, indices } = keepSolids(surface.positions, surface.indices);
  for (let i = 0; i < positions.length; i += 3) for (let c = 0; c < 3; c++) positions[i + c] = min[c] + positions[i + c] * cell;
  return { positions, indices, normals: fieldNormals(reader, positions, cell / 2), colors: fieldColors(reader, positions) };
}

/** Per brick 0 if the surface may cross it, else the sign of the field in it. */
function activeBricks(reader: FieldReader, bricks: number, cell: number, support: Support | undefined): Int8Array {
  const { min, max } = reader.bounds;
  const edge = max[0] - min[0];
  const size = cell * BRICK;
  const centres = new Float32Array(bricks ** 3 * 3);
  for (let z = 0, at = 0; z < bricks; z++)
    for (let y = 0; y < bricks; y++)
      for (let x = 0; x < bricks; x++) {
        centres[at++] = min[0] + (x + 0.5) * size - cell / 2;
        centres[at++] = min[1] + (y + 0.5) * size - cell / 2;
        centres[at++] = min[2] + (z + 0.5) * size - cell / 2;
      }
  const sdf = new Float32Array(bricks ** 3);
  reader.evaluate(centres, sdf);
  const out = new Int8Array(sdf.length);
  // half a diagonal, doubled because a fitted field's slope is only near 1
  const reach = Math.sqrt(3) * size;
  for (let i = 0; i < out.length; i++) {
    if (support && !touches(support, centres, i * 3, size / 2, min, edge)) out[i] = 1;
    else if (Math.abs(sdf[i]) > reach) out[i] = sdf[i] > 0 ? 1 : -1;
  }
  return out;
}

function cellOf(support: Support, value: number, min: number, edge: number): number {
  return Math.min(support.edge - 1, Math.max(0, Math.floor(((value - min) / edge) * support.edge)));
}

function supported(support: Support, points: Float32Array, at: number, min: readonly number[], edge: number): boolean {
  const n = support.edge;
  const x = cellOf(support, points[at], min[0], edge);
  const y = cellOf(support, points[at + 1], min[1], edge);
  const z = cellOf(support, points[at + 2], min[2], edge);
  return support.cells[x + n * (y + n * z)] === 1;
}

/** True if a supported cell overlaps the box around a point. */
function touches(support: Support, points: Float32Array, at: number, half: number, min: readonly number[], edge: number): boolean {
  const n = support.edge;
  const low = [0, 1, 2].map((c) => cellOf(support, points[at + c] - half, min[c], edge));
  const high = [0, 1, 2].map((c) => cellOf(support, points[at + c] + half, min[c], edge));
  for (let z = low[2]; z <= high[2]; z++)
    for (let y = low[1]; y <= high[1]; y++) for (let x = low[0]; x <= high[0]; x++) if (support.cells[x + n * (y + n * z)]) return true;
  return false;
}

/** Unit gradients of the field by central differences. [P, 3] */
export function fieldNormals(reader: FieldReader, positions: Float32Array, step: number): Float32Array {
  const count = positions.length / 3;
  const normals = new Float32Array(positions.length);
  const moved = new Float32Array(positions.length);
  const ahead = new Float32Array(count);
  const behind = new Float32Array(count);
  for (let c = 0; c < 3; c++) {
    for (const [sign, out] of [
      [1, ahead],
      [-1, behind],
    ] as const) {
      moved.set(positions);
      for (let i = c; i < moved.length; i += 3) moved[i] += sign * step;
      reader.evaluate(moved, out);
    }
    for (let i = 0; i < count; i++) normals[i * 3 + c] = ahead[i] - behind[i];
  }
  for (let i = 0; i < normals.length; i += 3) {
    const length = Math.hypot(normals[i], normals[i + 1], normals[i + 2]);
    if (length > 1e-20) for (let c = 0; c < 3; c++) normals[i + c] /= length;
    else normals[i + 1] = 1;
  }
  return normals;
}

/** Field colours as bytes. [P, 3] */
function fieldColors(reader: FieldReader, positions: Float32Array): Uint8Array {
  const rgb = new Float32Array(positions.length);
  reader.evaluate(positions, new Float32Array(positions.length / 3), rgb);
  return Uint8Array.from(rgb, (value) => Math.round(Math.min(1, Math.max(0, value)) * 255));
}
