import { type Kernel, read, write } from '../kernel.ts';
import { type AdamParams, adamWgsl } from './adam.wgsl.ts';

export const adamKernel: Kernel<AdamParams> = {
  name: 'gpu/adam',
  bindings: { values: write('f32'), moments: write('vec2f'), gradients: read('f32') },
  uniforms: { count: 'u32', rate: 'f32', correction1: 'f32', correction2: 'f32' },
  source: adamWgsl,
};

/** The factors that undo the moments' start at 0, for step t = 1, 2, ... */
export function adamCorrections(params: Pick<AdamParams, 'beta1' | 'beta2'>, t: number): { correction1: number; correction2: number } {
  return { correction1: 1 / (1 - params.beta1 ** t), correction2: 1 / (1 - params.beta2 ** t) };
}

/** CPU twin: one step, in place. `moments` holds (m, v) of each parameter. @param t 1-based */
export function adamStep(
  values: Float32Array,
  moments: Float32Array,
  gradients: ArrayLike<number>,
  rate: number,
  t: number,
  params: AdamParams,
): void {
  const { correction1, correction2 } = adamCorrections(params, t);
  for (let i = 0; i < values.length; i++) {
    const g = gradients[i]!;
    if (g === 0) continue;
    const m = (moments[2 * i] = params.beta1 * moments[2 * i]! + (1 - params.beta1) * g);
    const v = (moments[2 * i + 1] = params.beta2 * moments[2 * i + 1]! + (1 - params.beta2) * g * g);
    values[i]! -= (rate * (m * correction1)) / (Math.sqrt(v * correction2) + params.epsilon);
  }
}
