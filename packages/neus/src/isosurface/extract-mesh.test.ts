import { existsSync } from 'node:fs';
import { createRng } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { type FieldReader, fieldOf, openField } from '../field.ts';
import { initialParameters } from '../init.ts';
import { spawnBuiltWorker } from '../testing/built-worker.test-helper.ts';
import { smallProblem } from '../testing/small-problem.ts';
import { type ExtractOptions, extractMesh } from './extract-mesh.ts';
import { marchFieldSlab, slabCount } from './field-slab.ts';
import { marchingCubes } from './marching-cubes.ts';
import { type IsoSurface, joinSlabs } from './slab-marcher.ts';
import type { Support } from './support.ts';

type Sdf = (x: number, y: number, z: number) => number;

/** Reads a function over [-1, 1]^3 and counts how often. */
function readerOf(f: Sdf): FieldReader & { count: number } {
  return {
    count: 0,
    bounds: { min: [-1, -1, -1], max: [1, 1, 1] },
    evaluate(points, sdf, rgb) {
      this.count += sdf.length;
      for (let i = 0; i < sdf.length; i++) sdf[i] = f(points[i * 3], points[i * 3 + 1], points[i * 3 + 2]);
      rgb?.fill(0.5);
    },
  };
}

/** Every sample evaluated, as findNarrowBand's promise says it may be. */
function denseSurface(reader: FieldReader, resolution: number, support?: Support): IsoSurface {
  const { min, max } = reader.bounds;
  const cell = (max[0] - min[0]) / (resolution - 1);
  const points = new Float32Array(resolution * resolution * 3);
  const cellOf = (i: number) => Math.min(support!.edge - 1, Math.floor((i / (resolution - 1)) * support!.edge));
  const layer = (z: number, out: Float32Array) => {
    for (let y = 0, p = 0; y < resolution; y++)
      for (let x = 0; x < resolution; x++) for (const [c, i] of [x, y, z].entries()) points[p++] = min[c] + i * cell;
    reader.evaluate(points, out);
    if (!support) return;
    for (let y = 0, i = 0; y < resolution; y++)
      for (let x = 0; x < resolution; x++, i++)
        if (support.cells[cellOf(x) + support.edge * (cellOf(y) + support.edge * cellOf(z))] !== 1) out[i] = Math.max(out[i], cell / 2);
  };
  return marchingCubes({ size: [resolution, resolution, resolution], layer });
}

function sparseSurface(reader: FieldReader, resolution: number, support?: Support): IsoSurface {
  const slabs = Array.from({ length: slabCount(resolution) }, (_, slab) => {
    const steps = marchFieldSlab({ reader, resolution, support }, slab);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  });
  return joinSlabs(slabs);
}

function expectSame(got: IsoSurface, expected: IsoSurface): void {
  expect([got.positions.length, got.indices.length]).toEqual([expected.positions.length, expected.indices.length]);
  for (const key of ['positions', 'indices'] as const)
    expect(Buffer.compare(new Uint8Array(got[key].buffer), new Uint8Array(expected[key].buffer)), key).toBe(0);
}

const torus: Sdf = (x, y, z) => Math.hypot(Math.hypot(x, z) - 0.6, y) - 0.25;
/** Slopes up to 1.5, and small features. */
const bumpy: Sdf = (x, y, z) => torus(x, y, z) + 0.02 * Math.sin(14 * x) * Math.cos(12 * y) * Math.sin(13 * z);
/** Cut by the border on all sides. */
const cage: Sdf = (x, y, z) => Math.hypot(x, y, z) - 1.15;
/** Two bodies, one smaller than the coarsest block. */
const pair: Sdf = (x, y, z) => Math.min(Math.hypot(x + 0.5, y, z) - 0.3, Math.hypot(x - 0.7, y - 0.7, z - 0.7) - 0.05);

describe('coarse to fine', () => {
  it.each<[string, Sdf, number]>([
    ['torus', torus, 37],
    ['bumpy torus', bumpy, 64],
    ['bumpy torus', bumpy, 65],
    ['cage', cage, 33],
    ['pair', pair, 70],
    ['nothing', () => 1, 40],
    ['everything', () => -1, 34],
    ['two samples', torus, 2],
  ])('is the dense surface, bit for bit: %s, %#', (_name, f, resolution) => {
    const reader = readerOf(f);
    expectSame(sparseSurface(reader, resolution), denseSurface(reader, resolution));
  });

  it.each([1, 2, 3])('also where a support cuts it (seed %i)', (seed) => {
    const rng = createRng(seed);
    const edge = 7;
    const cells = Uint8Array.from({ length: edge ** 3 }, () => (rng.uniform() < 0.7 ? 1 : 0));
    const reader = readerOf(bumpy);
    expectSame(sparseSurface(reader, 51, { edge, cells }), denseSurface(reader, 51, { edge, cells }));
    expectSame(
      sparseSurface(
        readerOf(() => -5),
        40,
        { edge, cells },
      ),
      denseSurface(
        readerOf(() => -5),
        40,
        { edge, cells },
      ),
    );
  });

  it('is the dense surface of a hash grid', async () => {
    const { config } = smallProblem();
    const parameters = initialParameters({ ...config, sphereRadius: 0.3 });
    const reader = await openField(fieldOf(config, parameters, { min: [10, 20, 30], max: [14, 24, 34] }));
    expectSame(sparseSurface(reader, 49), denseSurface(reader, 49));
  });

  it('touches little of space', () => {
    const reader = readerOf(torus);
    sparseSurface(reader, 128);
    // the surface has about 128^2 x 1.8 samples; the band is some ten of them thick
    expect(reader.count).toBeLessThan(0.18 * 128 ** 3);
  });
});

describe('extractMesh', () => {
  const { config } = smallProblem();
  const parameters = initialParameters({ ...config, sphereRadius: 0.3 });
  const field = fieldOf(config, parameters, { min: [10, 20, 30], max: [14, 24, 34] });

  it('gives the same mesh on one thread and on two, and counts its work', async (test) => {
    if (!existsSync(new URL('../../dist/isosurface/isosurface-worker.js', import.meta.url))) test.skip('the package is not built');
    const seen: string[] = [];
    const options: ExtractOptions = { resolution: 70, onProgress: (done, total, doing) => seen.push(`${doing} ${done}/${total}`) };
    const one = await extractMesh(await openField(field), options);
    expect(seen.slice(0, 3)).toEqual(['march 1/3', 'march 2/3', 'march 3/3']);
    expect(seen.at(-1)).toBe('shade 1/1');
    const two = await extractMesh(await openField(field), { ...options, spawnWorker: spawnBuiltWorker, threads: 2 });
    for (const key of ['positions', 'indices', 'normals', 'colors'] as const)
      expect(Buffer.compare(new Uint8Array(two[key]!.buffer), new Uint8Array(one[key]!.buffer)), key).toBe(0);
  });

  it('has the gradient as normals', async () => {
    const mesh = await extractMesh(readerOf(torus), { resolution: 48 });
    // half of the step 2 / 47 / 4 times the largest second derivative, the tube's curvature 1 / 0.25
    const bound = 0.022;
    for (let i = 0; i < mesh.positions.length; i += 3) {
      const [x, y, z] = mesh.positions.subarray(i, i + 3);
      const ring = Math.hypot(x, z);
      const tube = Math.hypot(ring - 0.6, y);
      const expected = [(x / ring) * ((ring - 0.6) / tube), y / tube, (z / ring) * ((ring - 0.6) / tube)];
      for (let c = 0; c < 3; c++) expect(Math.abs(mesh.normals![i + c] - expected[c])).toBeLessThan(bound);
    }
  });

  it('stops on abort, here and on threads', async (test) => {
    const reader = await openField(field);
    const abort = new AbortController();
    const stopAt = (done: number) => done === 1 && abort.abort(new Error('enough'));
    await expect(extractMesh(reader, { resolution: 200, signal: abort.signal, onProgress: stopAt })).rejects.toThrow('enough');
    if (!existsSync(new URL('../../dist/isosurface/isosurface-worker.js', import.meta.url))) test.skip('the package is not built');
    const other = new AbortController();
    const running = extractMesh(reader, { resolution: 200, signal: other.signal, spawnWorker: spawnBuiltWorker, threads: 2 });
    setTimeout(() => other.abort(new Error('enough too')), 20);
    await expect(running).rejects.toThrow('enough too');
  });
});
