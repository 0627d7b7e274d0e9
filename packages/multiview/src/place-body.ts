import { type Bounds, type Camera, pixelRay } from '@gestalt3d/core';
import type { LayeredBody } from './layered-body.ts';
import { solidExtent } from './volume-body.ts';

/** A change of the world: new = (old - centre) * scale. */
export interface Placement {
  centre: [number, number, number];
  scale: number;
}

/** World-space box of the body's nearest and farthest surface. */
export function bodyBounds(body: LayeredBody, camera: Camera): Bounds {
  const { size, solid, front, back, distance } = body;
  const min: [number, number, number] = [Infinity, Infinity, Infinity];
  const max: [number, number, number] = [-Infinity, -Infinity, -Infinity];
  const m = camera.worldFromCamera;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const i = y * size + x;
      if (!solid[i]) continue;
      const ends = body.volume ? solidExtent(body.volume, (x + 0.5) / size, (y + 0.5) / size) : [front[i]!, back[i]!];
      if (!ends) continue;
      const ray = pixelRay(camera, ((x + 0.5) / size) * camera.width, ((y + 0.5) / size) * camera.height);
      // depth counts along the optical axis, -Z of the camera
      const cosine = -(ray[3] * m[8]! + ray[4] * m[9]! + ray[5] * m[10]!);
      for (const offset of ends)
        for (let r = 0; r < 3; r++) {
          const value = ray[r]! + (ray[3 + r]! * (distance + offset)) / cosine;
          if (value < min[r]!) min[r] = value;
          if (value > max[r]!) max[r] = value;
        }
    }
  return { min, max };
}

/** The placement after which a box is centred at the origin with longest side 1. */
export function placementOf({ min, max }: Bounds): Placement {
  return {
    centre: [(min[0] + max[0]) / 2, (min[1] + max[1]) / 2, (min[2] + max[2]) / 2],
    scale: 1 / Math.max(max[0] - min[0], max[1] - min[1], max[2] - min[2], 1e-6),
  };
}

/** The same camera in the new world: it moves, and sees what it saw. */
export function placeCamera(camera: Camera, { centre, scale }: Placement): Camera {
  const worldFromCamera = [...camera.worldFromCamera];
  for (let r = 0; r < 3; r++) worldFromCamera[12 + r] = (worldFromCamera[12 + r]! - centre[r]!) * scale;
  return { ...camera, worldFromCamera };
}

/** The same body in the units of the new world. */
export function placeBody(body: LayeredBody, { scale }: Placement): LayeredBody {
  const placed = {
    ...body,
    distance: body.distance * scale,
    front: body.front.map((z) => z * scale),
    back: body.back.map((z) => z * scale),
  };
  const { volume } = body;
  return volume ? { ...placed, volume: { ...volume, nearest: volume.nearest * scale, step: volume.step * scale } } : placed;
}
