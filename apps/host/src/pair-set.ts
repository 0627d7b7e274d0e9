import { resolve, sep } from 'node:path';
import { createRng, OptionError } from '@gestalt3d/core';
import { makeContactSheet } from '@gestalt3d/mesh';
import { makePairSet, type PairSetEvent, type PairSetOptions, type PairSetReport, type Segment } from '@gestalt3d/pairs';
import { type PipelineDeps, sha256 } from '@gestalt3d/pipeline';
import { createFileStore } from './file-store.ts';

/** Side in pixels of a picture on the contact sheet. */
const TILE = 150;

/**
 * Whole-part pairs from a folder of photographs on disk, objects proposed by the segment stage.
 * @param toolkit of `Engine.toolkit`
 * @throws OptionError (the one folder lies in the other), and as makePairSet
 */
export async function makePairSetInFolder(
  images: string,
  out: string,
  options: Partial<PairSetOptions>,
  { stages, codec, context, identity }: PipelineDeps,
  signal: AbortSignal,
  onEvent: (event: PairSetEvent) => void,
): Promise<PairSetReport> {
  // our own pictures must not be read as photographs
  if (`${resolve(out)}${sep}`.startsWith(`${resolve(images)}${sep}`))
    throw new OptionError('--out', 'a folder outside that of the photographs', out);
  const stage = await stages.segment();
  const segment: Segment = async (photo, prompt, stop) => {
    const run = { ...context, signal: stop, emit: () => {}, rng: createRng(0), gpu: null };
    return (await stage.run({ photo, prompt }, stage.defaults, run)).mask;
  };
  return makePairSet(
    options,
    {
      source: createFileStore(images),
      target: createFileStore(out),
      codec,
      segment,
      identity: await identity('segment'),
      sha256,
      drawSheet: (rows) => makeContactSheet(rows, { tile: TILE, fontScale: 1 }),
    },
    signal,
    onEvent,
  );
}
