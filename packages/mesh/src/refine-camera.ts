import { boundingBox, type Camera, type Mesh, meshBounds, projectPoint, reframeCamera, resample, type View } from '@gestalt3d/core';
import { rasteriseView } from './rasterise.ts';

/** A small change of a camera, the same in every pixel frame of it. */
export interface CameraChange {
  /** Of the picture around the object: nearer or farther. */
  scale: number;
  /** In focal lengths. */
  shiftX: number;
  shiftY: number;
  /** Upwards around the object. */
  elevationDeg: number;
  /** Clockwise in the picture. */
  rollDeg: number;
}

export const NO_CHANGE: Readonly<CameraChange> = { scale: 1, shiftX: 0, shiftY: 0, elevationDeg: 0, rollDeg: 0 };

/** First steps of the search, and how far a change may go: more would be another camera, and the surface was made for this one. */
const STEPS = { scale: 0.02, shiftX: 0.008, shiftY: 0.008, elevationDeg: 2, rollDeg: 1.5 } as const;
const LIMITS = { scale: 0.08, shiftX: 0.04, shiftY: 0.04, elevationDeg: 6, rollDeg: 4 } as const;
const ROUNDS = 6;
/** Longest side at which outlines are compared. */
const SIDE = 192;
/** A change that brings less is not made. */
const LEAST_GAIN = 0.01;

/**
 * The small change of a camera under which the mesh's outline agrees best with a picture's, by coordinate descent on the IoU of the silhouettes.
 * What an outline hardly shows (the elevation over a round thing) stays about as it was.
 * No change where the picture shows nothing or the gain is below 0.01.
 */
export function refineCamera(mesh: Mesh, view: View): { change: CameraChange; iou: number; iouBefore: number } {
  const box = boundingBox(view.image);
  if (!box) return { change: { ...NO_CHANGE }, iou: 0, iouBefore: 0 };
  const margin = Math.ceil(Math.max(box.x1 - box.x0, box.y1 - box.y0) / 6);
  const [x, y] = [box.x0 - margin, box.y0 - margin];
  const [regionWidth, regionHeight] = [box.x1 + margin - x, box.y1 + margin - y];
  const scale = Math.min(1, SIDE / Math.max(regionWidth, regionHeight));
  const frame = { scale, dx: -x * scale, dy: -y * scale, width: Math.round(regionWidth * scale), height: Math.round(regionHeight * scale) };
  const target = resample(view.image, frame.width, frame.height, { x, y, width: regionWidth, height: regionHeight });
  const iouOf = (change: CameraChange): number => {
    const { triangle } = rasteriseView(mesh, reframeCamera(changeCamera(view.camera, change, mesh), frame));
    let both = 0;
    let either = 0;
    for (let i = 0; i < triangle.length; i++) {
      const a = target.data[i * 4 + 3] > 127;
      const b = triangle[i] >= 0;
      if (a && b) both++;
      if (a || b) either++;
    }
    return either > 0 ? both / either : 0;
  };
  const iouBefore = iouOf(NO_CHANGE);
  let best = { change: { ...NO_CHANGE }, iou: iouBefore };
  let share = 1;
  for (let round = 0; round < ROUNDS; round++) {
    const before = best.iou;
    for (const name of Object.keys(STEPS) as (keyof CameraChange)[])
      for (const sign of [1, -1]) {
        const value = best.change[name] + sign * share * STEPS[name];
        if (Math.abs(value - NO_CHANGE[name]) > LIMITS[name]) continue;
        const change = { ...best.change, [name]: value };
        const iou = iouOf(change);
        if (iou <= best.iou) continue;
        best = { change, iou };
        break;
      }
    if (best.iou === before) share /= 2;
  }
  return best.iou < iouBefore + LEAST_GAIN ? { change: { ...NO_CHANGE }, iou: iouBefore, iouBefore } : { ...best, iouBefore };
}

/** The camera after a change around the middle of the mesh's box. */
export function changeCamera(camera: Camera, change: Readonly<CameraChange>, mesh: Mesh): Camera {
  const { min, max } = meshBounds(mesh.positions);
  const pivot = [0, 1, 2].map((k) => (min[k] + max[k]) / 2);
  const m = camera.worldFromCamera;
  const column = (c: number) => [m[c * 4], m[c * 4 + 1], m[c * 4 + 2]];
  const combine = (a: number[], p: number, b: number[], q: number) => a.map((value, k) => value * p + b[k] * q);
  const [right, up, back] = [column(0), column(1), column(2)];

  // 1. around the object: the axes and the way from the object turn about the camera's right
  const e = (change.elevationDeg * Math.PI) / 180;
  const up1 = combine(up, Math.cos(e), back, -Math.sin(e));
  const back1 = combine(back, Math.cos(e), up, Math.sin(e));
  const away = [0, 1, 2].map((k) => m[12 + k] - pivot[k]);
  const along = (axis: number[]) => away.reduce((sum, value, k) => sum + value * axis[k], 0);
  const [r, u, b] = [along(right), along(up), along(back)];
  const eye = [0, 1, 2].map((k) => pivot[k] + right[k] * r + up1[k] * u + back1[k] * b);

  // 2. about the optical axis
  const a = (change.rollDeg * Math.PI) / 180;
  const right2 = combine(right, Math.cos(a), up1, Math.sin(a));
  const up2 = combine(up1, Math.cos(a), right, -Math.sin(a));
  const turned: Camera = { ...camera, worldFromCamera: [...right2, 0, ...up2, 0, ...back1, 0, ...eye, 1] };

  // 3. in the picture; the object's middle stays where it was before the shift
  const was = projectPoint(camera, pivot);
  const is = projectPoint(turned, pivot);
  const { scale } = change;
  return {
    ...turned,
    flX: camera.flX * scale,
    flY: camera.flY * scale,
    cx: was.x + (camera.cx - is.x) * scale + change.shiftX * camera.flX,
    cy: was.y + (camera.cy - is.y) * scale + change.shiftY * camera.flY,
  };
}
