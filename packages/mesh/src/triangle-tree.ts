import { type Mesh, meshBounds, OptionError } from '@gestalt3d/core';

/** A point of a surface. */
export interface SurfacePoint {
  triangle: number;
  distance: number;
  x: number;
  y: number;
  z: number;
}

const LEAF_SIZE = 4;
/** Keys below hold a Morton code of 30 bits and a triangle number of 22. */
const MAX_TRIANGLES = 2 ** 22;
/** A node is taken as one dipole from beyond this many of its radii; Barill et al. 2018 recommend 2. */
const FAR = 2;

/**
 * Boxes around the triangles of a mesh as a complete binary tree: triangles in Morton order (Morton 1966; Lauterbach et al. 2009), node i above
 * nodes 2 i and 2 i + 1, so that two nodes of one level always descend together. Keeps a reference to the mesh, which must not change.
 * Bounded memory: about 80 bytes a triangle.
 */
export class TriangleTree {
  readonly #mesh: Mesh;
  readonly #leaves: number;
  /** Triangles in order; leaf k holds those from `#from(k)` to `#from(k + 1)`. */
  readonly #order: Uint32Array;
  /** [2 L, 6] min xyz, max xyz. Exact, because positions are of the same width. */
  readonly #box: Float32Array;
  /** [2 L, 7] sum of area vectors, centre of area, radius around it; made when first asked for. */
  #dipoles: Float64Array | undefined;

  /** @throws OptionError above 4,194,304 triangles */
  constructor(mesh: Mesh) {
    const count = mesh.indices.length / 3;
    if (count > MAX_TRIANGLES) throw new OptionError('triangles', `at most ${MAX_TRIANGLES} to look for neighbours in`, String(count));
    this.#mesh = mesh;
    this.#leaves = 1;
    while (this.#leaves * LEAF_SIZE < count) this.#leaves *= 2;
    this.#order = mortonOrder(mesh);
    this.#box = new Float32Array(this.#leaves * 12);
    const { positions, indices } = mesh;
    for (let node = this.#leaves * 2 - 1; node >= 1; node--) {
      const at = node * 6;
      this.#box.fill(Infinity, at, at + 3).fill(-Infinity, at + 3, at + 6);
      if (node < this.#leaves) {
        for (let k = 0; k < 3; k++) {
          this.#box[at + k] = Math.min(this.#box[at * 2 + k], this.#box[at * 2 + 6 + k]);
          this.#box[at + 3 + k] = Math.max(this.#box[at * 2 + 3 + k], this.#box[at * 2 + 9 + k]);
        }
        continue;
      }
      for (let i = this.#from(node - this.#leaves); i < this.#from(node - this.#leaves + 1); i++)
        for (let corner = 0; corner < 3; corner++)
          for (let k = 0; k < 3; k++) {
            const value = positions[indices[this.#order[i] * 3 + corner] * 3 + k];
            if (value < this.#box[at + k]) this.#box[at + k] = value;
            if (value > this.#box[at + 3 + k]) this.#box[at + 3 + k] = value;
          }
    }
  }

  /** Every unordered pair of triangles whose boxes touch, until `visit` returns false. */
  forEachPair(visit: (s: number, t: number) => boolean): void {
    const stack: number[] = [1, 1];
    while (stack.length > 0) {
      const b = stack.pop()!;
      const a = stack.pop()!;
      if (a !== b && !this.#boxesTouch(a, b)) continue;
      if (a < this.#leaves) {
        stack.push(a * 2, b * 2, a * 2, b * 2 + 1, a * 2 + 1, b * 2 + 1);
        if (a !== b) stack.push(a * 2 + 1, b * 2);
        continue;
      }
      const [a0, a1] = [this.#from(a - this.#leaves), this.#from(a - this.#leaves + 1)];
      const [b0, b1] = [this.#from(b - this.#leaves), this.#from(b - this.#leaves + 1)];
      for (let i = a0; i < a1; i++)
        for (let j = a === b ? i + 1 : b0; j < b1; j++)
          if (this.#trianglesNear(this.#order[i], this.#order[j]) && !visit(this.#order[i], this.#order[j])) return;
    }
  }

  /** The surface point nearest to (x, y, z), or undefined where none is nearer than `limit`. */
  nearest(x: number, y: number, z: number, limit = Infinity): SurfacePoint | undefined {
    const best = { triangle: -1, distance: limit * limit, x: 0, y: 0, z: 0 };
    const stack: number[] = [1];
    while (stack.length > 0) {
      const node = stack.pop()!;
      if (this.#distanceToBox(node, x, y, z) >= best.distance) continue;
      if (node >= this.#leaves) {
        for (let i = this.#from(node - this.#leaves); i < this.#from(node - this.#leaves + 1); i++)
          nearestOnTriangle(this.#mesh, this.#order[i], x, y, z, best);
        continue;
      }
      // the nearer child is looked into first
      const first = this.#distanceToBox(node * 2, x, y, z) <= this.#distanceToBox(node * 2 + 1, x, y, z) ? 0 : 1;
      stack.push(node * 2 + 1 - first, node * 2 + first);
    }
    if (best.triangle < 0) return undefined;
    best.distance = Math.sqrt(best.distance);
    return best;
  }

  /**
   * Generalised winding number (Jacobson et al. 2013): 1 inside a closed mesh, 0 outside, between the two near holes. Far nodes count as one
   * dipole each (Barill et al. 2018), which leaves an error of about 0.01.
   */
  winding(x: number, y: number, z: number): number {
    const dipoles = (this.#dipoles ??= this.#makeDipoles());
    const stack: number[] = [1];
    let sum = 0;
    while (stack.length > 0) {
      const node = stack.pop()!;
      const at = node * 7;
      const dx = dipoles[at + 3] - x;
      const dy = dipoles[at + 4] - y;
      const dz = dipoles[at + 5] - z;
      const squared = dx * dx + dy * dy + dz * dz;
      if (squared > (FAR * dipoles[at + 6]) ** 2)
        sum += (dx * dipoles[at] + dy * dipoles[at + 1] + dz * dipoles[at + 2]) / (squared * Math.sqrt(squared));
      else if (node < this.#leaves) stack.push(node * 2, node * 2 + 1);
      else
        for (let i = this.#from(node - this.#leaves); i < this.#from(node - this.#leaves + 1); i++)
          sum += solidAngle(this.#mesh, this.#order[i], x, y, z);
    }
    return sum / (4 * Math.PI);
  }

  #from(leaf: number): number {
    return Math.floor((leaf * this.#order.length) / this.#leaves);
  }

  #boxesTouch(a: number, b: number): boolean {
    const box = this.#box;
    const i = a * 6;
    const j = b * 6;
    return (
      box[i] <= box[j + 3] &&
      box[j] <= box[i + 3] &&
      box[i + 1] <= box[j + 4] &&
      box[j + 1] <= box[i + 4] &&
      box[i + 2] <= box[j + 5] &&
      box[j + 2] <= box[i + 5]
    );
  }

  #trianglesNear(s: number, t: number): boolean {
    const { positions: p, indices } = this.#mesh;
    const [a, b, c] = [indices[s * 3] * 3, indices[s * 3 + 1] * 3, indices[s * 3 + 2] * 3];
    const [d, e, f] = [indices[t * 3] * 3, indices[t * 3 + 1] * 3, indices[t * 3 + 2] * 3];
    for (let k = 0; k < 3; k++)
      if (
        Math.max(p[a + k], p[b + k], p[c + k]) < Math.min(p[d + k], p[e + k], p[f + k]) ||
        Math.max(p[d + k], p[e + k], p[f + k]) < Math.min(p[a + k], p[b + k], p[c + k])
      )
        return false;
    return true;
  }

  /** Squared. */
  #distanceToBox(node: number, x: number, y: number, z: number): number {
    const at = node * 6;
    const dx = Math.max(this.#box[at] - x, 0, x - this.#box[at + 3]);
    const dy = Math.max(this.#box[at + 1] - y, 0, y - this.#box[at + 4]);
    const dz = Math.max(this.#box[at + 2] - z, 0, z - this.#box[at + 5]);
    return dx * dx + dy * dy + dz * dz;
  }

  #makeDipoles(): Float64Array {
    const out = new Float64Array(this.#leaves * 14);
    const areas = new Float64Array(this.#leaves * 2);
    const { positions: p, indices } = this.#mesh;
    for (let node = this.#leaves * 2 - 1; node >= 1; node--) {
      const at = node * 7;
      if (node < this.#leaves) {
        areas[node] = areas[node * 2] + areas[node * 2 + 1];
        for (let k = 0; k < 3; k++) {
          out[at + k] = out[at * 2 + k] + out[at * 2 + 7 + k];
          out[at + 3 + k] = areas[node * 2] * out[at * 2 + 3 + k] + areas[node * 2 + 1] * out[at * 2 + 10 + k];
        }
      } else
        for (let i = this.#from(node - this.#leaves); i < this.#from(node - this.#leaves + 1); i++) {
          const [a, b, c] = [0, 1, 2].map((k) => indices[this.#order[i] * 3 + k] * 3);
          const u = [0, 1, 2].map((k) => p[b + k] - p[a + k]);
          const v = [0, 1, 2].map((k) => p[c + k] - p[a + k]);
          const n = [0, 1, 2].map((k) => (u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3]) / 2);
          const area = Math.hypot(n[0], n[1], n[2]);
          areas[node] += area;
          for (let k = 0; k < 3; k++) {
            out[at + k] += n[k];
            out[at + 3 + k] += (area * (p[a + k] + p[b + k] + p[c + k])) / 3;
          }
        }
      // the farthest corner of the box bounds every triangle
      let squared = 0;
      for (let k = 0; k < 3; k++) {
        if (areas[node] > 0) out[at + 3 + k] /= areas[node];
        squared += Math.max(out[at + 3 + k] - this.#box[node * 6 + k], this.#box[node * 6 + 3 + k] - out[at + 3 + k], 0) ** 2;
      }
      out[at + 6] = Number.isFinite(squared) ? Math.sqrt(squared) : 0;
    }
    return out;
  }
}

function mortonOrder({ positions: p, indices }: Mesh): Uint32Array {
  const { min, max } = meshBounds(p);
  const scale = 1023 / Math.max(max[0] - min[0], max[1] - min[1], max[2] - min[2], Number.MIN_VALUE);
  const keys = new Float64Array(indices.length / 3);
  for (let t = 0; t < keys.length; t++) {
    let code = 0;
    for (let k = 0; k < 3; k++) {
      const middle = (p[indices[t * 3] * 3 + k] + p[indices[t * 3 + 1] * 3 + k] + p[indices[t * 3 + 2] * 3 + k]) / 3;
      let cell = Math.min(1023, Math.max(0, Math.floor((middle - min[k]) * scale)));
      // two zeros between any two bits
      cell = (cell | (cell << 16)) & 0x030000ff;
      cell = (cell | (cell << 8)) & 0x0300f00f;
      cell = (cell | (cell << 4)) & 0x030c30c3;
      cell = (cell | (cell << 2)) & 0x09249249;
      code |= cell << k;
    }
    keys[t] = code * MAX_TRIANGLES + t;
  }
  return Uint32Array.from(keys.sort(), (key) => key % MAX_TRIANGLES);
}

/** Signed solid angle under which a triangle is seen (van Oosterom and Strackee 1983). */
export function solidAngle({ positions: p, indices }: Mesh, t: number, x: number, y: number, z: number): number {
  const i = indices[t * 3] * 3;
  const j = indices[t * 3 + 1] * 3;
  const k = indices[t * 3 + 2] * 3;
  const ax = p[i] - x;
  const ay = p[i + 1] - y;
  const az = p[i + 2] - z;
  const bx = p[j] - x;
  const by = p[j + 1] - y;
  const bz = p[j + 2] - z;
  const cx = p[k] - x;
  const cy = p[k + 1] - y;
  const cz = p[k + 2] - z;
  const a = Math.sqrt(ax * ax + ay * ay + az * az);
  const b = Math.sqrt(bx * bx + by * by + bz * bz);
  const c = Math.sqrt(cx * cx + cy * cy + cz * cz);
  const volume = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx);
  const rest = a * b * c + (ax * bx + ay * by + az * bz) * c + (bx * cx + by * cy + bz * cz) * a + (cx * ax + cy * ay + cz * az) * b;
  return 2 * Math.atan2(volume, rest);
}

/** Ericson, Real-Time Collision Detection, 5.1.5. Replaces `best` (squared distance) where the triangle is nearer. */
function nearestOnTriangle({ positions: p, indices }: Mesh, t: number, x: number, y: number, z: number, best: SurfacePoint): void {
  const i = indices[t * 3] * 3;
  const j = indices[t * 3 + 1] * 3;
  const k = indices[t * 3 + 2] * 3;
  const abx = p[j] - p[i];
  const aby = p[j + 1] - p[i + 1];
  const abz = p[j + 2] - p[i + 2];
  const acx = p[k] - p[i];
  const acy = p[k + 1] - p[i + 1];
  const acz = p[k + 2] - p[i + 2];
  const apx = x - p[i];
  const apy = y - p[i + 1];
  const apz = z - p[i + 2];
  const d1 = abx * apx + aby * apy + abz * apz;
  const d2 = acx * apx + acy * apy + acz * apz;
  const ab = abx * abx + aby * aby + abz * abz;
  const bc = abx * acx + aby * acy + abz * acz;
  const ac = acx * acx + acy * acy + acz * acz;
  const d3 = d1 - ab;
  const d4 = d2 - bc;
  const d5 = d1 - bc;
  const d6 = d2 - ac;
  const va = d3 * d6 - d5 * d4;
  const vb = d5 * d2 - d1 * d6;
  const vc = d1 * d4 - d3 * d2;
  let v = 0;
  let w = 0;
  if (d1 <= 0 && d2 <= 0) v = 0;
  else if (d3 >= 0 && d4 <= d3) v = 1;
  else if (d6 >= 0 && d5 <= d6) w = 1;
  else if (vc <= 0 && d1 >= 0 && d3 <= 0) v = d1 / (d1 - d3);
  else if (vb <= 0 && d2 >= 0 && d6 <= 0) w = d2 / (d2 - d6);
  else if (va <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0) {
    w = (d4 - d3) / (d4 - d3 + d5 - d6);
    v = 1 - w;
  } else {
    v = vb / (va + vb + vc);
    w = vc / (va + vb + vc);
  }
  const nx = p[i] + abx * v + acx * w;
  const ny = p[i + 1] + aby * v + acy * w;
  const nz = p[i + 2] + abz * v + acz * w;
  const squared = (nx - x) ** 2 + (ny - y) ** 2 + (nz - z) ** 2;
  // also false for the NaN of a triangle without an area
  if (!(squared < best.distance)) return;
  best.triangle = t;
  best.distance = squared;
  best.x = nx;
  best.y = ny;
  best.z = nz;
}
