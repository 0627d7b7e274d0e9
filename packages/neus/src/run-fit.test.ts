import { breathe, NumericalError, type StageMessage, type WorkerHandle } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { gridLevels, OFFSET_C2, OFFSET_W1 } from './config.ts';
import { createCpuFitter, GROUPS, loadProblem } from './cpu/fit-cpu.ts';
import { instantiateKernels } from './cpu/kernels.ts';
import { runSteps } from './cpu/step-loop.ts';
import type { SurfaceFitter } from './fitter.ts';
import { preparing } from './prepare/prepare-problem.ts';
import { runFit } from './run-fit.ts';
import { rigViews, SCENES } from './testing/scene.ts';
import { smallProblem } from './testing/small-problem.ts';
import { finishWork } from './work.ts';

const inline = { spawnWorker: null, threads: 1 };
const quiet = { signal: new AbortController().signal, emit: () => {} };

/** A fitter one of whose parameters is another number once it has gone beyond a step. */
async function disturbed(problem: ReturnType<typeof smallProblem>, index: number, fromStep: number, value: number): Promise<SurfaceFitter> {
  const fitter = await createCpuFitter(problem, inline);
  return {
    ...fitter,
    run: async (until, signal) => {
      const report = await fitter.run(until, signal);
      if (until > fromStep) fitter.peek()![index] = value;
      return report;
    },
  };
}

describe('a number that is none', () => {
  it('is named with its tensor and the steps it came in, in a network and in the table', async () => {
    const problem = smallProblem({ rays: 64 });
    const level = gridLevels(problem.config)[7];
    for (const [index, name] of [
      [OFFSET_C2 + 5, 'colour layer 2, weights C2'],
      [level.offset + 3, `hash table, level 7 (${level.resolution} cells)`],
    ] as const)
      for (const value of [Number.NaN, Infinity]) {
        const error: unknown = await runFit(problem, await disturbed(problem, index, 10, value), quiet, false).catch((reason) => reason);
        expect(error).toBeInstanceOf(NumericalError);
        expect((error as Error).message).toContain(`parameters (${name})`);
        const [, last] = /at steps? (?:\d+ to )?(\d+)/.exec((error as Error).message)!;
        expect(Number(last)).toBeGreaterThan(10);
        expect(Number(last)).toBeLessThanOrEqual(10 + 25);
      }
  });

  it('is found when it has spread from a weight to everything', async () => {
    const problem = smallProblem({ rays: 64 });
    const fitter = await createCpuFitter(problem, inline);
    fitter.peek()![OFFSET_C2] = Number.NaN;
    await expect(runFit(problem, fitter, quiet, false)).rejects.toThrow(/parameters \(SDF hidden layer, .* more\) at step 1,/);
  });

  it('is found before the first step, and in the losses of a device whose parameters are out of sight', async () => {
    const problem = smallProblem({ rays: 64 });
    const parameters = problem.parameters.slice();
    parameters[OFFSET_W1] = Number.NaN;
    const fitter = await createCpuFitter(problem, inline);
    await expect(runFit({ ...problem, parameters }, fitter, quiet, false)).rejects.toThrow(
      /SDF hidden layer, weights W1\) at the start, got 1 /,
    );
    const remote = (report: object): SurfaceFitter => ({
      ...fitter,
      peek: () => undefined,
      run: async (until, signal) => ({ ...(await fitter.run(until, signal)), ...report }),
    });
    await expect(runFit(problem, remote({ eikonalLoss: Number.NaN }), quiet, false)).rejects.toThrow(/in eikonal loss at step 1,/);
    fitter.peek()![OFFSET_C2] = Number.NaN;
    await expect(runFit(problem, remote({ colorLoss: Number.NaN }), quiet, false)).rejects.toThrow(/parameters \(.*weights/);
  });
});

describe('abort', () => {
  const gone = new Error('enough');

  it('is looked for between small pieces of work: of a large view, of a step, of the occupancy grid', async () => {
    const [view] = rigViews(SCENES.sphere, 32, 1);
    const size = 2048;
    const image = { width: size, height: size, channels: 4 as const, data: new Uint8Array(size * size * 4).fill(255) };
    const large = { image, camera: { ...view.camera, width: size, height: size, flX: 2240, flY: 2240, cx: 1024, cy: 1024 } };
    const work = preparing(
      [large],
      undefined,
      { steps: 1, rays: 1, levels: 4, tableSize: 4096, maxViewSize: 32, meshResolution: 16 },
      1,
      () => {},
    );
    let pieces = 0;
    // every piece shrinks at most 2^17 of the 2^22 pixels
    while (!work.next().done) pieces++;
    expect(pieces).toBeGreaterThan(32);

    const problem = smallProblem();
    const { memory, layout } = loadProblem(problem, GROUPS, 1);
    const kernels = await instantiateKernels(memory);
    kernels.configure(layout.block, layout.scratch);
    const steps = runSteps(kernels, memory, layout, problem.config, { index: 0, threads: 1, groups: GROUPS }, 0, 3);
    let parts = 0;
    while (!steps.next().done) parts++;
    expect(parts).toBe(problem.config.occupancyEdge / 4 + 3 * GROUPS);
  });

  it('ends work in the middle', async () => {
    const abort = new AbortController();
    let done = 0;
    const endless = (function* () {
      for (;;) {
        const until = performance.now() + 2;
        while (performance.now() < until);
        done++;
        yield;
      }
    })();
    setTimeout(() => abort.abort(gone), 1);
    await expect(finishWork(endless, abort.signal)).rejects.toBe(gone);
    expect(done).toBeGreaterThan(0);
  });

  it('ends threads that are in the middle of a step', async () => {
    const abort = new AbortController();
    let ended = 0;
    /** Starts, and never finishes a step. */
    const spawnWorker = (): WorkerHandle => {
      let listener: (message: unknown) => void = () => {};
      return {
        post: (message) => (message as { kind: string }).kind === 'start' && queueMicrotask(() => listener({ kind: 'ready' })),
        onMessage: (heard) => {
          listener = heard;
        },
        onError: () => {},
        terminate: () => {
          ended++;
        },
      };
    };
    const problem = smallProblem();
    const fitter = await createCpuFitter(problem, { spawnWorker, threads: 2, signal: abort.signal });
    const running = runFit(problem, fitter, { signal: abort.signal, emit: () => {} }, false);
    await breathe(quiet.signal);
    abort.abort(gone);
    await expect(running).rejects.toBe(gone);
    expect(ended).toBe(2);
    await expect(createCpuFitter(problem, { spawnWorker, threads: 2, signal: abort.signal })).rejects.toBe(gone);
  });
});

describe('previews', () => {
  it('change nothing of the fit, and the last one shows how it ended', async () => {
    const problem = smallProblem({ rays: 256 });
    const events: StageMessage[] = [];
    const fit = async (emit: (event: StageMessage) => void) =>
      runFit(problem, await createCpuFitter(problem, inline), { ...quiet, emit }, false);
    const shown = await fit((event) => events.push(event));
    const hidden = await fit(() => {});
    expect(shown!.parameters).toEqual(hidden!.parameters);
    const last = events.at(-1)!;
    if (last.kind !== 'preview') throw new Error(`expected a preview at the end, got ${last.kind}`);
    expect(last.mesh!.indices.length).toBeGreaterThan(300);
    expect(last.image.data.some((value, i) => i % 4 === 3 && value === 255)).toBe(true);
  });
});
