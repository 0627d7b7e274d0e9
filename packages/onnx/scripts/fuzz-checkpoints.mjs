/**
 * Opens seeded mutants of the test checkpoints and reads every tensor of those that still open. After `npm run build`:
 *
 *     node packages/onnx/scripts/fuzz-checkpoints.mjs [COUNT=20000] [SEED=1]
 *
 * Ends with status 1 at the first mutant that gives anything but a result or one of our errors, or takes more than 2 s.
 */
import { readFileSync } from 'node:fs';
import { createRng, GestaltError } from '../../core/dist/index.js';
import { memoryByteSource, openCheckpoint, streamTensor } from '../dist/index.js';
import { mutateCheckpoint, mutatePickle } from './mutate-checkpoint.mjs';

const [count, seed] = [Number(process.argv[2] ?? 20000), Number(process.argv[3] ?? 1)];
const names = ['views.ckpt', 'script.pt', 'small.safetensors', 'unsafe.ckpt'];
const seeds = Object.fromEntries(
  names.map((name) => [name, new Uint8Array(readFileSync(new URL(`../test/fixtures/${name}`, import.meta.url)))]),
);
const ends = {};
let slowest = 0;
for (let i = 0; i < count; i++) {
  const name = names[i % names.length];
  const rng = createRng(seed).fork(i);
  const mutant =
    !name.endsWith('.safetensors') && rng.integer(2) === 0 ? mutatePickle(seeds[name], rng) : mutateCheckpoint(seeds[name], rng);
  const start = performance.now();
  let end = 'read';
  try {
    const checkpoint = await openCheckpoint(memoryByteSource(mutant, `mutant ${i}`));
    for (const name of checkpoint.tensors.keys())
      try {
        for await (const _ of streamTensor(checkpoint, name, 'float32'));
      } catch (error) {
        if (!(error instanceof GestaltError)) throw error;
        end = `tensor ${error.code}`;
      }
  } catch (error) {
    if (!(error instanceof GestaltError)) {
      console.error(`mutant ${i} of seed ${seed}:`, error);
      process.exit(1);
    }
    end = error.code;
  }
  const milliseconds = performance.now() - start;
  slowest = Math.max(slowest, milliseconds);
  if (milliseconds > 2000) {
    console.error(`mutant ${i} of seed ${seed} took ${milliseconds.toFixed(0)} ms`);
    process.exit(1);
  }
  ends[end] = (ends[end] ?? 0) + 1;
}
console.log(ends, `slowest ${slowest.toFixed(1)} ms, peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
