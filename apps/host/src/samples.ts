import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Prompt, RunFolderError } from '@gestalt3d/core';
import sharp from 'sharp';

/** A photograph that comes with the project. */
export interface Sample {
  id: string;
  title: string;
  /** What to complete. */
  object: string;
  /** What is in front of it. */
  hiddenBy: string;
  /** On disk. */
  path: string;
  width: number;
  height: number;
  prompt: Prompt;
  elevationDeg: number;
  licence: string;
  author: string;
  source: string;
}

/** One entry of assets/photos.json. */
interface PhotoEntry {
  id: string;
  file: string;
  title: string;
  object: string;
  hiddenBy: string;
  prompt: { points: [number, number, number][]; box?: [number, number, number, number] };
  elevationDeg: number;
  licence: string;
  author: string;
  source: string;
}

const ASSETS = new URL('../../../assets/', import.meta.url);

/** The shipped photographs; the first is the demo's. @throws RunFolderError when assets/photos.json is not there */
export async function listSamples(): Promise<Sample[]> {
  const list = await readFile(new URL('photos.json', ASSETS), 'utf8').catch(() => undefined);
  if (list === undefined) throw new RunFolderError('assets/photos.json', 'none', 'restore the folder assets/ from the repository');
  return Promise.all(
    (JSON.parse(list) as PhotoEntry[]).map(async ({ file, prompt, ...entry }) => {
      const path = fileURLToPath(new URL(file, ASSETS));
      const { width, height } = await sharp(path).metadata();
      const points = prompt.points.map(([x, y, positive]) => ({ x, y, positive: positive > 0 }));
      const [x0, y0, x1, y1] = prompt.box ?? [];
      return { ...entry, path, width, height, prompt: { points, ...(prompt.box ? { box: { x0: x0!, y0: y0!, x1: x1!, y1: y1! } } : {}) } };
    }),
  );
}
