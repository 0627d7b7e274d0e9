import { cpus, freemem, version as osVersion, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  createCompleteStage,
  createPix2gestaltStage,
  createSamStage,
  createSegmentStage,
  RECOGNISE_PROMPT,
  type Recognition,
  recognise,
  recogniseEmbedded,
} from '@gestalt3d/amodal';
import { DeviceUnavailableError, type Image, STAGE_NAMES, type StageEvent, type StageName } from '@gestalt3d/core';
import { adapterLabel } from '@gestalt3d/gpu';
import { createMeshStage } from '@gestalt3d/mesh';
import { createSyncDreamerStage, createViewsStage } from '@gestalt3d/multiview';
import { reconstructStage } from '@gestalt3d/neus';
import type { InferenceBackend, ModelBundle } from '@gestalt3d/onnx';
import {
  type DeviceChoice,
  type ModelChoice,
  type ModelRecord,
  type PipelineDeps,
  type PipelineStages,
  type RunFolder,
  type RunRequest,
  type RunResult,
  runPipeline,
} from '@gestalt3d/pipeline';
import { type OpenedGpu, openGpuDevice } from './gpu-device.ts';
import { imageCodec } from './image-codec.ts';
import { bundleOf, expectInstalled, listModels, loadModel, type ModelSummary, type Recogniser, recogniserOf } from './models.ts';
import { spawnNodeWorker } from './node-worker.ts';
import { createOrtBackend, supportedProviders } from './ort-backend.ts';

export interface EngineOptions {
  /** Folder with one folder a bundle. Default: the repository's models/. */
  modelsDir?: string;
}

export interface DoctorReport {
  platform: string;
  node: string;
  cpu: { model: string; threads: number };
  memory: { totalBytes: number; freeBytes: number };
  gpu: { description: string; software: boolean } | null;
  providers: string[];
  /** Where a surface is fitted with --device auto. */
  surfaceDevice: string;
  models: ModelSummary[];
}

export interface RecognitionRequest {
  recogniser: Recogniser;
  /** CLIP needs them; the embedded recogniser falls back on the names that it was trained with. */
  labels?: readonly string[];
  /** CLIP's alone: what a text says of a label, with `{}` where it goes. Default: RECOGNISE_PROMPT */
  prompt?: string;
}

/** All stages on this machine. One engine serves many runs; its devices and models are opened when first needed. */
export interface Engine {
  /** @throws as runPipeline */
  run(folder: RunFolder, request: RunRequest, signal: AbortSignal, onEvent: (event: StageEvent) => void): Promise<RunResult>;
  /** The stages of a device and all they need, for tools that chain them in another way. */
  toolkit(device: DeviceChoice): PipelineDeps;
  /** The recogniser of that name; without one CLIP where it is imported, else the embedded. @throws OptionError for another name */
  recogniser(choice?: string): Promise<Recogniser>;
  /** What pictures show: all labels for each, the likeliest first. @throws ModelNotImportedError, as `recognise` and `recogniseEmbedded` */
  recognise(
    pictures: readonly Image<3 | 4>[],
    request: RecognitionRequest,
    device: DeviceChoice,
    signal: AbortSignal,
  ): Promise<Recognition[][]>;
  models(): Promise<ModelSummary[]>;
  doctor(): Promise<DoctorReport>;
  close(): Promise<void>;
}

const VERSION = '0.1.0';

/** What an asset says about a model that it was made with. */
function recordOf({ manifest, hash }: ModelBundle): ModelRecord {
  const { terms } = manifest;
  const { source } = (manifest.origin ?? {}) as { source?: unknown };
  return {
    id: manifest.id,
    revision: String(manifest.revision),
    licence: manifest.licence,
    ...(typeof terms === 'string' ? { terms } : {}),
    ...(typeof source === 'string' ? { source } : {}),
    sha256: hash,
  };
}

/** Keeps what `make` gave for a key; a failure is not kept. */
function memoize<K, V>(make: (key: K) => Promise<V>): { (key: K): Promise<V>; settled(): Promise<V[]> } {
  const kept = new Map<K, Promise<V>>();
  const get = (key: K): Promise<V> => {
    let value = kept.get(key);
    if (!value) {
      value = make(key);
      kept.set(key, value);
      value.catch(() => kept.delete(key));
    }
    return value;
  };
  return Object.assign(get, {
    settled: async () =>
      (await Promise.allSettled(kept.values())).flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
  });
}

export function createEngine({ modelsDir = fileURLToPath(new URL('../../../models/', import.meta.url)) }: EngineOptions = {}): Engine {
  const threads = Math.max(1, cpus().length);
  const loadBundle = memoize(async (name: string) => {
    await expectInstalled(modelsDir, name);
    return loadModel(modelsDir, name);
  });
  const openGpu = memoize<'auto' | 'webgpu', OpenedGpu | null>((kind) => openGpuDevice(kind));
  const openBackend = memoize<DeviceChoice, InferenceBackend>(async (device) => {
    const gpu = device === 'auto' ? await openGpu('auto') : null;
    return createOrtBackend({ device, threads, realGpu: gpu !== null && !gpu.software });
  });

  const stagesFor = (device: DeviceChoice): PipelineStages => {
    const modelFor = async (stage: StageName, choice?: ModelChoice) => ({
      bundle: await loadBundle(bundleOf(stage, choice)!),
      backend: await openBackend(device),
    });
    return {
      segment: async (choice) => {
        const model = await modelFor('segment', choice);
        return choice?.segmenter === 'sam' ? createSamStage(model) : createSegmentStage({ model });
      },
      complete: async (choice) => {
        const model = await modelFor('complete', choice);
        return choice?.completionModel === 'pix2gestalt' ? createPix2gestaltStage(model) : createCompleteStage(model);
      },
      views: async (choice) => {
        const { bundle, backend } = await modelFor('views', choice);
        return choice?.views === 'syncdreamer' ? createSyncDreamerStage(bundle, backend) : createViewsStage(bundle, backend);
      },
      reconstruct: async () => reconstructStage,
      mesh: async () => createMeshStage({ codec: imageCodec }),
    };
  };

  /** The GPU that a choice of device means for the stages with kernels of our own; null: the CPU path. */
  const gpuFor = async (device: DeviceChoice): Promise<GPUDevice | null> => {
    if (device === 'cpu' || device === 'cuda') return null;
    const gpu = await openGpu(device);
    if (device === 'webgpu' && !gpu) throw new DeviceUnavailableError('webgpu', 'no WebGPU adapter was found');
    return gpu && (device === 'webgpu' || !gpu.software) ? gpu.device : null;
  };

  const processor = (): { model: string; threads: number } => ({ model: cpus()[0]?.model.trim() ?? 'unknown', threads });

  const toolkit = (device: DeviceChoice): PipelineDeps => {
    const stages = stagesFor(device);
    const version: Partial<Record<StageName, string>> = {};
    return {
      stages,
      codec: imageCodec,
      identity: async (stage, choice) => {
        const bundle = bundleOf(stage, choice);
        const { version: code, defaults } = await stages[stage](choice);
        const identity = [code, bundle ? (await loadBundle(bundle)).hash : '', JSON.stringify(defaults)].filter(Boolean).join(' ');
        version[stage] = identity;
        return identity;
      },
      modelOf: async (stage, choice) => {
        const name = bundleOf(stage, choice);
        return name ? recordOf(await loadBundle(name)) : undefined;
      },
      version: VERSION,
      context: { spawnWorker: spawnNodeWorker, threads },
      openGpu: gpuFor,
      describeHost: () => ({
        gestalt3d: VERSION,
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
        cpu: processor(),
        peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
        stages: version,
      }),
    };
  };

  return {
    async run(folder, request, signal, onEvent) {
      // before hours of work, not after
      const { first = 'segment', until = 'mesh' } = request;
      for (const stage of STAGE_NAMES.slice(STAGE_NAMES.indexOf(first), STAGE_NAMES.indexOf(until) + 1)) {
        const bundle = bundleOf(stage, request.options);
        if (bundle) await expectInstalled(modelsDir, bundle);
      }
      return runPipeline(folder, request, toolkit(request.options.device), signal, onEvent);
    },
    toolkit,
    recogniser: (choice) => recogniserOf(modelsDir, choice),
    async recognise(pictures, { recogniser, labels, prompt = RECOGNISE_PROMPT }, device, signal) {
      const model = { bundle: await loadBundle(recogniser === 'clip' ? 'clip' : 'recognise'), backend: await openBackend(device) };
      if (recogniser === 'clip') return recognise(model, pictures, { labels: labels ?? [], prompt }, signal);
      return recogniseEmbedded(model, pictures, labels === undefined ? {} : { labels }, signal);
    },
    models: () => listModels(modelsDir),
    async doctor() {
      const gpu = await openGpu('auto');
      return {
        platform: `${process.platform} ${process.arch}, ${osVersion()}`,
        node: process.version,
        cpu: processor(),
        memory: { totalBytes: totalmem(), freeBytes: freemem() },
        gpu: gpu ? { description: adapterLabel(gpu.adapterInfo), software: gpu.software } : null,
        providers: await supportedProviders(),
        surfaceDevice: gpu && !gpu.software ? 'webgpu' : `cpu (WebAssembly SIMD, ${threads} threads)`,
        models: await listModels(modelsDir),
      };
    },
    async close() {
      for (const gpu of await openGpu.settled()) gpu?.close();
    },
  };
}
