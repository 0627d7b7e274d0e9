import { createRng, meshTopology, projectPoint, rasteriseView, rigCameras, Solid, SYNC_RIG, TriangleTree } from './host.mjs';

/** Points of the true surface that errors are measured at. */
const POINTS = 12000;
/** Jittered nodes along each side of the box in which volumes are compared. */
const VOLUME_NODES = 44;
/** A view sees a point if the angle between its ray and the surface is at least this (sine, 3 degrees). */
const GRAZING = 0.05;

/** A pixel of a `size` px view of the rig at the object, in world units. */
export const footprint = (size) => SYNC_RIG.distance / (SYNC_RIG.focalPerWidth * size);

/** Genus and components. The touching spheres meet in a point, which no sampling keeps: one or two bodies would do, one is asked for. */
const TOPOLOGY = { sphere: [0, 1], torus: [1, 1], hole: [1, 1], plate: [0, 1], touching: [0, 1], group: [1, 2] };

/**
 * What a reconstruction is measured against.
 * @typedef {object} Truth
 * @property {Float32Array} points [P, 3] uniform on the part of the true surface that at least two of the rig's views see
 * @property {(mesh: object) => number} iou volumetric IoU with a closed mesh
 * @property {[genus: number, components: number] | undefined} topology
 */

/** @returns {Truth} of an analytic scene inside the unit cube (src/testing/scene.ts) */
export function analyticTruth(name, scene, seed = 1) {
  const rng = createRng(seed).fork(`truth/${name}`);
  const cameras = rigCameras(256);
  const normal = (p) => {
    const h = 1e-4;
    const g = [0, 1, 2].map((c) => {
      const at = (sign) => scene.sdf(...p.map((value, k) => value + (k === c ? sign * h : 0)));
      return at(1) - at(-1);
    });
    const length = Math.hypot(...g) || 1;
    return g.map((value) => value / length);
  };
  const sees = (camera, p, n) => {
    const eye = camera.worldFromCamera.slice(12, 15);
    const away = eye.map((value, c) => value - p[c]);
    const distance = Math.hypot(...away);
    const d = away.map((value) => value / distance);
    if (d[0] * n[0] + d[1] * n[1] + d[2] * n[2] < GRAZING) return false;
    for (let t = 2e-3; t < distance && t < 2; ) {
      const free = scene.sdf(p[0] + t * d[0], p[1] + t * d[1], p[2] + t * d[2]);
      if (free < 2e-5) return false;
      t += Math.max(free, 1e-4);
    }
    return true;
  };
  const points = new Float32Array(POINTS * 3);
  for (let count = 0; count < POINTS; ) {
    // uniform in a thin shell, then down to the surface: uniform on the surface but for its curvature
    let p = [0, 1, 2].map(() => rng.uniform() - 0.5);
    if (Math.abs(scene.sdf(...p)) > 0.01) continue;
    for (let k = 0; k < 4; k++) {
      const n = normal(p);
      const f = scene.sdf(...p);
      p = p.map((value, c) => value - f * n[c]);
    }
    if (Math.abs(scene.sdf(...p)) > 1e-5) continue;
    const n = normal(p);
    let seen = 0;
    for (const camera of cameras) if (seen < 2 && sees(camera, p, n)) seen++;
    if (seen < 2) continue;
    points.set(p, count++ * 3);
  }
  return { points, iou: (mesh) => jitteredIou(scene, mesh, rng.fork('volume')), topology: TOPOLOGY[name] ?? [0, 1] };
}

/** IoU of `sdf < 0` and a closed mesh's inside (winding number above a half), at jittered nodes of the box around both. */
function jitteredIou(scene, mesh, rng) {
  const tree = new TriangleTree(mesh);
  const min = [0.5, 0.5, 0.5];
  const max = [-0.5, -0.5, -0.5];
  const include = (x, c) => {
    min[c] = Math.min(min[c], x);
    max[c] = Math.max(max[c], x);
  };
  for (let i = 0; i < mesh.positions.length; i++) include(mesh.positions[i], i % 3);
  for (let z = -50; z <= 50; z++)
    for (let y = -50; y <= 50; y++)
      for (let x = -50; x <= 50; x++)
        if (scene.sdf(x / 100, y / 100, z / 100) < 0.01) for (const [c, value] of [x, y, z].entries()) include(value / 100, c);
  let both = 0;
  let either = 0;
  for (let i = 0; i < VOLUME_NODES ** 3; i++) {
    const cell = [i % VOLUME_NODES, Math.floor(i / VOLUME_NODES) % VOLUME_NODES, Math.floor(i / VOLUME_NODES ** 2)];
    const p = cell.map((k, c) => min[c] + ((max[c] - min[c]) * (k + rng.uniform())) / VOLUME_NODES);
    const a = scene.sdf(...p) < 0;
    const b = tree.winding(...p) > 0.5;
    if (a && b) both++;
    if (a || b) either++;
  }
  return both / either;
}

/** @returns {Truth} of a mesh inside the ball of radius 0.6 around the origin; volumes are compared as in packages/evaluation: inside is what no outer view sees */
export function meshTruth(mesh, occupancyIou, seed = 1) {
  const rng = createRng(seed).fork('truth');
  const cameras = rigCameras(512);
  const rasters = cameras.map((camera) => rasteriseView(mesh, camera));
  const candidates = [];
  cameras.forEach((camera, v) => {
    const m = camera.worldFromCamera;
    const { depth } = rasters[v];
    for (let i = 0; i < depth.length; i++) {
      const z = depth[i];
      // every pixel of every view counts alike, as its colour does in the fit
      if (!Number.isFinite(z) || rng.uniform() > 0.05) continue;
      const x = (((i % camera.width) + 0.5 - camera.cx) / camera.flX) * z;
      const y = -((Math.floor(i / camera.width) + 0.5 - camera.cy) / camera.flY) * z;
      const p = [0, 1, 2].map((r) => m[r] * x + m[4 + r] * y - m[8 + r] * z + m[12 + r]);
      const others = cameras.some((other, w) => {
        if (w === v) return false;
        const at = projectPoint(other, p);
        const [column, row] = [Math.floor(at.x), Math.floor(at.y)];
        if (column < 0 || row < 0 || column >= other.width || row >= other.height) return false;
        return Math.abs(rasters[w].depth[row * other.width + column] - at.depth) < 0.004;
      });
      if (others) candidates.push(...p);
    }
  });
  const count = candidates.length / 3;
  const kept = Math.min(POINTS, count);
  const points = new Float32Array(kept * 3);
  for (let i = 0; i < kept; i++) {
    const from = Math.floor((i * count) / kept) * 3;
    points.set(candidates.slice(from, from + 3), i * 3);
  }
  const occupancy = new Solid(enlarged(mesh)).occupancy();
  return { points, iou: (fitted) => occupancyIou(occupancy, new Solid(enlarged(fitted)).occupancy()), topology: undefined };
}

/** A ball of radius 0.6 fills the comparison's nodes, which are in [-1, 1]. */
const enlarged = (mesh) => ({ ...mesh, positions: mesh.positions.map((value) => value / 0.62) });

/** Mean distance (world units) of points to a mesh. */
export function distanceToMesh(points, mesh) {
  const tree = new TriangleTree(mesh);
  const distances = new Float64Array(points.length / 3);
  for (let i = 0; i < distances.length; i++)
    distances[i] = tree.nearest(points[i * 3], points[i * 3 + 1], points[i * 3 + 2])?.distance ?? 1;
  return distances;
}

/** Genus, components, closedness of a mesh. */
export function shapeOf(mesh) {
  const { components, euler, closed } = meshTopology(mesh);
  return { closed, components, genus: components - euler / 2 };
}
