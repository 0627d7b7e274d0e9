import { openGpuFitter } from '../dist/gpu/fit-gpu.js';
import { variantOf } from '../dist/gpu/kernels.js';
import { RECONSTRUCT_PRESETS } from '../dist/index.js';
import { prepareProblem } from '../dist/prepare/prepare-problem.js';
import { median } from './median.mjs';

/**
 * Training steps a second with each set of kernels that the device has, one after the other in every round: plain ones, those that use subgroups, those that
 * use f16, both.
 * @param {{ views: object[], rounds: number, steps: number, options?: object }} settings steps: of one measurement, from the middle of a fit
 */
export async function benchVariants(device, { views, rounds, steps, options = {} }) {
  const problem = await prepareProblem(views, undefined, { ...RECONSTRUCT_PRESETS.standard, ...options }, 1, () => {});
  const best = variantOf(device);
  const variants = [{ subgroups: false }];
  if (best.subgroups) variants.push({ subgroups: true });
  if (best.half) variants.push({ subgroups: false, half: best.half });
  if (best.subgroups && best.half) variants.push(best);
  const rates = variants.map(() => []);
  const warm = Math.floor(problem.config.steps / 4);
  for (let round = 0; round < rounds; round++)
    for (const [i, variant] of variants.entries()) {
      const fitter = await openGpuFitter(device, problem, variant);
      await fitter.run(warm);
      const started = performance.now();
      await fitter.run(warm + steps);
      rates[i].push((steps * 1000) / (performance.now() - started));
      fitter.dispose();
    }
  return variants.map(({ subgroups, half }, i) => ({
    name: ['training', subgroups && 'subgroups', half ? 'f16' : 'f32'].filter(Boolean).join(', '),
    value: median(rates[i]),
    unit: 'steps/s',
  }));
}
