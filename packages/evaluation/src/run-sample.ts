import {
  type CompletionSet,
  createRng,
  type FileStore,
  GestaltError,
  isAbort,
  type Mesh,
  type MultiView,
  type MultiViewInput,
  rigCameras,
  type StageContext,
  type StageMessage,
  type StageName,
  type View,
} from '@gestalt3d/core';
import type { PipelineDeps } from '@gestalt3d/pipeline';
import { inflatedPlanes } from './baselines/inflate.ts';
import { BODY_SIZE, layeredViews } from './baselines/layered-views.ts';
import { trueDepthPlanes } from './baselines/true-depth.ts';
import { loadCompletions, storeCompletions } from './completions-record.ts';
import { measureNothing, measureSolid, measureViews, type SolidScores } from './measure.ts';
import { iouOf, maskOverlap, type Overlap, sumOf } from './metrics/mask-iou.ts';
import type { EvaluationOptions } from './options.ts';
import { keyOf, readRecord, writeRecord } from './records.ts';
import { drawMeshStrip, drawSamplePictures, drawTruthStrip, drawViewsStrip } from './report/pictures.ts';
import { type EvaluationSample, PHOTO_SIZE } from './samples/make-sample.ts';
import { renderModel } from './samples/render-model.ts';
import { type Truth, truthOf } from './truth.ts';
import { COMPLETION_COUNT, VARIANT_NEEDS, type VariantName, variantInput } from './variants.ts';

/** Enters every key: to be raised when what is measured changes. */
export const METRICS_VERSION = 1;

/** Pixels along each side of the views that surfaces are fitted to. */
const VIEW_SIZE = 128;

/** What is kept of one variant of one sample. */
export interface VariantResult {
  mask: Overlap & { iou: number };
  /** null where the variant does not become 3D. */
  solid: SolidScores | null;
  /** Why no surface came out; the scores are then those of nothing. */
  failure?: string;
}

export type VariantEvent = (variant: VariantName, stage: StageName | 'metrics', message?: StageMessage) => void;

/**
 * All asked variants of a sample, each through the real stages, or taken from their records in the folder.
 * @param folder of this sample, with a slash at its end
 * @throws the signal's reason when aborted; finished variants are kept
 */
export async function runSample(
  sample: EvaluationSample,
  sampleKey: string,
  folder: string,
  options: EvaluationOptions,
  deps: PipelineDeps,
  store: FileStore,
  signal: AbortSignal,
  onEvent: VariantEvent,
): Promise<{ results: Partial<Record<VariantName, VariantResult>>; milliseconds: number }> {
  const started = performance.now();
  const { codec } = deps;
  const rng = createRng(options.seed);
  const results: Partial<Record<VariantName, VariantResult>> = {};
  let truth: Truth | undefined;
  const knownTruth = async (): Promise<Truth> => {
    if (truth) return truth;
    truth = truthOf(sample);
    for (const [name, image] of Object.entries(drawSamplePictures(sample)))
      await store.write(`${folder}${name}.png`, await codec.encodePng(image));
    await store.write(`${folder}truth.jpg`, await codec.encodeJpeg(drawTruthStrip(sample.truth, truth), 88));
    return truth;
  };
  const contextOf = (variant: VariantName, stage: StageName, gpu: GPUDevice | null): StageContext => ({
    ...deps.context,
    signal,
    emit: (message) => onEvent(variant, stage, message),
    // the same draws in every variant: what differs is the picture
    rng: rng.fork(stage),
    gpu,
  });

  let completions: CompletionSet | undefined;
  const knownCompletions = async (variant: VariantName): Promise<CompletionSet> => {
    const key = await keyOf([sampleKey, await deps.identity('complete'), COMPLETION_COUNT, options.seed]);
    completions ??= await loadCompletions(store, folder, key, codec);
    if (completions) return completions;
    onEvent(variant, 'complete');
    const stage = await deps.stages.complete();
    const input = { photo: opaqueRgba(sample), mask: sample.modal };
    completions = await stage.run(input, { ...stage.defaults, samples: COMPLETION_COUNT }, contextOf(variant, 'complete', null));
    await storeCompletions(store, folder, key, completions, codec);
    return completions;
  };

  const viewsOf = async (variant: VariantName, input: MultiViewInput): Promise<MultiView> => {
    const { elevationDeg, truth: mesh, camera, light } = sample;
    switch (VARIANT_NEEDS[variant].solid) {
      case 'inflation':
        return layeredViews(input, elevationDeg, VIEW_SIZE, (frame) => inflatedPlanes(frame.at(BODY_SIZE)));
      case 'depth':
        return layeredViews(input, elevationDeg, VIEW_SIZE, (frame) => trueDepthPlanes(mesh, camera, frame));
      case 'truth': {
        const views = rigCameras(VIEW_SIZE).map((rigCamera) => ({ image: renderModel(mesh, rigCamera, light), camera: rigCamera }));
        return { views, elevationDeg, photoCamera: camera };
      }
      default: {
        const stage = await deps.stages.views();
        return stage.run(input, { ...stage.defaults, elevationDeg, member: options.views }, contextOf(variant, 'views', null));
      }
    }
  };

  /** Views, surface and mesh of a picture. */
  const reconstruct = async (variant: VariantName, input: MultiViewInput): Promise<{ multiView: MultiView; mesh: Mesh }> => {
    onEvent(variant, 'views');
    const multiView = await viewsOf(variant, input);
    onEvent(variant, 'reconstruct');
    const fit = await deps.stages.reconstruct();
    const gpu = await deps.openGpu(options.device);
    const fitOptions = { ...fit.defaults, preset: options.preset };
    const surface = await fit.run({ views: multiView.views }, fitOptions, contextOf(variant, 'reconstruct', gpu));
    onEvent(variant, 'mesh');
    const finish = await deps.stages.mesh();
    const { mesh } = await finish.run(
      { surface, views: multiView.views as View[] },
      // vertex colours: a texture changes no shape
      { ...finish.defaults, textureSize: 0 } as typeof finish.defaults,
      contextOf(variant, 'mesh', null),
    );
    return { multiView, mesh };
  };

  for (const variant of options.only) {
    signal.throwIfAborted();
    const needs = VARIANT_NEEDS[variant];
    const stages: StageName[] = [
      ...(needs.completions ? (['complete'] as const) : []),
      ...(needs.solid === 'views' ? (['views'] as const) : []),
      ...(needs.solid ? (['reconstruct', 'mesh'] as const) : []),
    ];
    const identities = await Promise.all(stages.map((stage) => deps.identity(stage)));
    const key = await keyOf([
      sampleKey,
      METRICS_VERSION,
      variant,
      identities,
      options.seed,
      options.preset,
      needs.solid === 'views' && options.views,
    ]);
    const kept = await readRecord<VariantResult>(store, `${folder}${variant}.json`, key);
    if (kept) {
      results[variant] = kept;
      continue;
    }
    const known = await knownTruth();
    const input = variantInput(variant, sample, needs.completions ? await knownCompletions(variant) : undefined);
    const overlaps = input.masks.map((mask) => maskOverlap(mask, sample.amodal));
    const result: VariantResult = { mask: { ...sumOf(overlaps), iou: meanOf(overlaps.map(iouOf)) }, solid: null };
    await store.write(`${folder}${variant}.png`, await codec.encodePng(input.picture));
    const twin = input.sameAs && results[input.sameAs];
    if (needs.solid && twin) {
      result.solid = twin.solid;
      if (twin.failure) result.failure = twin.failure;
      const strip = await store.read(`${folder}${input.sameAs}.jpg`);
      if (strip) await store.write(`${folder}${variant}.jpg`, strip);
    } else if (needs.solid)
      try {
        const photo = { width: PHOTO_SIZE, height: PHOTO_SIZE };
        const { multiView, mesh } = await reconstruct(variant, { completion: input.picture, crop: input.crop, photo });
        onEvent(variant, 'metrics');
        const shape = measureSolid(mesh, multiView.photoCamera!, sample.camera, known);
        result.solid = { ...shape, ...measureViews(multiView.views, known) };
        const strip = drawMeshStrip(mesh, drawViewsStrip(multiView.views));
        await store.write(`${folder}${variant}.jpg`, await codec.encodeJpeg(strip, 88));
      } catch (error) {
        // what the stages foresee may happen to a hard sample; a fault of the machine or of ours ends the evaluation
        const foreseen = error instanceof GestaltError && ['no-surface', 'numerical', 'empty-mask'].includes(error.code);
        if (isAbort(error, signal) || !foreseen) throw error;
        result.solid = measureNothing(known);
        result.failure = error.message;
      }
    await writeRecord(store, `${folder}${variant}.json`, key, result);
    results[variant] = result;
  }
  return { results, milliseconds: Math.round(performance.now() - started) };
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function opaqueRgba({ photo }: EvaluationSample) {
  const { width, height } = photo;
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) data[i * 4 + c] = photo.data[i * 3 + c];
  return { width, height, channels: 4 as const, data };
}
