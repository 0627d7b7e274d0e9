import { alphaOf, type CompletionSet, type FileStore, type ImageCodec, type RgbaImage } from '@gestalt3d/core';
import { readRecord, writeRecord } from './records.ts';

/** What stands beside the pictures. */
type Kept = Pick<CompletionSet, 'crop'> & { seeds: number[] };

const RECORD = 'completions.json';
const pictureName = (k: number): string => `completion-${k}.png`;

export async function storeCompletions(
  store: FileStore,
  folder: string,
  key: string,
  set: CompletionSet,
  codec: Pick<ImageCodec, 'encodePng'>,
): Promise<void> {
  for (const [k, { image }] of set.completions.entries()) await store.write(`${folder}${pictureName(k)}`, await codec.encodePng(image));
  await store.write(`${folder}vote-mask.png`, await codec.encodePng(set.vote));
  await store.write(`${folder}visible-mask.png`, await codec.encodePng(set.visible));
  // last: with it the pictures count
  await writeRecord<Kept>(store, `${folder}${RECORD}`, key, { crop: set.crop, seeds: set.completions.map(({ seed }) => seed) });
}

/** undefined when they are not there, or were made from something else. */
export async function loadCompletions(
  store: FileStore,
  folder: string,
  key: string,
  codec: Pick<ImageCodec, 'decode'>,
): Promise<CompletionSet | undefined> {
  const kept = await readRecord<Kept>(store, `${folder}${RECORD}`, key);
  if (!kept) return undefined;
  const read = async (name: string): Promise<RgbaImage | undefined> => {
    const bytes = await store.read(`${folder}${name}`);
    return bytes && codec.decode(bytes, name);
  };
  const images = await Promise.all(kept.seeds.map((_, k) => read(pictureName(k))));
  const [vote, visible] = [await read('vote-mask.png'), await read('visible-mask.png')];
  if (!vote || !visible || images.includes(undefined)) return undefined;
  return {
    crop: kept.crop,
    completions: images.map((image, k) => ({ image: image!, seed: kept.seeds[k] })),
    vote: redOf(vote),
    visible: redOf(visible),
  };
}

/** A mask that was written as a grey picture. */
function redOf(image: RgbaImage) {
  const mask = alphaOf(image);
  for (let i = 0; i < mask.data.length; i++) mask.data[i] = image.data[i * 4];
  return mask;
}
