import { type Mesh, meshBounds, OptionError } from '@gestalt3d/core';
import { checkSolid, type SolidCheck } from './check-solid.ts';
import { weldMap } from './topology.ts';

/** Longest side of a print where none is asked for. */
export const DEFAULT_SIZE_MM = 100;

export interface PrintModel {
  /** Millimetres, +Z up as slicers have it, standing on z = 0, centred over the origin; welded, positions and indices only. */
  mesh: Mesh;
  /** Of exactly these positions. */
  check: SolidCheck;
  sizeMm: [number, number, number];
}

/**
 * A mesh as it goes to a printer. The check is of the scaled and rounded positions, because those are what the files hold.
 * @param sizeMm longest side, 0.1..10000
 * @param onDefect as in checkSolid; triangles keep their numbers
 * @throws OptionError
 */
export function printModel(mesh: Mesh, sizeMm = DEFAULT_SIZE_MM, onDefect?: (triangle: number) => void): PrintModel {
  if (!(sizeMm >= 0.1 && sizeMm <= 10_000)) throw new OptionError('sizeMm', 'millimetres from 0.1 to 10000', String(sizeMm));
  const { min, max } = meshBounds(mesh.positions);
  const size = [0, 1, 2].map((k) => max[k] - min[k]);
  const scale = sizeMm / Math.max(...size, Number.MIN_VALUE);
  const { vertexOf, first, count } = weldMap(mesh.positions);
  const positions = new Float32Array(count * 3);
  for (let v = 0; v < count; v++) {
    const at = first[v] * 3;
    positions[v * 3] = (mesh.positions[at] - (min[0] + max[0]) / 2) * scale;
    positions[v * 3 + 1] = ((min[2] + max[2]) / 2 - mesh.positions[at + 2]) * scale;
    positions[v * 3 + 2] = (mesh.positions[at + 1] - min[1]) * scale;
  }
  // a millionth of a millimetre is nothing, and from there on numbers would be written with an exponent, which not every 3MF reader knows
  for (let i = 0; i < positions.length; i++) if (Math.abs(positions[i]) < 1e-6) positions[i] = 0;
  const placed: Mesh = { positions, indices: Uint32Array.from(mesh.indices, (v) => vertexOf[v]) };
  return { mesh: placed, check: checkSolid(placed, onDefect), sizeMm: [size[0] * scale, size[2] * scale, size[1] * scale] };
}
