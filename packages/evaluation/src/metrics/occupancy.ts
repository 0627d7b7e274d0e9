import { type Camera, type Mesh, meshBounds } from '@gestalt3d/core';
import { rasteriseView } from '@gestalt3d/mesh';

/** Nodes along each axis: -1 + i / 32, i = 0..63. Source: SyncDreamer, eval_mesh.py (reference, 12.2). */
export const NODES = 64;
const nodeAt = (i: number): number => -1 + i / 32;

/** [64, 64, 64] x fastest, then y, then z; 1 inside. */
export type Occupancy = Uint8Array;

/** |A and B| / |A or B|; 1 of two empty ones. */
export function occupancyIou(a: Occupancy, b: Occupancy): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.length; i++) {
    both += a[i] & b[i];
    either += a[i] | b[i];
  }
  return either === 0 ? 1 : both / either;
}

/**
 * Inside by parity: an odd number of surface crossings at x <= the node on the node's line along x. Nothing is repaired: on open meshes and
 * where closed parts overlap it is wrong, as the paper's own numbers are. World is SyncDreamer's with (x, y, z) -> (y, z, x), so their x-line is our z-line.
 */
export function occupancyByParity(mesh: Mesh): Occupancy {
  const out = new Uint8Array(NODES ** 3);
  const { positions: p, indices } = mesh;
  const crossings: number[][] = Array.from({ length: NODES * NODES }, () => []);
  // lines exactly through vertices or edges would count twice: shifts far below anything that is measured, unequal for the sake of diagonals
  const lines = [1.3e-7, 3.1e-7].map((shift) => Float64Array.from({ length: NODES }, (_, i) => nodeAt(i) + shift));
  for (let t = 0; t < indices.length; t += 3) {
    const [a, b, c] = [indices[t] * 3, indices[t + 1] * 3, indices[t + 2] * 3];
    const area = (p[b] - p[a]) * (p[c + 1] - p[a + 1]) - (p[b + 1] - p[a + 1]) * (p[c] - p[a]);
    if (area === 0) continue;
    const range = (r: number): [number, number] => [
      Math.max(0, Math.ceil((Math.min(p[a + r], p[b + r], p[c + r]) + 1) * 32 - 1)),
      Math.min(NODES - 1, Math.floor((Math.max(p[a + r], p[b + r], p[c + r]) + 1) * 32)),
    ];
    const [x0, x1] = range(0);
    const [y0, y1] = range(1);
    for (let j = y0; j <= y1; j++)
      for (let i = x0; i <= x1; i++) {
        const x = lines[0][i];
        const y = lines[1][j];
        const wb = ((x - p[a]) * (p[c + 1] - p[a + 1]) - (y - p[a + 1]) * (p[c] - p[a])) / area;
        const wc = ((p[b] - p[a]) * (y - p[a + 1]) - (p[b + 1] - p[a + 1]) * (x - p[a])) / area;
        if (wb < 0 || wc < 0 || wb + wc > 1) continue;
        crossings[j * NODES + i].push(p[a + 2] + wb * (p[b + 2] - p[a + 2]) + wc * (p[c + 2] - p[a + 2]));
      }
  }
  for (let line = 0; line < crossings.length; line++) {
    if (crossings[line].length === 0) continue;
    const at = crossings[line].sort((u, v) => u - v);
    for (let k = 0, passed = 0; k < NODES; k++) {
      while (passed < at.length && at[passed] <= nodeAt(k)) passed++;
      out[k * NODES * NODES + line] = passed & 1;
    }
  }
  return out;
}

/** A similarity of space: p -> scale * rotation p + translation. `rotation` is row-major 3 x 3. */
export interface Similarity {
  scale: number;
  rotation: readonly number[];
  translation: readonly [number, number, number];
}

export const IDENTITY: Similarity = { scale: 1, rotation: [1, 0, 0, 0, 1, 0, 0, 0, 1], translation: [0, 0, 0] };

/** Directions that a solid is looked at from: rings at these elevations, and straight down. Nothing looks up from below: furniture is open there. */
const RINGS_DEG = [0, 30, 60];
const RING_COUNT = 16;
/** Of the depth pictures, pixels. */
const LOOK_SIZE = 256;
/** Cameras stand this many radii of the object away: next to parallel rays. */
const FAR = 40;

/**
 * A mesh as a solid: what cannot be seen from outside is inside. A point is outside when one of 49 pictures sees it (level, from 30 and 60 degrees
 * above, 16 each, and straight down). So open bottoms, inner walls, overlapping parts and turned-around triangles do no harm,
 * which on catalogue furniture they do under parity; hollows that no camera looks into count as solid, in the truth and in what is measured alike.
 */
export class Solid {
  readonly #looks: { camera: Camera; depth: Float32Array }[] = [];
  readonly #centre: number[];
  readonly #radius: number;

  constructor(mesh: Mesh) {
    const { min, max } = meshBounds(mesh.positions);
    this.#centre = min.map((low, r) => (low + max[r]) / 2);
    this.#radius = Math.max(1e-9, Math.hypot(...min.map((low, r) => max[r] - low)) / 2);
    const turned = [...RINGS_DEG.flatMap((e) => Array.from({ length: RING_COUNT }, (_, i) => [(360 * i) / RING_COUNT, e])), [0, 90]];
    for (const [azimuth, elevation] of turned) {
      const camera = farCamera(this.#centre, this.#radius, azimuth, elevation);
      this.#looks.push({ camera, depth: rasteriseView(mesh, camera).depth });
    }
  }

  /** Which nodes are inside, of the solid after a similarity. */
  occupancy({ scale, rotation, translation }: Similarity = IDENTITY): Occupancy {
    const out = new Uint8Array(NODES ** 3);
    const c = this.#centre;
    const reach = this.#radius * scale;
    const at = [0, 1, 2].map(
      (r) => scale * (rotation[r * 3] * c[0] + rotation[r * 3 + 1] * c[1] + rotation[r * 3 + 2] * c[2]) + translation[r],
    );
    const range = at.map((value) => [
      Math.max(0, Math.ceil((value - reach + 1) * 32)),
      Math.min(NODES - 1, Math.floor((value + reach + 1) * 32)),
    ]);
    for (let k = range[2][0]; k <= range[2][1]; k++)
      for (let j = range[1][0]; j <= range[1][1]; j++)
        for (let i = range[0][0]; i <= range[0][1]; i++) {
          // back through the similarity
          const x = (nodeAt(i) - translation[0]) / scale;
          const y = (nodeAt(j) - translation[1]) / scale;
          const z = (nodeAt(k) - translation[2]) / scale;
          const inside = this.#holds(
            rotation[0] * x + rotation[3] * y + rotation[6] * z,
            rotation[1] * x + rotation[4] * y + rotation[7] * z,
            rotation[2] * x + rotation[5] * y + rotation[8] * z,
          );
          if (inside) out[(k * NODES + j) * NODES + i] = 1;
        }
    return out;
  }

  #holds(x: number, y: number, z: number): boolean {
    for (const { camera, depth } of this.#looks) {
      const m = camera.worldFromCamera;
      const [dx, dy, dz] = [x - m[12], y - m[13], z - m[14]];
      const along = -(m[8] * dx + m[9] * dy + m[10] * dz);
      const u = Math.floor(camera.cx + (camera.flX * (m[0] * dx + m[1] * dy + m[2] * dz)) / along);
      const v = Math.floor(camera.cy - (camera.flY * (m[4] * dx + m[5] * dy + m[6] * dz)) / along);
      if (u < 0 || v < 0 || u >= camera.width || v >= camera.height || along < depth[v * camera.width + u]) return false;
    }
    return true;
  }
}

function farCamera(centre: readonly number[], radius: number, azimuthDeg: number, elevationDeg: number): Camera {
  const [a, e] = [(azimuthDeg * Math.PI) / 180, (elevationDeg * Math.PI) / 180];
  const towards = [Math.sin(a) * Math.cos(e), Math.sin(e), Math.cos(a) * Math.cos(e)];
  const right = [Math.cos(a), 0, -Math.sin(a)];
  const up = [-Math.sin(a) * Math.sin(e), Math.cos(e), -Math.cos(a) * Math.sin(e)];
  const eye = towards.map((value, r) => centre[r] + value * FAR * radius);
  const focal = (LOOK_SIZE / 2) * (FAR - 1) * 0.99;
  return {
    width: LOOK_SIZE,
    height: LOOK_SIZE,
    flX: focal,
    flY: focal,
    cx: LOOK_SIZE / 2,
    cy: LOOK_SIZE / 2,
    worldFromCamera: [...right, 0, ...up, 0, ...towards, 0, ...eye, 1],
  };
}
