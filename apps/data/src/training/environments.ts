import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Rng } from '@gestalt3d/core';
import { FloatType } from 'three';
import { EXRLoader } from 'three/addons/loaders/EXRLoader.js';
import { ArchiveError } from '../errors.ts';

/** Equirectangular, linear, rows from the bottom as EXRLoader gives them. */
export interface Panorama {
  name: string;
  width: number;
  height: number;
  /** [height, width, channels] */
  data: Float32Array;
  channels: number;
}

/** The panoramas of @pmndrs/assets: OpenEXR files as base64 in JavaScript modules. @throws ArchiveError */
export async function* readPanoramas(folder: string): AsyncGenerator<Panorama> {
  const files = (await readdir(join(folder, 'hdri'))).filter((file) => file.endsWith('.exr.js')).sort();
  for (const file of files) {
    const base64 = /base64,([A-Za-z0-9+/=]+)/.exec(await readFile(join(folder, 'hdri', file), 'latin1'))?.[1];
    if (!base64) throw new ArchiveError(file, 'no picture in it');
    const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
    const { width, height, data } = new EXRLoader().setDataType(FloatType).parse(bytes.buffer) as {
      width: number;
      height: number;
      data: Float32Array;
    };
    yield { name: file.slice(0, -'.exr.js'.length), width, height, data, channels: data.length / (width * height) };
  }
}

/**
 * What a camera inside a panorama sees: any direction near the horizon, 35 to 80 degrees wide, its median a middle grey.
 * @returns sRGB [side, side, 3]
 */
export function photographPanorama({ width, height, data, channels }: Panorama, side: number, rng: Rng): Uint8Array {
  const yaw = rng.uniform() * 2 * Math.PI;
  const pitch = ((rng.uniform() * 55 - 35) * Math.PI) / 180;
  const half = Math.tan(((35 + 45 * rng.uniform()) * Math.PI) / 360);
  const linear = new Float32Array(side * side * 3);
  const sample = (x: number, y: number, c: number) => {
    const [column, row] = [((x % width) + width) % width, Math.min(height - 1, Math.max(0, y))];
    return data[(row * width + column) * channels + c]!;
  };
  for (let j = 0; j < side; j++)
    for (let i = 0; i < side; i++) {
      const [u, v] = [(((i + 0.5) / side) * 2 - 1) * half, (1 - ((j + 0.5) / side) * 2) * half];
      // the ray (u, v, -1) pitched about x, then turned about y
      const y = v * Math.cos(pitch) + Math.sin(pitch);
      const depth = Math.cos(pitch) - v * Math.sin(pitch);
      const azimuth = Math.atan2(u, depth) + yaw;
      const elevation = Math.atan2(y, Math.hypot(u, depth));
      const px = (azimuth / (2 * Math.PI)) * width - 0.5;
      const py = (elevation / Math.PI + 0.5) * height - 0.5;
      const [x0, y0] = [Math.floor(px), Math.floor(py)];
      const [fx, fy] = [px - x0, py - y0];
      for (let c = 0; c < 3; c++)
        linear[(j * side + i) * 3 + c] =
          (sample(x0, y0, c) * (1 - fx) + sample(x0 + 1, y0, c) * fx) * (1 - fy) +
          (sample(x0, y0 + 1, c) * (1 - fx) + sample(x0 + 1, y0 + 1, c) * fx) * fy;
    }
  const sorted = linear.slice().sort();
  const middle = sorted[sorted.length >> 1]! || 1e-4;
  const exposure = (0.12 + 0.2 * rng.uniform()) / middle;
  // Reinhard's curve keeps windows and lamps from burning out
  return Uint8Array.from(linear, (value) => {
    const exposed = Math.max(0, value) * exposure;
    return Math.round(255 * Math.min(1, (exposed / (1 + 0.5 * exposed)) ** (1 / 2.2)));
  });
}
