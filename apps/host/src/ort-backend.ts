import { freemem } from 'node:os';
import { DeviceUnavailableError } from '@gestalt3d/core';
import type { Device, InferenceBackend, Provider } from '@gestalt3d/onnx';
import { env, InferenceSession, listSupportedBackends } from 'onnxruntime-node';
import { loadLibrary } from './gpu-device.ts';

export interface OrtBackendOptions {
  device: Device;
  /** Threads inside one operator; ONNX Runtime chooses when absent. */
  threads?: number;
  /** Whether this machine has a GPU that is not emulated in software; only then `auto` leaves the CPU. */
  realGpu?: boolean;
}

/** y = 1 / x, the smallest graph that shows whether a provider starts here. */
const PROBE_GRAPH = Buffer.from(
  'CAg6RAoSCgF4EgF5IgpSZWNpcHJvY2FsEgpyZWNpcHJvY2FsWhAKAXgSCwoJCAESBQoDEgFOYhAKAXkSCwoJCAESBQoDEgFOQgQKABAR',
  'base64',
);

/**
 * ONNX Runtime for Node. `provider` of the result says what runs.
 * @throws DeviceUnavailableError when webgpu or cuda is asked for and does not start here
 */
export async function createOrtBackend(options: OrtBackendOptions): Promise<InferenceBackend> {
  const { device, realGpu = false } = options;
  // what fails arrives as an exception; the runtime's own lines would mix with the program's output
  env.logLevel = 'fatal';
  if (device === 'cpu' || (device === 'auto' && !realGpu)) return backendOf('cpu', options);
  for (const provider of device === 'auto' ? (['cuda', 'webgpu'] as const) : [device]) {
    const reason = await whyNot(provider, options);
    if (reason === undefined) return backendOf(provider, options);
    if (device !== 'auto') throw new DeviceUnavailableError(device, reason);
  }
  return backendOf('cpu', options);
}

function backendOf(provider: Provider, options: OrtBackendOptions): InferenceBackend {
  return {
    provider,
    freeBytes,
    createSession: (model, externalData) => InferenceSession.create(model, { ...sessionOptions(provider, options), externalData }),
    openFile: (path) => InferenceSession.create(path, sessionOptions(provider, options)),
  };
}

/** What the system, and the container if there is one, still gives. */
function freeBytes(): number {
  // in Node from 20.13 on; without it the limit of a container is not seen
  const { availableMemory } = process as { availableMemory?: () => number };
  return availableMemory?.() ?? freemem();
}

function sessionOptions(provider: Provider, { threads }: OrtBackendOptions): InferenceSession.SessionOptions {
  return {
    // operators that a GPU provider lacks run on the CPU
    executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    // a plan for all results at once would hold every weight that is unpacked from 8 bits at the same time
    enableMemPattern: false,
    interOpNumThreads: 1,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    logSeverityLevel: 4,
    // waiting threads sleep: a spinning one takes a core from whoever else computes on a small machine
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

/** Why a provider does not run on this machine; undefined when it does. */
async function whyNot(provider: 'webgpu' | 'cuda', options: OrtBackendOptions): Promise<string | undefined> {
  if (!listSupportedBackends().some((backend) => backend.name === provider))
    return `this build of ONNX Runtime has no ${provider} provider`;
  if (provider === 'webgpu' && process.platform === 'linux') {
    // the runtime's own attempt would print a warning
    const reason = loadLibrary('libvulkan.so.1');
    if (reason) return `no Vulkan loader: ${reason}`;
  }
  try {
    const session = await InferenceSession.create(PROBE_GRAPH, { ...sessionOptions(provider, options), executionProviders: [provider] });
    await session.release();
    return undefined;
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 160);
  }
}

/** The providers that start on this machine, cpu first. */
export async function supportedProviders(): Promise<Provider[]> {
  env.logLevel = 'fatal';
  const providers: Provider[] = ['cpu'];
  for (const provider of ['webgpu', 'cuda'] as const)
    if ((await whyNot(provider, { device: provider })) === undefined) providers.push(provider);
  return providers;
}
