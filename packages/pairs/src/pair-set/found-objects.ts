import { createRng, type FileStore, type Image, type ImageCodec, type Mask, type Prompt, type RgbaImage, resample } from '@gestalt3d/core';
import { cutOut } from '../occluders/cut-out.ts';
import { photoPartOccluder } from '../occluders/photo-part-occluder.ts';
import type { FrontVerdict } from '../proposals/front-cues.ts';
import { type Proposal, type Proposals, type ProposeDeps, proposeObjects } from '../proposals/propose-objects.ts';

/** Part of what decides what is found; raise it when that changes. */
const VERSION = 1;
/** Longest side in pixels of the copy of a photograph in which objects are sought. */
const WORKING_SIDE = 768;
/** Longest side in pixels of a stored occluder. */
const OCCLUDER_SIDE = 320;
/** Parts of a photograph that are stored as occluders. */
const PARTS = 2;

interface FoundObject {
  /** In photograph pixels. */
  prompt: Prompt;
  clicks: number;
  stability: number;
  front: FrontVerdict;
  /** Mask, of the working copy's size. */
  mask: string;
}

/** What was found in a photograph: `objects/<id>/objects.json`. Written last, so whoever reads it finds the other files. */
export interface FoundObjects {
  key: string;
  source: { file: string; sha256: string; width: number; height: number };
  objects: FoundObject[];
  /** Pictures with alpha that may hide objects of other photographs. */
  occluders: { file: string; kind: 'cut-out' | 'photo-part' }[];
  refused: Proposals['refused'];
}

export interface FindDeps extends ProposeDeps {
  codec: ImageCodec;
  target: FileStore;
  /** Names what `segment` and `depth` are (model hashes): another name, and photographs are searched again. */
  identity: string;
}

/** Folder of what was found in the photograph of a hash. */
export const folderOf = (sha256: string): string => `objects/${sha256.slice(0, 12)}`;
const keyOf = (identity: string): string => `${VERSION} ${identity}`;

/** What an earlier run found, if it searched in the same way. */
export async function readFound(sha256: string, { target, identity }: FindDeps): Promise<FoundObjects | undefined> {
  const bytes = await target.read(`${folderOf(sha256)}/objects.json`);
  if (bytes === undefined) return undefined;
  try {
    const found = JSON.parse(new TextDecoder().decode(bytes)) as FoundObjects;
    return found.key === keyOf(identity) && found.source.sha256 === sha256 ? found : undefined;
  } catch {
    // not ours or cut short: made again
    return undefined;
  }
}

/** Searches a photograph and stores what was found. @throws as proposeObjects and FileStore.write */
export async function findObjects(
  photo: RgbaImage,
  source: { file: string; sha256: string },
  deps: FindDeps,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<FoundObjects> {
  const { codec, target, identity } = deps;
  const scale = Math.min(1, WORKING_SIDE / Math.max(photo.width, photo.height));
  const copy = resample(photo, Math.max(1, Math.round(photo.width * scale)), Math.max(1, Math.round(photo.height * scale)));
  const proposals = await proposeObjects(copy, deps, {}, signal, onProgress);
  const folder = folderOf(source.sha256);
  const found: FoundObjects = {
    key: keyOf(identity),
    source: { ...source, width: photo.width, height: photo.height },
    objects: [],
    occluders: [],
    refused: proposals.refused,
  };
  const store = async (name: string, image: Image): Promise<string> => {
    const path = `${folder}/${name}`;
    await target.write(path, await codec.encodePng(image));
    return path;
  };
  for (const [k, proposal] of proposals.objects.entries())
    found.objects.push({ ...described(proposal, 1 / scale), mask: await store(`mask-${k}.png`, proposal.mask) });
  for (const [k, { mask }] of [...proposals.objects, ...proposals.others].entries())
    found.occluders.push({ file: await store(`cut-out-${k}.png`, limited(cutOut(copy, mask))), kind: 'cut-out' });
  const rng = createRng(Number.parseInt(source.sha256.slice(0, 8), 16));
  for (let k = 0; k < PARTS; k++)
    found.occluders.push({ file: await store(`part-${k}.png`, photoPartOccluder(copy, rng.fork(k))), kind: 'photo-part' });
  await target.write(`${folder}/objects.json`, new TextEncoder().encode(`${JSON.stringify(found, null, 1)}\n`));
  return found;
}

/** A stored occluder. */
export async function readOccluder(file: string, { codec, target }: FindDeps): Promise<RgbaImage | undefined> {
  const bytes = await target.read(file);
  return bytes === undefined ? undefined : codec.decode(bytes, file);
}

/** A stored mask. */
export async function readMask(file: string, { codec, target }: FindDeps): Promise<Mask | undefined> {
  const bytes = await target.read(file);
  if (bytes === undefined) return undefined;
  const image = await codec.decode(bytes, file);
  // a grey picture comes back with its value in every colour
  return { width: image.width, height: image.height, channels: 1, data: image.data.filter((_, i) => i % 4 === 0) };
}

function described({ prompt, clicks, stability, front }: Proposal, scale: number): Omit<FoundObject, 'mask'> {
  const round = (value: number): number => Math.round(value * scale * 10) / 10;
  const { points, box } = prompt;
  return {
    prompt: {
      points: points.map((point) => ({ ...point, x: round(point.x), y: round(point.y) })),
      ...(box ? { box: { x0: round(box.x0), y0: round(box.y0), x1: round(box.x1), y1: round(box.y1) } } : {}),
    },
    clicks,
    stability,
    front,
  };
}

function limited(image: RgbaImage): RgbaImage {
  const scale = Math.min(1, OCCLUDER_SIDE / Math.max(image.width, image.height));
  return scale === 1 ? image : resample(image, Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale)));
}
