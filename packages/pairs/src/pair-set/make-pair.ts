import { type RgbaImage, type Rng, withAlpha } from '@gestalt3d/core';
import type { OcclusionBand } from '../bands.ts';
import { SHAPES, type Shape } from '../occluders/shape-mask.ts';
import { shapeOccluder } from '../occluders/shape-occluder.ts';
import { superimpose, type WholePartPair } from '../superimpose.ts';
import type { FramedObject } from './frame-object.ts';

/** What hides the object. */
export type OccluderSource = { kind: 'shape'; shape: Shape } | { kind: 'cut-out' | 'photo-part'; file: string };

export interface MadePair {
  pair: WholePartPair<3>;
  /** The object alone: the scene's colours, the whole object's mask as alpha. */
  whole: RgbaImage;
  occluder: OccluderSource;
  /** Of `superimpose`. */
  seed: number;
}

/** Share of the pairs whose occluder is a shape, when there are others to choose from. */
const SHAPE_SHARE = 0.3;
/** Occluders to try: a thin one may not fit a high band. */
const OCCLUDERS = 6;

/**
 * A pair with an occluder drawn at random: a shape, or one of `files`.
 * @returns undefined if none of several occluders fits
 */
export async function makePair(
  { scene, amodal }: FramedObject,
  band: OcclusionBand,
  files: readonly { file: string; kind: 'cut-out' | 'photo-part' }[],
  read: (file: string) => Promise<RgbaImage | undefined>,
  rng: Rng,
): Promise<MadePair | undefined> {
  for (let attempt = 0; attempt < OCCLUDERS; attempt++) {
    const draw = rng.fork(attempt);
    const { source, image } = await drawOccluder(files, read, draw);
    const seed = draw.integer(2 ** 32);
    const pair = superimpose({ scene, amodal, occluder: image, band, seed });
    if (pair !== undefined) return { pair, whole: withAlpha(scene, amodal), occluder: source, seed };
  }
  return undefined;
}

async function drawOccluder(
  files: readonly { file: string; kind: 'cut-out' | 'photo-part' }[],
  read: (file: string) => Promise<RgbaImage | undefined>,
  rng: Rng,
): Promise<{ source: OccluderSource; image: RgbaImage }> {
  if (files.length > 0 && rng.uniform() >= SHAPE_SHARE) {
    const source = files[rng.integer(files.length)]!;
    const image = await read(source.file);
    if (image !== undefined) return { source, image };
  }
  const shape = SHAPES[rng.integer(SHAPES.length)]!;
  return { source: { kind: 'shape', shape }, image: shapeOccluder(rng, 160, shape) };
}
