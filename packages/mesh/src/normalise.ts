import { type Camera, type Mesh, meshBounds, NoSurfaceError } from '@gestalt3d/core';

/** asset = rotateY(yaw) * (world - centre) * scale */
export interface AssetTransform {
  centre: [number, number, number];
  scale: number;
  yawDeg: number;
}

/**
 * What brings a mesh into the frame of an asset: +Y up, the front camera on the +Z side (azimuth 0), the longest side of its box exactly 1,
 * the box's centre at the origin. The box is that of the turned mesh.
 */
export function assetTransform(mesh: Mesh, front?: Camera): AssetTransform {
  // where the camera looks from is its own +Z axis: its position also depends on where the object's centre came to lie
  const pose = front?.worldFromCamera;
  const azimuth = pose && Math.hypot(pose[8], pose[10]) > 1e-6 ? Math.atan2(pose[8], pose[10]) : 0;
  // a rig's own rounding is no rotation
  const yawDeg = Math.abs(azimuth) < 1e-5 ? 0 : (-azimuth * 180) / Math.PI;
  const turned = transformMesh(mesh, { centre: [0, 0, 0], scale: 1, yawDeg });
  const { min, max } = meshBounds(turned.positions);
  const longest = Math.max(max[0] - min[0], max[1] - min[1], max[2] - min[2]);
  if (!(longest > 0) || !Number.isFinite(longest)) throw new NoSurfaceError(`its longest side is ${longest}`);
  const middle = [0, 1, 2].map((c) => (min[c] + max[c]) / 2);
  // back into the world's frame
  const yaw = (-yawDeg * Math.PI) / 180;
  const centre: [number, number, number] = [
    middle[0] * Math.cos(yaw) + middle[2] * Math.sin(yaw),
    middle[1],
    -middle[0] * Math.sin(yaw) + middle[2] * Math.cos(yaw),
  ];
  return { centre, scale: 1 / longest, yawDeg };
}

/** Positions and normals moved; everything else is shared with the input. */
export function transformMesh(mesh: Mesh, { centre, scale, yawDeg }: AssetTransform): Mesh {
  const cos = Math.cos((yawDeg * Math.PI) / 180);
  const sin = Math.sin((yawDeg * Math.PI) / 180);
  const turn = (from: Float32Array, at: readonly [number, number, number], size: number) => {
    const to = new Float32Array(from.length);
    for (let i = 0; i < from.length; i += 3) {
      const x = from[i] - at[0];
      const z = from[i + 2] - at[2];
      to[i] = (x * cos + z * sin) * size;
      to[i + 1] = (from[i + 1] - at[1]) * size;
      to[i + 2] = (z * cos - x * sin) * size;
    }
    return to;
  };
  return { ...mesh, positions: turn(mesh.positions, centre, scale), ...(mesh.normals && { normals: turn(mesh.normals, [0, 0, 0], 1) }) };
}

/** The mesh in the frame of an asset, and what was done to it. */
export function normaliseMesh(mesh: Mesh, front?: Camera): { mesh: Mesh; transform: AssetTransform } {
  const transform = assetTransform(mesh, front);
  return { mesh: transformMesh(mesh, transform), transform };
}
