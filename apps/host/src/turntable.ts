import { spawn } from 'node:child_process';
import { type Mesh, orbitCamera, type RgbaImage } from '@gestalt3d/core';
import { normaliseMesh, renderMesh } from '@gestalt3d/mesh';
import sharp from 'sharp';

export interface TurntableOptions {
  /** Edge of the square picture in pixels. */
  size: number;
  /** Pictures in one turn. */
  frames: number;
  framesPerSecond: number;
  elevationDeg: number;
}

export const TURNTABLE_DEFAULTS: Readonly<TurntableOptions> = { size: 320, frames: 36, framesPerSecond: 18, elevationDeg: 20 };

const BACKGROUND = [246, 246, 244] as const;

/** One turn of the mesh around the vertical axis, before an even ground. `tick` is called after each picture. */
export function renderTurntable(
  mesh: Mesh,
  { size, frames, elevationDeg }: Readonly<TurntableOptions> = TURNTABLE_DEFAULTS,
  tick: (done: number, total: number) => void = () => {},
): RgbaImage[] {
  const { mesh: placed } = normaliseMesh(mesh);
  return Array.from({ length: frames }, (_, i) => {
    const camera = orbitCamera((360 * i) / frames, elevationDeg, size, { distance: 1.9, focalPerWidth: 280 / 256 });
    const image = renderMesh(placed, camera, { background: BACKGROUND });
    tick(i + 1, frames);
    return image;
  });
}

/** Endless animated WebP. */
export async function encodeAnimatedWebp(frames: readonly RgbaImage[], framesPerSecond: number): Promise<Uint8Array> {
  const images = await Promise.all(
    frames.map(({ width, height, channels, data }) =>
      sharp(data, { raw: { width, height, channels } }).removeAlpha().png({ compressionLevel: 0 }).toBuffer(),
    ),
  );
  const delay = Math.round(1000 / framesPerSecond);
  return sharp(images, { join: { animated: true } })
    .webp({ quality: 80, loop: 0, delay: images.map(() => delay) })
    .toBuffer();
}

/** H.264 by the machine's ffmpeg; undefined where there is none. */
export async function encodeMp4(frames: readonly RgbaImage[], framesPerSecond: number): Promise<Uint8Array | undefined> {
  const { width, height } = frames[0]!;
  const input = ['-f', 'rawvideo', '-pix_fmt', 'rgba', '-s', `${width}x${height}`, '-r', String(framesPerSecond), '-i', '-'];
  // fragmented, because a pipe cannot be rewound
  const output = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-movflags', 'frag_keyframe+empty_moov', '-f', 'mp4', '-'];
  const child = spawn('ffmpeg', ['-loglevel', 'error', ...input, ...output], { stdio: ['pipe', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  // a broken pipe is told by the exit status
  child.stdin.on('error', () => {});
  for (const { data } of frames) child.stdin.write(data);
  child.stdin.end();
  const status = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  return status === 0 && chunks.length > 0 ? Buffer.concat(chunks) : undefined;
}
