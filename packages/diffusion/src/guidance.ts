/** Classifier-free guidance: null + scale (cond - null). Writes into `cond` and returns it. Scale 1 is the condition alone. */
export function guide(cond: Float32Array, uncond: Float32Array, scale: number): Float32Array {
  if (scale === 1) return cond;
  for (let i = 0; i < cond.length; i++) cond[i] = uncond[i]! + scale * (cond[i]! - uncond[i]!);
  return cond;
}
