import { readdir, readFile } from 'node:fs/promises';
import { cpus, freemem, version as osVersion, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCompleteStage, createSegmentStage } from '@gestalt3d/amodal';
import { DeviceUnavailableError, GestaltError, type StageEvent, type StageName } from '@gestalt3d/core';
import { adapterLabel } from '@gestalt3d/gpu';
import { createMeshStage } from '@gestalt3d/mesh';
import { createViewsStage } from '@gestalt3d/multiview';
import { reconstructStage } from '@gestalt3d/neus';
import { type InferenceBackend, ModelBundle } from '@gestalt3d/onnx';
import {
  type DeviceChoice,
  type PipelineDeps,
  type PipelineStages,
  type RunFolder,
  type RunRequest,
  type RunResult,
  runPipeline,
} from '@gestalt3d/pipeline';
import { createFileStore } from './file-store.ts';
import { type OpenedGpu, openGpuDevice } from './gpu-device.ts';
import { imageCodec } from './image-codec.ts';
import { spawnNodeWorker } from './node-worker.ts';
import { createOrtBackend, supportedProviders } from './ort-backend.ts';

export interface EngineOptions {
  /** Folder with one folder a bundle. Default: the repository's models/. */
  modelsDir?: string;
}

export interface ModelSummary {
  id: string;
  revision: string;
  licence: string;
  sizeBytes: number;
  /** `ok`, or what is wrong with it. */
  state: string;
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

/** All stages on this machine. One engine serves many runs; its devices and models are opened when first needed. */
export interface Engine {
  /** @throws as runPipeline */
  run(folder: RunFolder, request: RunRequest, signal: AbortSignal, onEvent: (event: StageEvent) => void): Promise<RunResult>;
  /** The stages of a device and all they need, for tools that chain them in another way. */
  toolkit(device: DeviceChoice): PipelineDeps;
  models(): Promise<ModelSummary[]>;
  doctor(): Promise<DoctorReport>;
  close(): Promise<void>;
}

const VERSION = '0.1.0';

/** Folder of each stage's bundle below the models' folder. */
const BUNDLE: Partial<Record<StageName, string>> = { segment: 'segment', complete: 'complete', views: 'views' };

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
  const loadBundle = memoize((name: string) => ModelBundle.load(createFileStore(join(modelsDir, name))));
  const openGpu = memoize<'auto' | 'webgpu', OpenedGpu | null>((kind) => openGpuDevice(kind));
  const openBackend = memoize<DeviceChoice, InferenceBackend>(async (device) => {
    const gpu = device === 'auto' ? await openGpu('auto') : null;
    return createOrtBackend({ device, threads, realGpu: gpu !== null && !gpu.software });
  });

  const stagesFor = (device: DeviceChoice): PipelineStages => ({
    segment: async () => createSegmentStage({ model: { bundle: await loadBundle('segment'), backend: await openBackend(device) } }),
    complete: async () => createCompleteStage({ bundle: await loadBundle('complete'), backend: await openBackend(device) }),
    views: async () => createViewsStage(await loadBundle('views'), await openBackend(device)),
    reconstruct: async () => reconstructStage,
    mesh: async () => createMeshStage({ codec: imageCodec }),
  });

  /** The GPU that a choice of device means for the stages with kernels of our own; null: the CPU path. */
  const gpuFor = async (device: DeviceChoice): Promise<GPUDevice | null> => {
    if (device === 'cpu' || device === 'cuda') return null;
    const gpu = await openGpu(device);
    if (device === 'webgpu' && !gpu) throw new DeviceUnavailableError('webgpu', 'no WebGPU adapter was found');
    return gpu && (device === 'webgpu' || !gpu.software) ? gpu.device : null;
  };

  const models = async (): Promise<ModelSummary[]> => {
    const names = await readdir(modelsDir, { withFileTypes: true }).catch(() => []);
    const summaries: ModelSummary[] = [];
    for (const entry of names) {
      if (!entry.isDirectory()) continue;
      const known = Object.values(BUNDLE).includes(entry.name);
      const hasManifest = await readFile(join(modelsDir, entry.name, 'bundle.json')).then(
        () => true,
        () => false,
      );
      if (!known && !hasManifest) continue;
      try {
        const { manifest } = await loadBundle(entry.name);
        const sizeBytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
        summaries.push({ id: manifest.id, revision: String(manifest.revision), licence: manifest.licence, sizeBytes, state: 'ok' });
      } catch (error) {
        if (!(error instanceof GestaltError)) throw error;
        summaries.push({ id: entry.name, revision: '-', licence: '-', sizeBytes: 0, state: error.message });
      }
    }
    return summaries;
  };

  const processor = (): { model: string; threads: number } => ({ model: cpus()[0]?.model.trim() ?? 'unknown', threads });

  const toolkit = (device: DeviceChoice): PipelineDeps => {
    const stages = stagesFor(device);
    const version: Partial<Record<StageName, string>> = {};
    return {
      stages,
      codec: imageCodec,
      identity: async (stage) => {
        const bundle = BUNDLE[stage];
        if (version[stage] === undefined) {
          const { version: code, defaults } = await stages[stage]();
          version[stage] = [code, bundle ? (await loadBundle(bundle)).hash : '', JSON.stringify(defaults)].filter(Boolean).join(' ');
        }
        return version[stage];
      },
      modelOf: async (stage) => {
        const name = BUNDLE[stage];
        if (!name) return undefined;
        const { manifest, hash } = await loadBundle(name);
        return { id: manifest.id, revision: String(manifest.revision), licence: manifest.licence, sha256: hash };
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
      return runPipeline(folder, request, toolkit(request.options.device), signal, onEvent);
    },
    toolkit,
    models,
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
        models: await models(),
      };
    },
    async close() {
      for (const gpu of await openGpu.settled()) gpu?.close();
    },
  };
}
