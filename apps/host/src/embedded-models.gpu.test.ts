import { fileURLToPath } from 'node:url';
import { createRng } from '@gestalt3d/core';
import type { Provider, TensorValue } from '@gestalt3d/onnx';
import { describe, expect, it } from 'vitest';
import { EMBEDDED, loadModel } from './models.ts';
import { createOrtBackend, supportedProviders } from './ort-backend.ts';
import { useSoftwareVulkan } from './software-vulkan.ts';

const MODELS = fileURLToPath(new URL('../../../models/', import.meta.url));
const onSoftware = process.env.GESTALT3D_TEST_DEVICE !== 'real';
/**
 * The software driver computes 0.5 GFLOP/s: two graphs are enough to see that a provider runs our models. The segmenter is the third because ONNX Runtime 1.30's
 * webgpu provider convolves 6 input channels wrongly (3, 4, 5, 8 and 12 are right), so its image and prompt enter by 3 and 8.
 */
const ON_SOFTWARE = ['views/layers', 'recognise/image', 'segment/segmenter'];

if (onSoftware) await useSoftwareVulkan().catch((error: Error) => console.warn(`no software driver: ${error.message}`));
const providers = await supportedProviders();
console.log(`embedded models on ${providers.join(', ')}`);
if (process.env.REQUIRE_GPU === '1' && providers.length === 1) throw new Error('REQUIRE_GPU=1, but only the CPU provider starts');

const graphs = await Promise.all(
  EMBEDDED.map(async (name) => {
    const bundle = await loadModel(MODELS, name);
    return Object.keys(bundle.manifest.graphs).map((role) => ({ what: `${name}/${role}`, bundle, role }));
  }),
);

describe.each(graphs.flat())('$what', ({ what, bundle, role }) => {
  const rng = createRng(1);
  const feeds = Object.fromEntries(
    bundle.graph(role).inputs.map(({ name, dims }): [string, TensorValue] => {
      const sizes = dims.map((dim) => (typeof dim === 'number' ? dim : 1));
      return [name, { dtype: 'float32', dims: sizes, data: rng.fillNormal(new Float32Array(sizes.reduce((a, b) => a * b, 1))) }];
    }),
  );
  const run = async (device: Exclude<Provider, 'wasm'>) =>
    bundle.using(role, await createOrtBackend({ device, threads: 1 }), (session) => session.run(feeds));

  for (const provider of providers as Exclude<Provider, 'wasm'>[]) {
    const left = provider === 'webgpu' && onSoftware && !ON_SOFTWARE.includes(what);
    it.skipIf(left)(
      `on ${provider} as on the cpu`,
      async () => {
        const [expected, got] = [await run('cpu'), await run(provider)];
        for (const [output, { data }] of Object.entries(expected)) {
          const other = got[output]!.data as Float32Array;
          let difference = 0;
          let norm = 0;
          for (const [i, value] of (data as Float32Array).entries()) {
            difference += (other[i]! - value) ** 2;
            norm += value ** 2;
          }
          expect(norm).toBeGreaterThan(0);
          expect(Math.sqrt(difference / norm), output).toBeLessThan(1e-3);
        }
      },
      300_000,
    );
  }
});
