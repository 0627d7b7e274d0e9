import type { StageContext } from '@gestalt3d/core';
import type { IsosurfaceRequest } from './isosurface-worker.ts';
import { checkGrid, marchingCubes, type ScalarGrid } from './marching-cubes.ts';
import { type IsoSurface, joinSlabs, type SurfaceSlab } from './slab-marcher.ts';
import { WorkerPool, WorkersLostError } from './worker-pool.ts';

/** Where the isosurface's workers are. */
export const ISOSURFACE_WORKER = new URL('./isosurface-worker.js', import.meta.url);

/** Marching cubes on worker threads that stay up between calls. */
export interface ThreadedMarcher {
  /**
   * The bits of `marchingCubes(grid, iso)`. Data in a SharedArrayBuffer is read in place by all threads, other data is copied to them.
   * @throws ShapeMismatchError, the signal's reason
   */
  march(grid: ScalarGrid, iso?: number, signal?: AbortSignal): Promise<IsoSurface>;
  dispose(): void;
}

/** A marcher on the context's threads, a slab of layers each; on the calling thread where there are none, or they do not start. */
export function createThreadedMarcher({ spawnWorker, threads }: Pick<StageContext, 'spawnWorker' | 'threads'>): ThreadedMarcher {
  const pool = spawnWorker && threads > 1 ? new WorkerPool(spawnWorker, ISOSURFACE_WORKER, threads) : undefined;

  const marchOnThreads = async (workers: WorkerPool, grid: ScalarGrid, iso: number, signal?: AbortSignal): Promise<IsoSurface> => {
    const [nx, ny, nz] = grid.size;
    const area = nx * ny;
    const parts = Math.min(threads, nz);
    const slab = (part: number): Promise<SurfaceSlab> => {
      const from = Math.floor(((nz + 1) * part) / parts);
      const to = Math.floor(((nz + 1) * (part + 1)) / parts);
      const firstLayer = Math.max(0, from - 2);
      const layers = grid.data.subarray(firstLayer * area, Math.min(nz, to) * area);
      const shared = typeof SharedArrayBuffer !== 'undefined' && layers.buffer instanceof SharedArrayBuffer;
      const data = shared ? layers : layers.slice();
      const request: IsosurfaceRequest = { kind: 'grid-slab', size: grid.size, iso, from, to, data, firstLayer };
      return workers.run(request, shared ? [] : [data.buffer as ArrayBuffer]) as Promise<SurfaceSlab>;
    };
    const stop = () => workers.end(signal!.reason);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return joinSlabs(await Promise.all(Array.from({ length: parts }, (_, part) => slab(part))));
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  };

  return {
    async march(grid, iso = 0, signal) {
      signal?.throwIfAborted();
      checkGrid(grid);
      if (!pool) return marchingCubes(grid, iso);
      try {
        return await marchOnThreads(pool, grid, iso, signal);
      } catch (error) {
        if (!(error instanceof WorkersLostError)) throw error;
        return marchingCubes(grid, iso);
      }
    },
    dispose: () => pool?.end(new DOMException('the marcher is disposed', 'AbortError')),
  };
}
