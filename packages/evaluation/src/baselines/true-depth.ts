import { type Camera, cameraFromWorld, type Mesh, type RgbaImage, reframeCamera } from '@gestalt3d/core';
import { rasteriseView } from '@gestalt3d/mesh';
import type { InputFrame, LayerPlanes } from '@gestalt3d/multiview';
import { BODY_SIZE, FRAME_WIDTH } from './layered-views.ts';

/**
 * The truth's nearest and farthest surface in the frame of a picture of the whole object: the best that two layers can be.
 * The back wears the front's colours.
 * @param camera of the picture; the truth's centre is its world's origin
 */
export function trueDepthPlanes(truth: Mesh, camera: Camera, { region, at }: InputFrame): LayerPlanes {
  const scale = BODY_SIZE / region.width;
  const view = reframeCamera(camera, { scale, dx: -region.x * scale, dy: -region.y * scale, width: BODY_SIZE, height: BODY_SIZE });
  const near = continued(rasteriseView(truth, view).depth);
  const far = continued(farthestDepth(truth, view));
  const distance = Math.hypot(...view.worldFromCamera.slice(12, 15));
  // the frame is as wide as the body's frame is, in the plane through the centre
  const unit = (FRAME_WIDTH * view.flX) / (BODY_SIZE * distance);
  return planesOf(at(BODY_SIZE), near, far, (depth) => (depth - distance) * unit);
}

function planesOf({ data }: RgbaImage, near: Float32Array, far: Float32Array, offset: (depth: number) => number): LayerPlanes {
  const count = BODY_SIZE * BODY_SIZE;
  const planes = new Float32Array(5 * count);
  for (let i = 0; i < count; i++) {
    const seen = Number.isFinite(near[i]);
    planes[i] = seen ? offset(near[i]) : 0;
    planes[count + i] = seen ? offset(far[i]) : 0;
    for (let c = 0; c < 3; c++) planes[(2 + c) * count + i] = data[i * 4 + c] / 255;
  }
  return { size: BODY_SIZE, data: planes };
}

/** Pixels that depths go on beyond the outline: enlarged pictures have opaque pixels there whose centres miss the object. */
const RIM = 4;

/** Depths with the outermost ones repeated for a few pixels: a rim at another depth would be a flange, and enlarge the body's box. */
function continued(depth: Float32Array): Float32Array {
  let from = depth;
  for (let round = 0; round < RIM; round++) {
    const to = from.slice();
    for (let i = 0; i < from.length; i++) {
      if (Number.isFinite(from[i])) continue;
      const x = i % BODY_SIZE;
      const around = [x > 0 ? from[i - 1] : Infinity, x < BODY_SIZE - 1 ? from[i + 1] : Infinity, from[i - BODY_SIZE], from[i + BODY_SIZE]];
      const known = around.filter(Number.isFinite);
      if (known.length > 0) to[i] = known.reduce((sum, value) => sum + value, 0) / known.length;
    }
    from = to;
  }
  return from;
}

/**
 * Depth of the last surface on every pixel's ray. Inverse depth is linear over a triangle's picture, so with inverse depths turned around
 * (w -> a - w) a rasteriser that keeps the nearest keeps what was the farthest.
 */
export function farthestDepth(mesh: Mesh, camera: Camera): Float32Array {
  const m = cameraFromWorld(camera);
  const p = mesh.positions;
  const own = new Float64Array(p.length);
  let nearest = Infinity;
  let farthest = 0;
  for (let v = 0; v < p.length; v += 3) {
    for (let r = 0; r < 3; r++) own[v + r] = m[r] * p[v] + m[4 + r] * p[v + 1] + m[8 + r] * p[v + 2] + m[12 + r];
    nearest = Math.min(nearest, -own[v + 2]);
    farthest = Math.max(farthest, -own[v + 2]);
  }
  const turn = 1 / nearest + 1 / farthest;
  const positions = new Float32Array(p.length);
  for (let v = 0; v < p.length; v += 3) {
    const depth = -own[v + 2];
    const turned = 1 / (turn - 1 / depth);
    positions[v] = (own[v] / depth) * turned;
    positions[v + 1] = (own[v + 1] / depth) * turned;
    positions[v + 2] = -turned;
  }
  const still = { ...camera, worldFromCamera: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] };
  return rasteriseView({ positions, indices: mesh.indices }, still).depth.map((depth) =>
    Number.isFinite(depth) ? 1 / (turn - 1 / depth) : Infinity,
  );
}
