import type { Mesh, StageContext } from '@gestalt3d/core';
import { breathe } from '@gestalt3d/core';
import type { FieldReader } from '../field.ts';
import { finishWork, type Work } from '../work.ts';
import { marchFieldSlab, slabCount } from './field-slab.ts';
import type { IsosurfaceRequest } from './isosurface-worker.ts';
import { keepSolids } from './keep-solids.ts';
import type { FieldGrid } from './narrow-band.ts';
import { shadeVertices, type VertexShade } from './shade-vertices.ts';
import { joinSlabs, type SurfaceSlab } from './slab-marcher.ts';
import type { Support } from './support.ts';
import { tautenUnseen } from './tauten-unseen.ts';
import { ISOSURFACE_WORKER } from './threaded-marcher.ts';
import { vertexNormals } from './vertex-normals.ts';
import { WorkerPool, WorkersLostError } from './worker-pool.ts';

export interface ExtractOptions extends Partial<Pick<StageContext, 'signal' | 'spawnWorker' | 'threads'>> {
  /** Samples along the edge of the field's cube, at least 2. */
  resolution: number;
  /** Outside of it there is no surface; absent: everywhere may be. */
  support?: Support;
  /** Where views were taken from, [E, 3] in the world: parts that none of them can have seen are dropped, surface that none of them sees is stretched (`tautenUnseen`). */
  eyes?: Float32Array;
  /** Called as work is done: slabs of layers, then chunks of vertices. */
  onProgress?: (done: number, total: number, doing: 'march' | 'shade') => void;
}

/** Longest time without a look at the signal and at workers' replies on the calling thread, roughly. */
const SLICE_MS = 12;
/** Difference step of the normals, in cells. */
const NORMAL_STEP = 0.25;
/** Vertices of a request for normals and colours. */
const SHADE_CHUNK = 1 << 14;

/** The parts of the work, wherever they are done. */
interface Workshop {
  slab(slab: number): Promise<SurfaceSlab>;
  shade(positions: Float32Array, step: number): Promise<VertexShade>;
  /** Lends the calling thread to what was asked for. */
  help(): Promise<void>;
}

/**
 * Mesh of a field's zero level with vertex normals and colours, in the world frame. The SDF is evaluated coarse to fine, in a narrow band only
 * (`findNarrowBand`). Cavities and crumbs are dropped (`keepSolids`). The mesh is the same on any number of threads, of which the calling one is one;
 * others need a reader from `openField`.
 * @throws the signal's reason
 */
export async function extractMesh(reader: FieldReader, options: ExtractOptions): Promise<Mesh> {
  const { spawnWorker, threads = 1, signal = new AbortController().signal } = options;
  signal.throwIfAborted();
  const grid: FieldGrid = { reader, resolution: options.resolution, support: options.support };
  const here = handlerOf(grid, signal);
  if (!spawnWorker || threads < 2 || !reader.field) return build(hereWorkshop(here), grid, options);
  const pool = new WorkerPool(spawnWorker, ISOSURFACE_WORKER, threads - 1);
  const stop = () => pool.end(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const open: IsosurfaceRequest = { kind: 'open', field: reader.field, resolution: grid.resolution, support: grid.support };
    const opened = pool.runOnEach(open);
    const [, mesh] = await Promise.all([opened, build(poolWorkshop(pool, here), grid, options)]);
    return mesh;
  } catch (error) {
    if (!(error instanceof WorkersLostError)) throw error;
    return await build(hereWorkshop(here), grid, options);
  } finally {
    signal.removeEventListener('abort', stop);
    pool.end(new DOMException('the mesh is done', 'AbortError'));
  }
}

type PartRequest = Extract<IsosurfaceRequest, { kind: 'field-slab' | 'shade' }>;
type Handler = (request: PartRequest) => Promise<SurfaceSlab | VertexShade>;

/** Does parts on the calling thread, and lets others run now and then. */
function handlerOf(grid: FieldGrid, signal: AbortSignal): Handler {
  let last = performance.now();
  const pause = async () => {
    if (performance.now() - last < SLICE_MS) return;
    await breathe(signal);
    last = performance.now();
  };
  return async (request) => {
    signal.throwIfAborted();
    await pause();
    if (request.kind === 'shade') return shadeVertices(grid.reader, request.positions, request.step);
    const steps = marchFieldSlab(grid, request.slab);
    let step = steps.next();
    for (; !step.done; step = steps.next()) await pause();
    return step.value;
  };
}

function hereWorkshop(handle: Handler): Workshop {
  // one after the other: requests come all at once
  let queue: Promise<unknown> = Promise.resolve();
  const run = (request: PartRequest) => {
    const result = queue.then(() => handle(request));
    queue = result.catch(() => undefined);
    return result;
  };
  return {
    slab: (slab) => run({ kind: 'field-slab', slab }) as Promise<SurfaceSlab>,
    shade: (positions, step) => run({ kind: 'shade', positions, step }) as Promise<VertexShade>,
    help: async () => {},
  };
}

function poolWorkshop(pool: WorkerPool, here: Handler): Workshop {
  return {
    slab: (slab) => pool.run({ kind: 'field-slab', slab } satisfies PartRequest) as Promise<SurfaceSlab>,
    shade: (positions, step) =>
      pool.run({ kind: 'shade', positions: positions.slice(), step } satisfies PartRequest) as Promise<VertexShade>,
    help: () => pool.help((request) => here(request as PartRequest)),
  };
}

async function build(workshop: Workshop, grid: FieldGrid, { onProgress, eyes, signal }: ExtractOptions): Promise<Mesh> {
  const { reader, resolution } = grid;
  const { min, max } = reader.bounds;
  const cell = (max[0] - min[0]) / (resolution - 1);
  const counted = async <T>(parts: Promise<T>[], doing: 'march' | 'shade'): Promise<T[]> => {
    let done = 0;
    const all = Promise.all(
      parts.map(async (part) => {
        const result = await part;
        onProgress?.(++done, parts.length, doing);
        return result;
      }),
    );
    const [results] = await Promise.all([all, workshop.help()]);
    return results;
  };

  const slabs = Array.from({ length: slabCount(resolution) }, (_, slab) => workshop.slab(slab));
  const surface = joinSlabs(await counted(slabs, 'march'));
  for (let i = 0; i < surface.positions.length; i += 3) {
    surface.positions[i] = min[0] + surface.positions[i] * cell;
    surface.positions[i + 1] = min[1] + surface.positions[i + 1] * cell;
    surface.positions[i + 2] = min[2] + surface.positions[i + 2] * cell;
  }
  const { positions, indices } = keepSolids(surface.positions, surface.indices, eyes);

  const chunks: Promise<VertexShade>[] = [];
  for (let at = 0; at < positions.length; at += SHADE_CHUNK * 3)
    chunks.push(workshop.shade(positions.subarray(at, at + SHADE_CHUNK * 3), cell * NORMAL_STEP));
  const normals = new Float32Array(positions.length);
  const colors = new Uint8Array(positions.length);
  for (const [i, shade] of (await counted(chunks, 'shade')).entries()) {
    normals.set(shade.normals, i * SHADE_CHUNK * 3);
    colors.set(shade.colors, i * SHADE_CHUNK * 3);
  }
  if (eyes) await finishWork(tauten({ positions, indices, normals }, eyes), signal ?? new AbortController().signal);
  return { positions, indices, normals, colors };
}

/** Stretches the unseen surface; the field's normals stay where nothing around a vertex has moved. */
function* tauten(
  { positions, indices, normals }: Required<Pick<Mesh, 'positions' | 'indices' | 'normals'>>,
  eyes: Float32Array,
): Work<void> {
  const moved = yield* tautenUnseen(positions, indices, eyes);
  if (moved.length === 0) return;
  const changed = new Uint8Array(positions.length / 3);
  for (const p of moved) changed[p] = 1;
  const around = changed.slice();
  for (let t = 0; t < indices.length; t += 3)
    if (changed[indices[t]] || changed[indices[t + 1]] || changed[indices[t + 2]]) for (let k = 0; k < 3; k++) around[indices[t + k]] = 1;
  yield;
  const of = vertexNormals(positions, indices);
  for (let p = 0; p < around.length; p++) if (around[p]) normals.set(of.subarray(p * 3, p * 3 + 3), p * 3);
}
