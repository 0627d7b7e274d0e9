/** What `GPUAdapterInfo` tells, plus what native implementations add to it. */
export interface AdapterDescription {
  vendor?: string;
  architecture?: string;
  device?: string;
  description?: string;
  /** Some native bindings say 'CPU', 'discrete GPU' and the like. */
  adapterType?: string;
  isFallbackAdapter?: boolean;
}

/** Names under which rasterisers that compute on the CPU call themselves. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|software ?rasterizer|basic render|\bwarp\b/i;

/**
 * True for a driver that computes on the CPU: SwiftShader, llvmpipe, lavapipe, WARP. Such a device is right and slow
 * (it shares the cores with our WebAssembly, which is made for them), so `auto` never takes it for a GPU.
 */
export function isSoftwareAdapter(info: AdapterDescription): boolean {
  if (info.isFallbackAdapter || info.adapterType?.toLowerCase() === 'cpu') return true;
  return [info.vendor, info.architecture, info.device, info.description].some((text) => text !== undefined && SOFTWARE.test(text));
}

/** One line for people: vendor, architecture, and the driver's own words. */
export function adapterLabel(info: AdapterDescription): string {
  const parts = [info.vendor, info.architecture, info.description || info.device].filter((part) => part);
  return parts.length > 0 ? parts.join(', ') : 'unnamed adapter';
}
