import type { SurfaceField } from '@gestalt3d/core';
import { openField } from '../field.ts';
import { marchFieldSlab } from './field-slab.ts';
import type { FieldGrid } from './narrow-band.ts';
import { shadeVertices, type VertexShade } from './shade-vertices.ts';
import { marchSlab, type SurfaceSlab } from './slab-marcher.ts';
import type { Support } from './support.ts';
import type { WorkerReply } from './worker-pool.ts';

/** Requests of the isosurface's workers; each is answered with a WorkerReply. */
export type IsosurfaceRequest =
  /** Cells below layers [from, to) of a grid; `data` begins with layer `firstLayer`. -> SurfaceSlab */
  | {
      kind: 'grid-slab';
      size: readonly [number, number, number];
      iso: number;
      from: number;
      to: number;
      data: Float32Array;
      firstLayer: number;
    }
  /** Keeps a field for the requests that follow. */
  | { kind: 'open'; field: SurfaceField; resolution: number; support: Support | undefined }
  /** A slab of the field's zero level. -> SurfaceSlab */
  | { kind: 'field-slab'; slab: number }
  /** Attributes of vertices in the world. -> VertexShade */
  | { kind: 'shade'; positions: Float32Array; step: number };

/** The face of a browser's worker scope; in Node the app's worker bootstrap puts the same two names on globalThis. */
interface WorkerScope {
  onmessage: ((event: { data: IsosurfaceRequest }) => void) | null;
  postMessage(message: WorkerReply, transfer?: ArrayBuffer[]): void;
}
const scope = globalThis as unknown as WorkerScope;

let grid: FieldGrid | undefined;

async function handle(request: IsosurfaceRequest): Promise<{ result: SurfaceSlab | VertexShade | undefined; transfer: ArrayBuffer[] }> {
  switch (request.kind) {
    case 'grid-slab': {
      const { size, iso, from, to, data, firstLayer } = request;
      const area = size[0] * size[1];
      return slabReply(
        marchSlab(size, iso, from, to, (z, out) => out.set(data.subarray((z - firstLayer) * area, (z - firstLayer + 1) * area))),
      );
    }
    case 'open':
      grid = { reader: await openField(request.field), resolution: request.resolution, support: request.support };
      return { result: undefined, transfer: [] };
    case 'field-slab': {
      const steps = marchFieldSlab(grid!, request.slab);
      let step = steps.next();
      while (!step.done) step = steps.next();
      return slabReply(step.value);
    }
    case 'shade': {
      const result = shadeVertices(grid!.reader, request.positions, request.step);
      return { result, transfer: [result.normals.buffer as ArrayBuffer, result.colors.buffer as ArrayBuffer] };
    }
    default:
      throw request satisfies never;
  }
}

function slabReply(result: SurfaceSlab): { result: SurfaceSlab; transfer: ArrayBuffer[] } {
  return { result, transfer: [...result.positions, ...result.indices].map((piece) => piece.buffer as ArrayBuffer) };
}

// one after the other: a request may wait for the field that the one before opens
let last: Promise<void> = Promise.resolve();
scope.onmessage = (event) => {
  last = last.then(() =>
    handle(event.data).then(
      ({ result, transfer }) => scope.postMessage({ kind: 'done', result }, transfer),
      (error: unknown) => scope.postMessage({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
    ),
  );
};
