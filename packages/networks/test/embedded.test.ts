import { readFileSync } from 'node:fs';
import { EMBEDDED_NETWORKS } from '@gestalt3d/networks';
import { encodeWholeGraph } from '@gestalt3d/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { type Feed, runGraph } from './run-graph.ts';
import { parseInventory, seededInput, seededWeights } from './seeded.ts';

/** Outputs of the project's PyTorch modules with the same seeded weights; see fixtures/make_embedded.py. */
interface Case {
  config: Record<string, unknown>;
  inventory: string;
  /** Every such number of the output is kept. */
  stride: number;
  output: { base64: string };
}

const cases = JSON.parse(readFileSync(new URL('fixtures/embedded.fixture', import.meta.url), 'utf8')) as Record<string, Case>;
const SIZE = 32;

function expected({ output }: Case): Float32Array {
  const bytes = Buffer.from(output.base64, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

const seeded = (name: string, ...shape: number[]): Feed => [seededInput(name, shape), shape];
const squashed = (name: string, ...shape: number[]): Float32Array => seededInput(name, shape).map(Math.tanh);

/** Visible colours, their mask, the crop, where the photo is; of the second of two nothing is visible. */
function cond(): Feed {
  const area = SIZE * SIZE;
  const crop = squashed('crop', 2, 3, SIZE, SIZE);
  const data = new Float32Array(2 * 8 * area);
  for (let b = 0; b < 2; b++)
    for (let i = 0; i < area; i++) {
      const [x, y] = [i % SIZE, Math.floor(i / SIZE)];
      const seen = b === 0 && x >= 6 && x < 16 && y >= 8 && y < 21 ? 1 : 0;
      for (let c = 0; c < 3; c++) {
        const value = crop[(b * 3 + c) * area + i]!;
        data[(b * 8 + c) * area + i] = value * seen;
        data[(b * 8 + 4 + c) * area + i] = value;
      }
      data[(b * 8 + 3) * area + i] = seen;
      data[(b * 8 + 7) * area + i] = 1;
    }
  return [data, [2, 8, SIZE, SIZE]];
}

function picture(): Feed {
  const data = squashed('picture', 2, 4, SIZE, SIZE);
  const area = SIZE * SIZE;
  return [data.map((value, i) => (Math.floor(i / area) % 4 === 3 ? (value > 0 ? 1 : 0) : value)), [2, 4, SIZE, SIZE]];
}

function prompts(): Feed {
  const data = new Float32Array(2 * 3 * 128 * 128);
  const fill = (plane: number, rows: [number, number], columns: [number, number]): void => {
    for (let y = rows[0]; y < rows[1]; y++) data.fill(1, (plane * 128 + y) * 128 + columns[0], (plane * 128 + y) * 128 + columns[1]);
  };
  fill(0, [40, 44], [50, 54]);
  fill(1, [90, 93], [20, 23]);
  fill(5, [20, 90], [30, 100]);
  return [data, [2, 3, 128, 128]];
}

const noisy = { x: seeded('x', 2, 4, SIZE, SIZE), cond: cond(), t: [Float32Array.of(300, 999), [2]] satisfies Feed };
const view = { image: picture(), elevation: [Float32Array.of(0.2, 0.6), [2]] satisfies Feed };
const INPUTS: Record<string, Record<string, Feed>> = {
  'completion-prior': { cond: cond() },
  'completion-prior, deep': { cond: cond() },
  'completion-denoiser': noisy,
  'completion-denoiser, with a prior': { ...noisy, prior: seeded('prior', 2, 4, SIZE, SIZE) },
  segmenter: { image: seeded('photo', 2, 3, 128, 128), prompt: prompts() },
  'layered-body': view,
  'volume-body': view,
  'joint-denoiser': {
    views: seeded('views', 1, 16, 4, 64, 64),
    body: seeded('body', 1, 16, 4, 64, 64),
    image: seeded('image', 1, 4, 64, 64),
    t: [Float32Array.of(400), [1]],
  },
  'image-tower': { picture: picture() },
};

/** Norm of the difference over the norm, of the numbers that the fixture kept. */
function relativeError(got: Float32Array, { stride }: Case, want: Float32Array): number {
  const kept = got.filter((_, i) => i % stride === 0);
  expect(kept.length).toBe(want.length);
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(kept.map((value, i) => value - want[i]!)) / norm(want);
}

it('has a fixture of every network', () => {
  expect(new Set(Object.keys(cases).map((name) => name.split(',')[0]))).toEqual(new Set(Object.keys(EMBEDDED_NETWORKS)));
});

describe.each(Object.entries(cases))('%s', (name, one) => {
  const weights = () => seededWeights(parseInventory(one.inventory));
  const build = (source = weights()) => EMBEDDED_NETWORKS[name.split(',')[0] as keyof typeof EMBEDDED_NETWORKS](source, one.config);

  it('is the PyTorch module, all of its weights', async () => {
    const source = weights();
    const graph = build(source);
    const results = await runGraph(graph, INPUTS[name]!);
    const error = relativeError(results[graph.outputs[0]!.name]!, one, expected(one));
    if (process.env.PARITY_TABLE) console.log(`${name.padEnd(36)} ${error.toExponential(1)}`);
    expect(error).toBeLessThan(1e-4);
    const unused = parseInventory(one.inventory);
    for (const key of source.asked) unused.delete(key);
    // the segmenter's are of its loss
    expect([...unused.keys()]).toEqual(name === 'segmenter' ? ['sharpness'] : []);
  });

  it('goes into one file, in half precision, always the same', async () => {
    const bytes = await encodeWholeGraph(build());
    expect(Buffer.compare(bytes, await encodeWholeGraph(build()))).toBe(0);
    const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    const feeds = Object.entries(INPUTS[name]!).map(
      ([key, [data, dims]]) => [key, new Tensor('float32', data as Float32Array, dims)] as const,
    );
    const [output] = Object.values(await session.run(Object.fromEntries(feeds)));
    await session.release();
    const error = relativeError(output!.data as Float32Array, one, expected(one));
    expect(error).toBeGreaterThan(1e-6);
    expect(error).toBeLessThan(1e-2);
  });
});
