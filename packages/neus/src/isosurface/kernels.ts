import { ISOSURFACE_WASM } from '../wasm/isosurface.generated.ts';
import { CASE_BYTES, caseTable } from './cases.ts';

/** Exports of assembly/isosurface.ts. Addresses are bytes in the instance's own memory. */
export interface IsosurfaceKernels {
  readonly memory: WebAssembly.Memory;
  configure(width: number, height: number, level: number, ringSize: number, outputBytes: number, base: number): number;
  clear(): void;
  casesAddress(): number;
  pointsAddress(): number;
  trianglesAddress(): number;
  pointBytes(): number;
  triangleBytes(): number;
  vertexCount(): number;
  layerAddress(z: number): number;
  drain(): void;
  sweep(z: number, from: number, first: number, last: number, emit: number): number;
}

/** First byte that is ours: below lies the module's own static data. */
const BASE = 65536;
/** Output that waits in the module before the host takes it, of points and of triangles each. */
const OUTPUT_BYTES = 1 << 20;
const PAGE = 65536;

let module: WebAssembly.Module | undefined;
/** Instances at rest. More than one exists only while surfaces are marched within each other's layers. */
const resting: IsosurfaceKernels[] = [];

/** An instance for a grid of `width` x `height` samples a layer, laid out, empty. Give it back with `releaseKernels`. */
export function acquireKernels(width: number, height: number, iso: number, ring: number): IsosurfaceKernels {
  module ??= new WebAssembly.Module(Uint8Array.from(atob(ISOSURFACE_WASM), (char) => char.charCodeAt(0)));
  const kernels =
    resting.pop() ??
    (new WebAssembly.Instance(module, {
      env: {
        abort: () => {
          throw new Error('WebAssembly kernel aborted');
        },
      },
    }).exports as unknown as IsosurfaceKernels);
  const { memory } = kernels;
  const end = kernels.configure(width, height, iso, ring, OUTPUT_BYTES, BASE);
  if (end > memory.buffer.byteLength) memory.grow(Math.ceil((end - memory.buffer.byteLength) / PAGE));
  kernels.clear();
  new Uint8Array(memory.buffer, kernels.casesAddress(), 256 * CASE_BYTES).set(caseTable());
  return kernels;
}

/** Keeps an instance for the next caller. A wasm memory never shrinks: large ones are left to the garbage collector. */
export function releaseKernels(kernels: IsosurfaceKernels): void {
  if (resting.length < 2 && kernels.memory.buffer.byteLength < 64 << 20) resting.push(kernels);
}
