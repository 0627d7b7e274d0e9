import {
  type Camera,
  cameraOfFrame,
  type FileStore,
  type ImageCodec,
  type RgbaImage,
  type Transforms,
  type View,
  ViewsFormatError,
} from '@gestalt3d/core';
import { fromJson, readJson } from './artifacts/artifact-format.ts';
import type { GestaltTransforms } from './artifacts/multi-view-format.ts';

/** Radial and tangential terms that nerfstudio and instant-ngp write; below the limit they move no pixel. */
const DISTORTION = ['k1', 'k2', 'k3', 'k4', 'p1', 'p2'] as const;
const NO_DISTORTION = 1e-4;

/**
 * Posed views of any NeRF `transforms.json` folder: RGBA, or RGB over one even background colour, which becomes alpha.
 * @param warn takes what is out of the ordinary, image by image
 * @throws ViewsFormatError, ImageDecodeError
 */
export async function loadExternalViews(store: FileStore, codec: ImageCodec, warn: (message: string) => void): Promise<View[]> {
  const bytes = await store.read('transforms.json');
  if (!bytes) throw new ViewsFormatError('file', `transforms.json in ${store.location}`, 'none');
  let transforms: Transforms;
  try {
    transforms = fromJson<Transforms>(bytes);
  } catch (error) {
    throw new ViewsFormatError('file', 'JSON', (error as Error).message);
  }
  if (!Array.isArray(transforms.frames) || transforms.frames.length < 2)
    throw new ViewsFormatError('frames', 'at least 2 frames', `${Array.isArray(transforms.frames) ? transforms.frames.length : 'none'}`);
  const files: { name: string; bytes: Uint8Array }[] = [];
  const missing: string[] = [];
  for (const [i, frame] of transforms.frames.entries()) {
    if (typeof frame?.file_path !== 'string') throw new ViewsFormatError(`frame ${i}`, 'an object with a file_path', JSON.stringify(frame));
    const file = await readImage(store, frame.file_path.replace(/^\.\//, ''));
    if (file) files.push(file);
    else missing.push(frame.file_path);
  }
  if (missing.length > 0) {
    const others = missing.length > 1 ? ` (and ${missing.length - 1} more of ${transforms.frames.length})` : '';
    throw new ViewsFormatError('frames', `the image ${missing[0]}${others} beside transforms.json`, 'no such file');
  }
  const views: View[] = [];
  for (const [i, { name, bytes }] of files.entries()) {
    const image = await codec.decode(bytes, name);
    const lens = DISTORTION.filter((key) => Math.abs(Number({ ...transforms, ...transforms.frames[i] }[key] ?? 0)) > NO_DISTORTION);
    if (lens.length > 0) warn(`${name}: the lens distortion ${lens.join(', ')} is not taken into account; undistort the images first`);
    views.push({
      image: cutOutBackground(image, () => warn(`${name} has no alpha: its even background is taken as empty`)),
      camera: cameraOfFrame(transforms, i, image),
    });
  }
  return views;
}

/** An image by its path; NeRF synthetic scenes leave the extension out. */
async function readImage(store: FileStore, path: string): Promise<{ name: string; bytes: Uint8Array } | undefined> {
  for (const name of [path, `${path}.png`]) {
    const bytes = await store.read(name);
    if (bytes) return { name, bytes };
  }
  return undefined;
}

/** The camera of the photograph that our own transforms.json names beside its views; undefined where there is none. */
export async function loadPhotoCamera(store: FileStore): Promise<Camera | undefined> {
  const photo = (await readJson<GestaltTransforms>(store, 'transforms.json'))?.photo;
  return photo && cameraOfFrame({ frames: [photo] }, 0, { width: photo.w ?? 0, height: photo.h ?? 0 });
}

/** Makes the colour of the border transparent in an image without alpha; an image with alpha passes. */
function cutOutBackground(image: RgbaImage, onCut: () => void): RgbaImage {
  const { width, height, data } = image;
  for (let i = 3; i < data.length; i += 4) if (data[i]! < 255) return image;
  onCut();
  const corners = [0, width - 1, (height - 1) * width, height * width - 1];
  const background = [0, 1, 2].map((c) => corners.map((at) => data[at * 4 + c]!).sort((a, b) => a - b)[1]!);
  const out = { ...image, data: data.slice() };
  for (let at = 0; at < width * height; at++) {
    const distance = Math.max(...background.map((value, c) => Math.abs(value - data[at * 4 + c]!)));
    out.data[at * 4 + 3] = Math.max(0, Math.min(255, (distance - 4) * 32));
  }
  return out;
}
