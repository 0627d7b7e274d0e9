export interface AdamParams {
  beta1: number;
  beta2: number;
  /** Added outside the root. */
  epsilon: number;
}

/** WGSL number that is certainly a float. */
export const float = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));

/**
 * One Adam step of one parameter as a WGSL function: a gradient that is exactly 0 leaves parameter and moments alone (a table entry that no sample
 * touched keeps its state). m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= rate (m c1) / (sqrt(v c2) + eps), c1 = 1 / (1 - b1^t), c2 = 1 / (1 - b2^t).
 */
export const adamSnippet = ({ beta1, beta2, epsilon }: AdamParams) => /* wgsl */ `
struct AdamState { value: f32, moments: vec2f }
fn adam(value: f32, moments: vec2f, gradient: f32, rate: f32, correction: vec2f) -> AdamState {
  if (gradient == 0.0) { return AdamState(value, moments); }
  let m = ${float(beta1)} * moments.x + ${float(1 - beta1)} * gradient;
  let v = ${float(beta2)} * moments.y + ${float(1 - beta2)} * gradient * gradient;
  return AdamState(value - rate * (m * correction.x) / (sqrt(v * correction.y) + ${float(epsilon)}), vec2f(m, v));
}`;

/**
 * Adam over an array. Thread i owns parameter i. Bindings: values [count], moments [count] (m, v), gradients [count].
 * Uniforms: rate, correction1 = 1 / (1 - b1^t), correction2. CPU twin: adamStep.
 */
export const adamWgsl = (params: AdamParams) => /* wgsl */ `
${adamSnippet(params)}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(group, groups) * 256u + local;
  if (i >= u.count) { return; }
  let next = adam(values[i], moments[i], gradients[i], u.rate, vec2f(u.correction1, u.correction2));
  values[i] = next.value;
  moments[i] = next.moments;
}`;
