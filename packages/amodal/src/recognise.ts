import { boundingBox, type Image, ModelCorruptError, OptionError, type Region, type RgbaImage, resample } from '@gestalt3d/core';
import { ClipTokenizer, planesOf } from '@gestalt3d/networks';
import { float32, type InferenceBackend, type ModelBundle } from '@gestalt3d/onnx';

/** One label with its share of the probability that all labels have together. */
export interface Recognition {
  label: string;
  probability: number;
}

export interface RecogniseOptions {
  /** At least two, to choose from. */
  labels: readonly string[];
  /** What a text says of a label, with `{}` where the label goes. */
  prompt: string;
}

/** OpenAI's own example; which prompts pix2gestalt's Table 2 was made with is not published. */
export const RECOGNISE_PROMPT = 'a photo of a {}';

/** What the manifest of an imported CLIP bundle says. */
interface ClipModel {
  size: number;
  mean: readonly number[];
  deviation: readonly number[];
  logitScale: number;
  contextLength: number;
  /** Tokens that the text tower knows. */
  vocabularySize: number;
}

/** The file that importing with `--vocabulary` puts into the bundle. */
const VOCABULARY = 'vocabulary.txt';
/** Space round the object of a cut-out, in its longest side. */
const MARGIN = 0.1;

/**
 * Zero-shot recognition with imported CLIP weights (Radford et al. 2021): the labels of which the texts are closest to each picture. Texts first, then
 * pictures, one graph loaded at a time.
 * @param pictures photographs are seen as OpenAI's preprocessing does, the square in their middle; pictures with alpha are objects: the square round
 *   them, on white
 * @returns for each picture all labels, the likeliest first
 * @throws OptionError for labels that CLIP cannot read; ModelCorruptError for a bundle of another kind or without vocabulary
 */
export async function recognise(
  { bundle, backend }: { bundle: ModelBundle; backend: InferenceBackend },
  pictures: readonly Image<3 | 4>[],
  { labels, prompt }: RecogniseOptions,
  signal: AbortSignal,
): Promise<Recognition[][]> {
  const model = readClipModel(bundle);
  checkLabels(labels);
  if (!prompt.includes('{}')) throw new OptionError('prompt', 'a text with {} where the label goes', prompt);
  const tokenizer = new ClipTokenizer(new TextDecoder().decode(await bundle.file(VOCABULARY)));
  const tokens = labels.map((label) => tokenizer.encode(prompt.replaceAll('{}', label), model.contextLength));
  for (const row of tokens)
    for (const token of row)
      if (token >= model.vocabularySize)
        throw new ModelCorruptError(bundle.id, `its vocabulary has a token ${token}, its weights know ${model.vocabularySize}`);
  const texts = await bundle.using('text', backend, async (session) => {
    const embeddings: Float32Array[] = [];
    for (const data of tokens)
      embeddings.push(unit(await session.runSingle({ tokens: { dtype: 'int64', dims: [1, model.contextLength], data } }, signal)));
    return embeddings;
  });
  return bundle.using('image', backend, async (session) => {
    const results: Recognition[][] = [];
    for (const picture of pictures) {
      const pixels = float32(pixelsOf(picture, model), [1, 3, model.size, model.size]);
      results.push(rankLabels(labels, texts, unit(await session.runSingle({ pixels }, signal)), model.logitScale));
    }
    return results;
  });
}

/** @throws OptionError for fewer than two labels, an empty one, or the same twice */
export function checkLabels(labels: readonly string[]): void {
  if (labels.length < 2 || labels.some((label) => label.trim() === '') || new Set(labels).size < labels.length)
    throw new OptionError('labels', 'at least two different words or phrases', labels.join(', ') || 'none');
}

/** All labels by the softmax of their texts' cosines with a picture times `scale`, the likeliest first. All vectors have unit length. */
export function rankLabels(labels: readonly string[], texts: readonly Float32Array[], picture: Float32Array, scale: number): Recognition[] {
  const shares = softmax(texts.map((text) => scale * text.reduce((sum, value, i) => sum + value * picture[i]!, 0)));
  return labels.map((label, i) => ({ label, probability: shares[i]! })).sort((a, b) => b.probability - a.probability);
}

/** @throws ModelCorruptError */
function readClipModel(bundle: ModelBundle): ClipModel {
  const { size, mean, deviation } = (bundle.manifest.preprocessing ?? {}) as Partial<ClipModel>;
  const { logitScale, contextLength, vocabularySize } = bundle.manifest as Partial<ClipModel>;
  const triple = (values: unknown): boolean => Array.isArray(values) && values.length === 3 && values.every(Number.isFinite);
  const graphs = ['image', 'text'].every((role) => bundle.manifest.graphs[role] !== undefined);
  if (
    !graphs ||
    !(size! > 0) ||
    !triple(mean) ||
    !triple(deviation) ||
    !(logitScale! > 0) ||
    !(contextLength! > 2) ||
    !(vocabularySize! > 0)
  )
    throw new ModelCorruptError(
      bundle.id,
      'its manifest lacks the graphs image and text, preprocessing, logitScale, contextLength or vocabularySize of CLIP',
    );
  if (!bundle.manifest.files.some(({ path }) => path === VOCABULARY))
    throw new OptionError(
      'labels',
      'a CLIP bundle with its vocabulary',
      'one without; import it again with --vocabulary bpe_simple_vocab_16e6.txt.gz, a file of the same repository',
    );
  return {
    size: size!,
    mean: mean!,
    deviation: deviation!,
    logitScale: logitScale!,
    contextLength: contextLength!,
    vocabularySize: vocabularySize!,
  };
}

/** The square of a picture that CLIP sees: the middle of a photograph, all of an object with alpha. */
export function squareOf(picture: Image<3 | 4>): Region {
  const box = picture.channels === 4 ? boundingBox(picture as RgbaImage) : undefined;
  const whole = box === undefined || isOpaque(picture);
  const { x0, y0, x1, y1 } = whole ? { x0: 0, y0: 0, x1: picture.width, y1: picture.height } : box;
  const [width, height] = [x1 - x0, y1 - y0];
  const side = whole ? Math.min(width, height) : (1 + 2 * MARGIN) * Math.max(width, height);
  return { x: (x0 + x1 - side) / 2, y: (y0 + y1 - side) / 2, width: side, height: side };
}

function isOpaque({ data, channels }: Image<3 | 4>): boolean {
  for (let i = 3; channels === 4 && i < data.length; i += 4) if (data[i]! < 255) return false;
  return true;
}

function pixelsOf(picture: Image<3 | 4>, { size, mean, deviation }: ClipModel): Float32Array {
  const planes = planesOf(resample<3 | 4>(picture, size, size, squareOf(picture)));
  return planes.map((value, i) => {
    const c = Math.floor(i / size ** 2);
    return ((value + 1) / 2 - mean[c]!) / deviation[c]!;
  });
}

function unit(values: Float32Array): Float32Array {
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

function softmax(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}
