import { float32 } from '@gestalt3d/onnx';
import { describe, expect, it } from 'vitest';
import { backend, loadBundle } from './helpers.ts';

interface GoldenTensor {
  path: string;
  dims: number[];
  /** Bytes stand for value * scale + offset. */
  dtype?: 'uint8' | 'float32';
  scale?: number;
  offset?: number;
}
interface Golden {
  inputs: Record<string, GoldenTensor>;
  outputs: Record<string, GoldenTensor>;
  tolerance: number;
}

/** The models that ship with the repository give here what they gave where they were trained. */
describe.each([
  ['complete', 'denoiser', 'golden'],
  ['complete', 'prior', 'goldenPrior'],
  ['segment', 'segmenter', 'golden'],
  ['recognise', 'image', 'golden'],
])('golden case of models/%s, %s', async (name, role, key) => {
  const bundle = await loadBundle(new URL(`../../../models/${name}/`, import.meta.url));
  it.skipIf(bundle?.manifest[key] === undefined)('is reproduced', async () => {
    const golden = bundle!.manifest[key] as Golden;
    const read = async ({ path, dtype, scale = 1, offset = 0 }: GoldenTensor): Promise<Float32Array> => {
      const bytes = await bundle!.file(path);
      if (dtype === 'uint8') return Float32Array.from(bytes, (byte) => byte * scale + offset);
      return new Float32Array(bytes.slice().buffer);
    };
    const session = await bundle!.open(role, backend);
    const inputs: Record<string, ReturnType<typeof float32>> = {};
    for (const [key, tensor] of Object.entries(golden.inputs)) inputs[key] = float32(await read(tensor), tensor.dims);
    const outputs = await session.run(inputs);
    await session.dispose();
    for (const [key, tensor] of Object.entries(golden.outputs)) {
      const expected = await read(tensor);
      const got = outputs[key]!.data as Float32Array;
      let worst = 0;
      for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(got[i]! - expected[i]!));
      expect(worst, `${key}: largest difference`).toBeLessThan(golden.tolerance);
    }
  });
});
