import {
  type Asset,
  type CompletionSet,
  createRng,
  GestaltError,
  type ImageCodec,
  type Mask,
  type MeshInput,
  type MultiView,
  type MultiViewInput,
  type Prompt,
  PromptMissingError,
  type RgbaImage,
  RunFolderError,
  reframeCamera,
  type Segmentation,
  STAGE_NAMES,
  type Stage,
  type StageArtifacts,
  type StageContext,
  type StageEvent,
  type StageName,
  type Surface,
  type View,
  withAlpha,
} from '@gestalt3d/core';
import type { Sampler } from '@gestalt3d/diffusion';
import type { ViewsOptions } from '@gestalt3d/multiview';
import { type ArtifactFormat, fromJson, readJson, toJson } from './artifacts/artifact-format.ts';
import { assetFormat } from './artifacts/asset-format.ts';
import { type CompletionsFile, completionName, completionsFormat } from './artifacts/completions-format.ts';
import { multiViewFormat } from './artifacts/multi-view-format.ts';
import { loadMask, segmentationFormat } from './artifacts/segmentation-format.ts';
import { surfaceFormat } from './artifacts/surface-format.ts';
import { assetRecord } from './asset-record.ts';
import { drawContactSheet } from './contact-sheet.ts';
import { type ModelRecord, type RunFolder, sha256 } from './run-folder.ts';
import type { RunOptions } from './run-options.ts';

/** The options that decide which model is behind a stage. */
export type ModelChoice = Pick<RunOptions, 'segmenter' | 'completionModel' | 'views'>;

/** What an imported diffusion model takes beside what every model behind its stage does. */
interface SamplerOptions {
  steps: number | null;
  guidance: number | null;
  sampler: Sampler;
}

/**
 * The stages, each made when it is first needed, so that a run that reuses a stage does not load its model.
 * Without a choice: the models that ship.
 */
export interface PipelineStages {
  segment(choice?: ModelChoice): Promise<Stage<{ photo: RgbaImage; prompt: Prompt }, Segmentation, object>>;
  complete(
    choice?: ModelChoice,
  ): Promise<
    Stage<{ photo: RgbaImage; mask: Mask }, CompletionSet, { samples: number; frame?: 'photo' | 'object' } & Partial<SamplerOptions>>
  >;
  views(
    choice?: ModelChoice,
  ): Promise<Stage<MultiViewInput, MultiView, { elevationDeg: number | null; member?: ViewsOptions['member'] } & Partial<SamplerOptions>>>;
  reconstruct(): Promise<Stage<{ views: View[] }, Surface, { preset: RunOptions['preset'] }>>;
  mesh(): Promise<Stage<MeshInput, Asset, Pick<RunOptions, 'triangles' | 'maxBytes' | 'compress' | 'printable' | 'sizeMm'>>>;
}

export interface PipelineDeps {
  stages: PipelineStages;
  codec: ImageCodec;
  /** Version of a stage's code and hash of its model; together with options and inputs they decide whether a result is reused. */
  identity(stage: StageName, choice?: ModelChoice): Promise<string>;
  /** The model behind a stage, if there is one. */
  modelOf(stage: StageName, choice?: ModelChoice): Promise<ModelRecord | undefined>;
  /** Version of the software, for the record in the asset. */
  version: string;
  context: Pick<StageContext, 'spawnWorker' | 'threads'>;
  /** The device that `options.device` stands for; asked once per run, before the first stage that uses it. */
  openGpu(device: RunOptions['device']): Promise<GPUDevice | null>;
  /** What run.json says about the machine and the versions. */
  describeHost(): Record<string, unknown>;
}

export interface RunRequest {
  /** New input; without it the folder's own is used. */
  photo?: RgbaImage;
  prompt?: Prompt;
  options: RunOptions;
  /** Repeats this stage and all after it. */
  from?: StageName;
  /** Last stage to run; default mesh. */
  until?: StageName;
  /** First stage to run, default segment; the stages before it must be finished in the folder, whatever they followed from. */
  first?: StageName;
}

export interface RunResult {
  stages: Partial<Record<StageName, { milliseconds: number; reused: boolean }>>;
  /** report.json, where the mesh stage was part of the run. */
  report?: Asset['report'];
}

const PROMPT_FILE = 'prompt.json';
const PROMPT_MASK_FILE = 'prompt-mask.png';

/** Writes the input of a run; what already lies there unchanged is left alone. */
async function storeInput(folder: RunFolder, codec: ImageCodec, photo: RgbaImage | undefined, prompt: Prompt | undefined): Promise<void> {
  if (photo) await folder.store.write('input.png', await codec.encodePng(photo));
  if (!prompt) return;
  const { mask, ...json } = prompt;
  if (mask) await folder.store.write(PROMPT_MASK_FILE, await codec.encodePng(mask));
  else await folder.store.remove(PROMPT_MASK_FILE);
  await folder.store.write(PROMPT_FILE, toJson(json));
}

/** Prompt of a run folder. @throws PromptMissingError */
export async function loadPrompt(folder: RunFolder, codec: ImageCodec): Promise<Prompt> {
  const prompt = await readJson<Prompt>(folder.store, PROMPT_FILE);
  if (!prompt) throw new PromptMissingError();
  const mask = await folder.store.read(PROMPT_MASK_FILE);
  return mask ? { ...prompt, mask: await loadMask(mask, PROMPT_MASK_FILE, codec) } : prompt;
}

/** Makes posed views from elsewhere the finished `views` stage of a folder, so that the chain goes on from `reconstruct`. */
export async function importViews(folder: RunFolder, views: View[], codec: ImageCodec): Promise<void> {
  const files = await multiViewFormat.save({ views, elevationDeg: 0 }, codec);
  await folder.commit('views', 'imported', files, 0);
}

/** Options that a stage's own work depends on. */
const STAGE_OPTIONS: Record<StageName, readonly (keyof RunOptions)[]> = {
  segment: ['segmenter'],
  complete: ['samples', 'seed', 'completionModel', 'completionFrame', 'completionSteps', 'completionGuidance', 'completionSampler'],
  views: ['completion', 'elevationDeg', 'views', 'viewsSteps', 'viewsGuidance', 'viewsSampler'],
  reconstruct: ['preset'],
  mesh: ['triangles', 'maxBytes', 'compress', 'printable', 'sizeMm'],
};

const optionsOf = (stage: StageName, options: RunOptions): Partial<RunOptions> =>
  Object.fromEntries(STAGE_OPTIONS[stage].map((name) => [name, options[name]]));

/** What the complete stage is asked for beside the number of samples. */
const completionSettings = (options: RunOptions): { frame: 'photo' | 'object' } & SamplerOptions => ({
  frame: options.completionFrame,
  steps: options.completionSteps,
  guidance: options.completionGuidance,
  sampler: options.completionSampler,
});

const viewsSettings = (options: RunOptions): SamplerOptions => ({
  steps: options.viewsSteps,
  guidance: options.viewsGuidance,
  sampler: options.viewsSampler,
});

/** One step of the chain: what its result follows from, how it runs, how it is kept. */
interface Step<N extends StageName> {
  /** Everything the result depends on beside the stage's identity. */
  fingerprint(): Promise<unknown>;
  run(context: StageContext): Promise<StageArtifacts[N]>;
  /** Files of the result. */
  save(value: StageArtifacts[N]): Promise<Map<string, Uint8Array>>;
}

/**
 * Runs the chain in a run folder, reusing every stage whose inputs, options, version and model are as they were.
 * @throws the signal's reason when aborted; a GestaltError with its `stage` set otherwise
 */
export async function runPipeline(
  folder: RunFolder,
  request: RunRequest,
  deps: PipelineDeps,
  signal: AbortSignal,
  onEvent: (event: StageEvent) => void,
): Promise<RunResult> {
  const { codec } = deps;
  const { options } = request;
  const startedAt = new Date();
  await storeInput(folder, codec, request.photo, request.prompt);

  const load = async <T>(format: ArtifactFormat<T>, stage: StageName): Promise<T> => {
    if (!folder.record(stage))
      throw new RunFolderError(`a finished ${stage} stage in ${folder.store.location}`, 'none', `run gestalt3d ${stage} on it first`);
    return format.load((name) => folder.read(name), codec);
  };
  const loadPhoto = async () => codec.decode(await folder.read('input.png'), 'input.png');
  const hashOf = async (name: string) => {
    const bytes = await folder.store.read(name);
    return bytes ? sha256(bytes) : null;
  };
  const completionsFile = async () => fromJson<CompletionsFile>(await folder.read('completions.json'));
  const cropOf = async () => (await completionsFile()).crop;
  const chosenIndex = async () => options.completion ?? (await completionsFile()).closestToVote;
  const chosenName = async () => completionName(await chosenIndex());
  let gpu: Promise<GPUDevice | null> | undefined;

  /** The photograph and the chosen completion as textured sources, if this run has them. */
  const loadSources = async (multiView: MultiView): Promise<Pick<MeshInput, 'photo' | 'completion'>> => {
    const { photoCamera } = multiView;
    if (!photoCamera) return {};
    const photo = await loadPhoto();
    const { mask } = await load(segmentationFormat, 'segment');
    const crop = await cropOf();
    const name = await chosenName();
    const completion = await codec.decode(await folder.read(name), name);
    const scale = completion.width / crop.size;
    const frame = { scale, dx: -crop.x * scale, dy: -crop.y * scale, width: completion.width, height: completion.height };
    return {
      photo: { image: withAlpha(photo, mask), camera: photoCamera },
      completion: { image: completion, camera: reframeCamera(photoCamera, frame) },
    };
  };

  /** What asset.extras says about how the asset came about. */
  const makeRecord = async (): Promise<Record<string, unknown>> => {
    const { photoCamera } = await load(multiViewFormat, 'views');
    const models = Object.fromEntries(STAGE_NAMES.map((name) => [name, folder.record(name)?.model] as const).filter(([, model]) => model));
    const input = photoCamera ? { photo: await loadPhoto(), prompt: await loadPrompt(folder, codec) } : {};
    // a stage that was not repeated keeps the options it was made with
    const made = STAGE_NAMES.filter((name) => name !== 'mesh').map((name) => folder.record(name)?.options);
    return assetRecord({ ...input, options: Object.assign({ ...options }, ...made), version: deps.version, models }, codec);
  };

  const steps: { [N in StageName]: Step<N> } = {
    segment: {
      fingerprint: async () => [await hashOf('input.png'), await hashOf(PROMPT_FILE), await hashOf(PROMPT_MASK_FILE)],
      run: async (context) => {
        const stage = await deps.stages.segment(options);
        return stage.run({ photo: await loadPhoto(), prompt: await loadPrompt(folder, codec) }, stage.defaults, context);
      },
      save: (value) => segmentationFormat.save(value, codec),
    },
    complete: {
      fingerprint: async () => [
        await hashOf('input.png'),
        folder.fileHash('segment', 'mask.png'),
        options.samples,
        options.seed,
        ...(options.completionModel === 'embedded' ? [] : [completionSettings(options)]),
      ],
      run: async (context) => {
        const stage = await deps.stages.complete(options);
        const { mask } = await load(segmentationFormat, 'segment');
        const imported = options.completionModel === 'embedded' ? {} : completionSettings(options);
        return stage.run({ photo: await loadPhoto(), mask }, { ...stage.defaults, samples: options.samples, ...imported }, context);
      },
      save: (value) => completionsFormat.save(value, codec),
    },
    views: {
      fingerprint: async () => [
        folder.fileHash('complete', await chosenName()),
        await cropOf(),
        options.elevationDeg,
        options.views,
        options.seed,
        ...(options.views === 'syncdreamer' ? [viewsSettings(options)] : []),
      ],
      run: async (context) => {
        const stage = await deps.stages.views(options);
        const { width, height } = await loadPhoto();
        const name = await chosenName();
        const completion = await codec.decode(await folder.read(name), name);
        const input = { completion, crop: await cropOf(), photo: { width, height } };
        const own = options.views === 'syncdreamer' ? viewsSettings(options) : { member: options.views };
        return stage.run(input, { ...stage.defaults, elevationDeg: options.elevationDeg, ...own }, context);
      },
      save: (value) => multiViewFormat.save(value, codec),
    },
    reconstruct: {
      fingerprint: async () => [folder.record('views')?.files, options.preset, options.seed],
      run: async (context) => {
        const stage = await deps.stages.reconstruct();
        const { views } = await load(multiViewFormat, 'views');
        gpu ??= deps.openGpu(options.device);
        return stage.run({ views }, { ...stage.defaults, preset: options.preset }, { ...context, gpu: await gpu });
      },
      save: (value) => surfaceFormat.save(value, codec),
    },
    mesh: {
      fingerprint: async () => [
        await makeRecord(),
        folder.record('views')?.files,
        folder.record('reconstruct')?.files,
        folder.record('segment')?.files,
        folder.record('complete')?.files[folder.record('complete') ? await chosenName() : ''] ?? null,
        options.triangles,
        options.maxBytes,
        options.compress,
        options.printable,
        options.sizeMm,
      ],
      run: async (context) => {
        const stage = await deps.stages.mesh();
        const multiView = await load(multiViewFormat, 'views');
        const surface = await load(surfaceFormat, 'reconstruct');
        const input = { surface, views: multiView.views, ...(await loadSources(multiView)), record: await makeRecord() };
        const { triangles, maxBytes, compress, printable, sizeMm } = options;
        return stage.run(input, { ...stage.defaults, triangles, maxBytes, compress, printable, sizeMm }, context);
      },
      save: async (value) => {
        const files = await assetFormat.save(value, codec);
        const multiView = await load(multiViewFormat, 'views');
        const completions = multiView.photoCamera ? await load(completionsFormat, 'complete') : undefined;
        const photo = multiView.photoCamera
          ? {
              image: await loadPhoto(),
              prompt: await loadPrompt(folder, codec),
              mask: (await load(segmentationFormat, 'segment')).mask,
            }
          : undefined;
        const sheet = drawContactSheet({ photo, completions, chosen: completions ? await chosenIndex() : 0, multiView, mesh: value.mesh });
        return files.set('contact-sheet.png', await codec.encodePng(sheet));
      },
    },
  };

  const rng = createRng(options.seed);
  const result: RunResult = { stages: {} };
  const runStep = async <N extends StageName>(name: N, repeat: boolean): Promise<void> => {
    signal.throwIfAborted();
    const step: Step<N> = steps[name];
    const emit: StageContext['emit'] = (message) => onEvent({ stage: name, ...message } as StageEvent);
    const key = await sha256(toJson([name, await deps.identity(name, options), await step.fingerprint()]));
    if (!repeat && (await folder.isFinished(name, key))) {
      result.stages[name] = { milliseconds: folder.record(name)!.milliseconds, reused: true };
      emit({ kind: 'end', milliseconds: folder.record(name)!.milliseconds, reused: true });
      return;
    }
    emit({ kind: 'start' });
    const start = performance.now();
    const context: StageContext = { signal, emit, rng: rng.fork(name), gpu: null, ...deps.context };
    const value = await step.run(context);
    signal.throwIfAborted();
    const files = await step.save(value);
    const milliseconds = Math.round(performance.now() - start);
    const model = await deps.modelOf(name, options);
    await folder.commit(name, key, files, milliseconds, { ...(model && { model }), options: optionsOf(name, options) });
    result.stages[name] = { milliseconds, reused: false };
    emit({ kind: 'end', milliseconds, reused: false });
  };

  const last = STAGE_NAMES.indexOf(request.until ?? 'mesh');
  const repeatFrom = request.from ? STAGE_NAMES.indexOf(request.from) : STAGE_NAMES.length;
  const names = STAGE_NAMES.slice(STAGE_NAMES.indexOf(request.first ?? 'segment'), last + 1);
  for (const name of names) {
    try {
      await runStep(name, STAGE_NAMES.indexOf(name) >= repeatFrom);
    } catch (error) {
      if (error instanceof GestaltError) error.stage ??= name;
      throw error;
    }
  }
  await folder.store.write(
    'run.json',
    toJson({
      options,
      startedAt: startedAt.toISOString(),
      milliseconds: Date.now() - startedAt.getTime(),
      stages: Object.fromEntries(
        STAGE_NAMES.filter((name) => folder.record(name)).map((name) => [name, { ...result.stages[name], ...folder.record(name) }]),
      ),
      host: deps.describeHost(),
    }),
  );
  if (last === STAGE_NAMES.indexOf('mesh')) result.report = fromJson<Asset['report']>(await folder.read('report.json'));
  return result;
}
