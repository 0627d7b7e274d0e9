import { KERNELS_WASM } from '../wasm/kernels.generated.ts';

/** Exports of assembly/kernels.ts. Addresses are bytes in the module's memory. */
export interface Kernels {
  scratchBytes(): number;
  configure(block: number, scratch: number): void;
  setStep(step: number, activeLevels: number, sharpness: number, tap: number): void;
  prepare(): void;
  train(group: number): void;
  regress(group: number, points: number, count: number, scale: number): void;
  adam(from: number, to: number, learningRate: number, c1: number, c2: number): void;
  updateOccupancy(fromLayer: number, toLayer: number): void;
}

let compiled: Promise<WebAssembly.Module> | undefined;

function compile(): Promise<WebAssembly.Module> {
  compiled ??= WebAssembly.compile(Uint8Array.from(atob(KERNELS_WASM), (char) => char.charCodeAt(0)));
  return compiled;
}

/** An instance of the kernels on a memory; every thread has its own. */
export async function instantiateKernels(memory: WebAssembly.Memory): Promise<Kernels> {
  const abort = () => {
    throw new Error('WebAssembly kernel aborted');
  };
  const instance = await WebAssembly.instantiate(await compile(), { env: { memory, abort } });
  return instance.exports as unknown as Kernels;
}
