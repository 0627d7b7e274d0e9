import {
  boundingBox,
  createImage,
  EmptyMaskError,
  type Image,
  type Mask,
  ModelCorruptError,
  type RgbImage,
  resample,
} from '@gestalt3d/core';
import { float32, type InferenceBackend, type ModelBundle } from '@gestalt3d/onnx';
import { checkLabels, type Recognition, rankLabels, squareOf } from './recognise.ts';
import { TextTable } from './text-table.ts';
import { WordPiece } from './word-piece.ts';

export interface EmbeddedRecogniseOptions {
  /** At least two, to choose from. Default: the names that the bundle was trained with. */
  labels?: readonly string[];
}

/** What the manifest says. */
interface RecogniserModel {
  size: number;
  logitScale: number;
}

/** Side of the square that is cut from a photograph, in longest sides of the visible part. */
const PHOTO_MARGIN = 1.5;
/** Pixels; the network sees far fewer. */
const LARGEST_CROP = 512;

const FILES = { vocabulary: 'vocab.txt', rows: 'tokens.i8', scales: 'scales.f32', names: 'names.txt' } as const;

/**
 * Open-vocabulary recognition with the bundle that ships: an image tower trained to answer with the text embedding of what an object is called.
 * @param pictures photographs are seen in the square in their middle: cut them to the object before; pictures with alpha are objects: the square round
 *   them
 * @returns for each picture all labels, the likeliest first
 * @throws OptionError for labels without words, the same label twice, or fewer than two; ModelCorruptError for a bundle of another kind
 */
export async function recogniseEmbedded(
  { bundle, backend }: { bundle: ModelBundle; backend: InferenceBackend },
  pictures: readonly Image<3 | 4>[],
  { labels }: EmbeddedRecogniseOptions,
  signal: AbortSignal,
): Promise<Recognition[][]> {
  const { size, logitScale } = readModel(bundle);
  const read = async (path: string): Promise<string> => new TextDecoder().decode(await bundle.file(path));
  const known = labels ?? (await read(FILES.names)).trimEnd().split('\n');
  checkLabels(known);
  const tokenizer = new WordPiece(await read(FILES.vocabulary), bundle.id);
  const table = new TextTable(tokenizer, await bundle.file(FILES.rows), await bundle.file(FILES.scales), bundle.id);
  const texts = known.map((label) => table.embed(label));
  return bundle.using('image', backend, async (session) => {
    const results: Recognition[][] = [];
    for (const picture of pictures) {
      const embedding = await session.runSingle({ picture: float32(inputOf(picture, size), [1, 4, size, size]) }, signal);
      if (embedding.length !== table.dims)
        throw new ModelCorruptError(bundle.id, `its pictures have ${embedding.length} dimensions, its texts ${table.dims}`);
      results.push(rankLabels(known, texts, embedding, logitScale));
    }
    return results;
  });
}

/**
 * What of a photograph `recogniseEmbedded` is to see: the square round the visible part, half as wide again, mid grey outside the photograph.
 * @param mask of the photograph's size
 * @throws EmptyMaskError
 */
export function cropToObject(photo: Image<3 | 4>, mask: Mask): RgbImage {
  const box = boundingBox(mask);
  if (box === undefined) throw new EmptyMaskError('segment');
  const longest = PHOTO_MARGIN * Math.max(box.x1 - box.x0, box.y1 - box.y0);
  const region = { x: (box.x0 + box.x1 - longest) / 2, y: (box.y0 + box.y1 - longest) / 2, width: longest, height: longest };
  const side = Math.round(Math.min(longest, LARGEST_CROP));
  const rgb = createImage(photo.width, photo.height, 3);
  for (let i = 0; i < photo.width * photo.height; i++)
    for (let c = 0; c < 3; c++) rgb.data[i * 3 + c] = photo.data[i * photo.channels + c]!;
  return resample(rgb, side, side, region, 127.5);
}

/** @throws ModelCorruptError */
function readModel({ id, manifest }: ModelBundle): RecogniserModel {
  const { size } = (manifest.preprocessing ?? {}) as Partial<RecogniserModel>;
  const { logitScale } = manifest as Partial<RecogniserModel>;
  const missing = Object.values(FILES).filter((name) => !manifest.files.some(({ path }) => path === name));
  if (!(size! > 0) || !(logitScale! > 0) || manifest.graphs.image === undefined || missing.length > 0)
    throw new ModelCorruptError(
      id,
      `its manifest lacks of a recogniser: ${[
        ...(size! > 0 ? [] : ['preprocessing.size']),
        ...(logitScale! > 0 ? [] : ['logitScale']),
        ...(manifest.graphs.image === undefined ? ['the graph image'] : []),
        ...missing,
      ].join(', ')}`,
    );
  return { size: size!, logitScale: logitScale! };
}

/** [4, size, size]: colours in -1..1 times alpha, alpha in 0..1; outside a photograph 0, and 1 in the plane of alpha, as in training. */
function inputOf(picture: Image<3 | 4>, size: number): Float32Array {
  const { data, channels } = resample<3 | 4>(picture, size, size, squareOf(picture), picture.channels === 3 ? 127.5 : 0);
  const plane = size * size;
  const input = new Float32Array(4 * plane);
  for (let i = 0; i < plane; i++) {
    const alpha = channels === 4 ? data[i * 4 + 3]! / 255 : 1;
    for (let c = 0; c < 3; c++) input[c * plane + i] = (data[i * channels + c]! / 127.5 - 1) * alpha;
    input[3 * plane + i] = alpha;
  }
  return input;
}
