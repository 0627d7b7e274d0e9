import { type Bounds, type Camera, cameraFromWorld, createImage, type RgbaImage } from '@gestalt3d/core';
import type { LayeredBody } from './layered-body.ts';
import { isSolid } from './volume-body.ts';

/** Steps of a ray through the ball around the body: thinner parts than a step may be missed. */
const STEPS = 128;
const BISECTIONS = 6;

/**
 * Renders the body from another camera by marching each pixel's ray to its first solid point.
 * A point is solid when it projects into the outline and lies between the two depths there, or inside the volume where the body has one. Its colour is the front's
 * where it lies nearer the front, the back's where it lies nearer the back, blended in the middle of the sides.
 * @param bodyCamera the camera whose frame the body lives in
 * @param bounds of the body, see bodyBounds
 */
export function renderBody(body: LayeredBody, bodyCamera: Camera, bounds: Bounds, camera: Camera): RgbaImage {
  const { distance, size, solid, front, back, volume } = body;
  const image = createImage(camera.width, camera.height, 4);
  const toBody = cameraFromWorld(bodyCamera);
  const focal = (bodyCamera.flX / bodyCamera.width) * size;
  const centreX = (bodyCamera.cx / bodyCamera.width) * size;
  const centreY = (bodyCamera.cy / bodyCamera.height) * size;
  const pose = camera.worldFromCamera;

  // The ray in the body camera's frame: origin + t * direction, both 3-vectors
  const rotate = (x: number, y: number, z: number, r: number): number => toBody[r]! * x + toBody[4 + r]! * y + toBody[8 + r]! * z;
  const ox = rotate(pose[12]!, pose[13]!, pose[14]!, 0) + toBody[12]!;
  const oy = rotate(pose[12]!, pose[13]!, pose[14]!, 1) + toBody[13]!;
  const oz = rotate(pose[12]!, pose[13]!, pose[14]!, 2) + toBody[14]!;
  // Rays are followed through the ball around the body's box, a little larger
  const reach = 0.51 * Math.hypot(...bounds.max.map((high, r) => high - bounds.min[r]!));
  const eye = bounds.max.map((high, r) => pose[12 + r]! - (high + bounds.min[r]!) / 2);
  const eyeDotEye = eye[0]! ** 2 + eye[1]! ** 2 + eye[2]! ** 2;

  const colour = new Float64Array(3);
  for (let y = 0; y < camera.height; y++)
    for (let x = 0; x < camera.width; x++) {
      const cx = (x + 0.5 - camera.cx) / camera.flX;
      const cy = -(y + 0.5 - camera.cy) / camera.flY;
      const length = Math.hypot(cx, cy, 1);
      const wx = (pose[0]! * cx + pose[4]! * cy - pose[8]!) / length;
      const wy = (pose[1]! * cx + pose[5]! * cy - pose[9]!) / length;
      const wz = (pose[2]! * cx + pose[6]! * cy - pose[10]!) / length;
      const along = -(wx * eye[0]! + wy * eye[1]! + wz * eye[2]!);
      const half = along * along - eyeDotEye + reach * reach;
      if (half <= 0) continue;
      const near = along - Math.sqrt(half);
      const step = (2 * Math.sqrt(half)) / STEPS;
      const dx = rotate(wx, wy, wz, 0);
      const dy = rotate(wx, wy, wz, 1);
      const dz = rotate(wx, wy, wz, 2);

      /** Pixel of the body that the ray's point falls on if it is solid there, else -1. */
      const solidAt = (t: number): number => {
        const pz = -(oz + dz * t);
        const u = centreX + (focal * (ox + dx * t)) / pz;
        const v = centreY - (focal * (oy + dy * t)) / pz;
        if (u < 0 || v < 0 || u >= size || v >= size) return -1;
        const i = Math.floor(v) * size + Math.floor(u);
        if (!solid[i]) return -1;
        const offset = pz - distance;
        if (volume) return isSolid(volume, u / size, v / size, offset) ? i : -1;
        return offset >= front[i]! && offset <= back[i]! ? i : -1;
      };

      let t = near;
      let hit = -1;
      for (let k = 0; k < STEPS && hit < 0; k++) {
        t = near + (k + 0.5) * step;
        hit = solidAt(t);
      }
      if (hit < 0) continue;
      let outside = t - step;
      for (let k = 0; k < BISECTIONS; k++) {
        const middle = (outside + t) / 2;
        const at = solidAt(middle);
        if (at < 0) outside = middle;
        else {
          t = middle;
          hit = at;
        }
      }
      const pz = -(oz + dz * t);
      colourAt(body, centreX + (focal * (ox + dx * t)) / pz, centreY - (focal * (oy + dy * t)) / pz, pz - distance, colour);
      const to = (y * camera.width + x) * 4;
      for (let c = 0; c < 3; c++) image.data[to + c] = Math.round(colour[c]!);
      image.data[to + 3] = 255;
    }
  return image;
}

/** Bilinear colour at frame position (u, v) and depth `offset`, of the front, the back or between. sRGB 0..255 into `out`. */
function colourAt(body: LayeredBody, u: number, v: number, offset: number, out: Float64Array): void {
  const { size, solid, front, back, frontColor, backColor } = body;
  const x0 = Math.min(Math.max(Math.floor(u - 0.5), 0), size - 2);
  const y0 = Math.min(Math.max(Math.floor(v - 0.5), 0), size - 2);
  const fx = Math.min(Math.max(u - 0.5 - x0, 0), 1);
  const fy = Math.min(Math.max(v - 0.5 - y0, 0), 1);
  let total = 0;
  let near = 0;
  let far = 0;
  const sides = new Float64Array(6);
  for (let k = 0; k < 4; k++) {
    const i = (y0 + (k >> 1)) * size + x0 + (k & 1);
    const weight = (k & 1 ? fx : 1 - fx) * (k >> 1 ? fy : 1 - fy) * solid[i]!;
    total += weight;
    near += weight * front[i]!;
    far += weight * back[i]!;
    for (let c = 0; c < 3; c++) {
      sides[c]! += weight * frontColor[i * 3 + c]!;
      sides[3 + c]! += weight * backColor[i * 3 + c]!;
    }
  }
  const blend = smoothstep(0.35, 0.65, (offset * total - near) / (far - near));
  for (let c = 0; c < 3; c++) out[c] = (sides[c]! * (1 - blend) + sides[3 + c]! * blend) / total;
}

function smoothstep(low: number, high: number, value: number): number {
  const x = Math.min(Math.max((value - low) / (high - low), 0), 1);
  return x * x * (3 - 2 * x);
}
