import { readdir } from 'node:fs/promises';
import os from 'node:os';
import { adapterLabel, isSoftwareAdapter, type KernelFeature } from '@gestalt3d/gpu';

/** An open device. Close it when the run ends: the process does not end by itself while Dawn lives. */
export interface OpenedGpu {
  device: GPUDevice;
  adapterInfo: GPUAdapterInfo;
  /** One line for people. */
  label: string;
  /** The driver computes on the CPU. */
  software: boolean;
  /** Destroys the device and lets Dawn go. Safe to call twice. */
  close(): void;
}

/** Larger bindings than the guaranteed 128 MiB are asked for where offered, up to this: many or large views need them. */
const BINDING_BYTES = 1024 ** 3;

/** Asked for where offered. */
const VARIANTS: KernelFeature[] = ['subgroups', 'shader-f16'];

/** RTLD_NODELETE of glibc and musl, which Node does not name: the library stays although it is no Node addon. */
export const RTLD_NODELETE = 0x1000;

/**
 * Loads a shared library for whoever asks for it by name later. Node complains that it is no addon, after it has loaded it.
 * @returns undefined, or why it did not load
 */
export function loadLibrary(pathOrName: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, pathOrName, os.constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!message.includes('self-register')) return message;
  }
  return undefined;
}

/** Linux: render nodes of DRM drivers, NVIDIA's own nodes, and WSL's. */
async function hasGpuNode(): Promise<boolean> {
  const [devices, dri] = await Promise.all(['/dev', '/dev/dri'].map((folder) => readdir(folder).catch(() => [])));
  return dri!.some((name) => name.startsWith('renderD')) || devices!.some((name) => /^(nvidia\d+|dxg|kgsl-3d0|mali0)$/.test(name));
}

/**
 * Opens the machine's GPU through Dawn (npm `webgpu`: Vulkan, Metal or Direct3D 12).
 * @param kind 'auto': a real GPU or nothing. 'webgpu': a software device will do.
 * @param onMissing is told why there is none
 * @returns null where there is none; never throws for that
 */
export async function openGpuDevice(kind: 'auto' | 'webgpu', onMissing: (reason: string) => void = () => {}): Promise<OpenedGpu | null> {
  if (process.platform === 'linux') {
    // a look at the device nodes spares a machine without GPU the loading of Dawn, and the loader's complaints on its stderr
    if (kind === 'auto' && !(await hasGpuNode())) {
      onMissing('no GPU device node in /dev');
      return null;
    }
    // Dawn would print a warning of its own
    const reason = loadLibrary('libvulkan.so.1');
    if (reason) {
      onMissing(`no Vulkan loader: ${reason}`);
      return null;
    }
  }
  try {
    const { create } = await import('webgpu');
    // the instance lives as long as something refers to it: `close` does
    let instance: GPU | undefined = create([]);
    const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) {
      onMissing('WebGPU finds no adapter: no driver, or one that is too old');
      return null;
    }
    const adapterInfo = adapter.info;
    const software = isSoftwareAdapter(adapterInfo);
    if (software && kind === 'auto') {
      onMissing(`only a software driver: ${adapterLabel(adapterInfo)}`);
      return null;
    }
    const device = await adapter.requestDevice({
      label: 'gestalt3d',
      // kernels that have a variant for it take it
      requiredFeatures: VARIANTS.filter((feature) => adapter.features.has(feature)),
      requiredLimits: {
        maxStorageBufferBindingSize: Math.min(adapter.limits.maxStorageBufferBindingSize, BINDING_BYTES),
        maxBufferSize: Math.min(adapter.limits.maxBufferSize, BINDING_BYTES),
      },
    });
    const close = () => {
      if (!instance) return;
      device.destroy();
      instance = undefined;
    };
    return { device, adapterInfo, label: adapterLabel(adapterInfo), software, close };
  } catch (error) {
    onMissing(error instanceof Error ? error.message : String(error));
    return null;
  }
}
