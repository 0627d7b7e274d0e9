import { readFileSync } from 'node:fs';
import { float32 } from '@gestalt3d/onnx';
import { describe, expect, it } from 'vitest';
import { backend, loadBundle } from '../../amodal/test/helpers.ts';

const FOLDER = new URL('../../../models/views/', import.meta.url);

interface GoldenTensor {
  path: string;
  dims: number[];
}
interface GoldenCase {
  inputs: Record<string, GoldenTensor>;
  outputs: Record<string, GoldenTensor>;
  tolerance: number;
}
const read = ({ path }: GoldenTensor): Float32Array => new Float32Array(new Uint8Array(readFileSync(new URL(path, FOLDER))).buffer);

/** The models that ship with the repository give here what they gave where they were trained. */
describe.each(['layers', 'volume', 'denoiser'])('golden case of models/views, graph %s', (role) => {
  it('is reproduced', async () => {
    const golden = JSON.parse(readFileSync(new URL(`golden/${role}.json`, FOLDER), 'utf8')) as GoldenCase;
    const bundle = await loadBundle(FOLDER);
    const session = await bundle!.open(role, backend);
    const outputs = await session.run(
      Object.fromEntries(Object.entries(golden.inputs).map(([name, tensor]) => [name, float32(read(tensor), tensor.dims)])),
    );
    await session.dispose();
    for (const [name, tensor] of Object.entries(golden.outputs)) {
      const expected = read(tensor);
      const got = outputs[name]!.data as Float32Array;
      expect(got.length).toBe(expected.length);
      expect(expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - got[i]!)), 0)).toBeLessThan(golden.tolerance);
    }
  });
});
