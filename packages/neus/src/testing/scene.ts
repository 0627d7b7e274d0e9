import { type Camera, createImage, pixelRay, type RgbaImage, rigCameras, type View } from '@gestalt3d/core';

/** An analytic scene: signed distance in world units, and colour 0..1 on the surface. */
export interface Scene {
  sdf(x: number, y: number, z: number): number;
  rgb(x: number, y: number, z: number): [number, number, number];
}

const stripes = (x: number, y: number, z: number): [number, number, number] => [
  0.5 + 0.35 * Math.sin(14 * x) * Math.cos(9 * y),
  0.5 + 0.35 * Math.sin(11 * y + 4 * z),
  0.5 + 0.35 * Math.cos(13 * z + 5 * x),
];

const sphere = (x: number, y: number, z: number, r: number) => Math.hypot(x, y, z) - r;

function box(x: number, y: number, z: number, a: number, b: number, c: number): number {
  const qx = Math.abs(x) - a;
  const qy = Math.abs(y) - b;
  const qz = Math.abs(z) - c;
  return Math.hypot(Math.max(qx, 0), Math.max(qy, 0), Math.max(qz, 0)) + Math.min(Math.max(qx, qy, qz), 0);
}

const torus = (x: number, y: number, z: number, big: number, small: number) => Math.hypot(Math.hypot(x, z) - big, y) - small;

/** Scenes inside the unit cube around the origin. */
export const SCENES: Readonly<Record<string, Scene>> = {
  sphere: { sdf: (x, y, z) => sphere(x, y, z, 0.4), rgb: stripes },
  torus: { sdf: (x, y, z) => torus(x, y, z, 0.32, 0.13), rgb: stripes },
  /** A sphere on a box inside a ring. */
  group: {
    sdf: (x, y, z) => Math.min(sphere(x, y - 0.14, z, 0.2), box(x, y + 0.2, z, 0.22, 0.16, 0.16), torus(x, y + 0.1, z, 0.38, 0.06)),
    rgb: stripes,
  },
  /** Two balls that touch in a point. */
  touching: { sdf: (x, y, z) => Math.min(sphere(x + 0.2, y, z, 0.2), sphere(x - 0.2, y, z, 0.2)), rgb: stripes },
  /** A box with a hole along z, wide enough for the rig to see through: what no view sees through cannot be told from a niche. */
  hole: { sdf: (x, y, z) => Math.max(box(x, y, z, 0.38, 0.3, 0.14), -box(x, y, z, 0.18, 0.15, 1)), rgb: stripes },
  plate: { sdf: (x, y, z) => box(x, y, z, 0.4, 0.025, 0.3), rgb: stripes },
};

/** A ray has met the surface this near to it, world units. Everything in the picture is larger by so much: at 256 px, 0.004 px. */
const HIT = 2e-5;

/** Sphere-traced view with straight alpha from `aa` x `aa` rays a pixel. */
export function renderScene(scene: Scene, camera: Camera, aa = 2): RgbaImage {
  const { width, height } = camera;
  const image = createImage(width, height, 4);
  for (let j = 0; j < height; j++)
    for (let i = 0; i < width; i++) {
      let hits = 0;
      const sum = [0, 0, 0];
      for (let s = 0; s < aa * aa; s++) {
        const [ox, oy, oz, dx, dy, dz] = pixelRay(camera, i + ((s % aa) + 0.5) / aa, j + (Math.floor(s / aa) + 0.5) / aa);
        for (let t = 0, n = 0; t < 6 && n < 512; n++) {
          const x = ox + t * dx;
          const y = oy + t * dy;
          const z = oz + t * dz;
          const d = scene.sdf(x, y, z);
          if (d < HIT) {
            hits++;
            scene.rgb(x, y, z).forEach((value, c) => {
              sum[c] += value;
            });
            break;
          }
          t += d;
        }
      }
      const at = (j * width + i) * 4;
      for (let c = 0; c < 3; c++) image.data[at + c] = hits ? Math.round((sum[c] / hits) * 255) : 0;
      image.data[at + 3] = Math.round((hits / (aa * aa)) * 255);
    }
  return image;
}

/** The scene from SyncDreamer's 16 cameras. */
export function rigViews(scene: Scene, size: number, aa = 2): View[] {
  return rigCameras(size).map((camera) => ({ image: renderScene(scene, camera, aa), camera }));
}
