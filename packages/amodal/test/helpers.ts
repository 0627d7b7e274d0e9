import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createImage, createRng, type FileStore, type Mask, type RgbImage, type StageContext, type StageMessage } from '@gestalt3d/core';
import { type InferenceBackend, ModelBundle } from '@gestalt3d/onnx';
import { InferenceSession } from 'onnxruntime-node';

export const backend: InferenceBackend = {
  provider: 'cpu',
  createSession: (model) => InferenceSession.create(model, { executionProviders: ['cpu'], intraOpNumThreads: 1, logSeverityLevel: 4 }),
};

/** A bundle in a folder; undefined when there is none. */
export async function loadBundle(folder: URL): Promise<ModelBundle | undefined> {
  const read = async (name: string) => {
    try {
      return new Uint8Array(readFileSync(new URL(name, folder)));
    } catch {
      return undefined;
    }
  };
  const store: FileStore = {
    location: fileURLToPath(folder),
    read,
    write: () => Promise.reject(new Error('read only')),
    remove: () => Promise.reject(new Error('read only')),
    list: async () => [],
  };
  return (await read('bundle.json')) === undefined ? undefined : ModelBundle.load(store);
}

export async function tinyBundle(name: 'complete' | 'segment'): Promise<ModelBundle> {
  return (await loadBundle(new URL(`./fixtures/${name}/`, import.meta.url)))!;
}

export function contextOf(seed: number, signal = new AbortController().signal): StageContext & { events: StageMessage[] } {
  const events: StageMessage[] = [];
  return { signal, emit: (event) => void events.push(event), rng: createRng(seed), gpu: null, spawnWorker: null, threads: 1, events };
}

/** A picture from a function of its pixels. */
export function paint(width: number, height: number, colour: (x: number, y: number) => readonly [number, number, number]): RgbImage {
  const image = createImage(width, height, 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) image.data.set(colour(x, y), (y * width + x) * 3);
  return image;
}

export function maskWhere(width: number, height: number, inside: (x: number, y: number) => boolean): Mask {
  const mask = createImage(width, height, 1);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) mask.data[y * width + x] = inside(x, y) ? 255 : 0;
  return mask;
}

/** Intersection over union of what is above 127. */
export function iou(a: Mask, b: Mask): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < a.data.length; i++) {
    const [p, q] = [a.data[i]! > 127, b.data[i]! > 127];
    if (p && q) both++;
    if (p || q) either++;
  }
  return both / either;
}
