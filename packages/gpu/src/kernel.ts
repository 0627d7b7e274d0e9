/** Storage buffer of a kernel: WGSL element type of its runtime-sized array, and whether the kernel writes it. */
export interface StorageBinding {
  /** For example 'f32', 'vec4f', 'atomic<i32>', or a struct that `source` declares. */
  element: string;
  access: 'read' | 'read_write';
}

export type UniformType = 'u32' | 'i32' | 'f32' | 'vec4f';

/** Values of a kernel's uniforms by name; a vec4f takes four numbers. */
export type UniformValues = Readonly<Record<string, number | ArrayLike<number>>>;

/** Features of devices that kernels have variants for, by WebGPU's names. */
export type KernelFeature = 'subgroups' | 'shader-f16';

/** What WGSL calls them. */
const EXTENSIONS: Record<KernelFeature, string> = { subgroups: 'subgroups', 'shader-f16': 'f16' };

/**
 * A compute kernel. The runner writes the declarations of bindings and uniforms (as `u.name`) and `groupIndex(group, groups)` in front of what
 * `source` returns, so host and shader cannot disagree about them.
 */
export interface Kernel<Params> {
  /** Label of pipelines and errors, 'package/kernel'. */
  readonly name: string;
  /** In binding order, at most 8. */
  readonly bindings: Readonly<Record<string, StorageBinding>>;
  /** Language extensions that the device must have been opened with: such a kernel is a variant of one without. */
  readonly features?: readonly KernelFeature[];
  /** Values that change from dispatch to dispatch without a new pipeline. */
  readonly uniforms?: Readonly<Record<string, UniformType>>;
  /** WGSL with the entry point `main`. Params are compiled in: each new text is a new pipeline. */
  source(params: Params): string;
}

/** Short form of binding declarations: read('f32'), write('u32'). */
export const read = (element: string): StorageBinding => ({ element, access: 'read' });
export const write = (element: string): StorageBinding => ({ element, access: 'read_write' });

const SIZES: Record<UniformType, number> = { u32: 4, i32: 4, f32: 4, vec4f: 16 };

/** Byte offsets of uniforms by WGSL's layout rules, and the size of the struct. */
export function uniformLayout(uniforms: Readonly<Record<string, UniformType>>): { offsets: Record<string, number>; sizeBytes: number } {
  const offsets: Record<string, number> = {};
  let at = 0;
  for (const [name, type] of Object.entries(uniforms)) {
    const size = SIZES[type];
    at = Math.ceil(at / size) * size;
    offsets[name] = at;
    at += size;
  }
  return { offsets, sizeBytes: Math.ceil(at / 16) * 16 };
}

/** Writes uniform values at a byte offset of `target`. @throws RangeError for a missing value */
export function packUniforms(
  target: ArrayBuffer,
  at: number,
  uniforms: Readonly<Record<string, UniformType>>,
  values: UniformValues,
): void {
  const view = new DataView(target);
  const { offsets } = uniformLayout(uniforms);
  for (const [name, type] of Object.entries(uniforms)) {
    const value = values[name];
    if (value === undefined) throw new RangeError(`expected a value for the uniform ${name}, got none`);
    const to = at + offsets[name]!;
    if (typeof value !== 'number') for (let i = 0; i < 4; i++) view.setFloat32(to + i * 4, value[i]!, true);
    else if (type === 'u32') view.setUint32(to, value, true);
    else if (type === 'i32') view.setInt32(to, value, true);
    else view.setFloat32(to, value, true);
  }
}

/** Full WGSL of a kernel: declarations, helper, source. */
export function kernelText<Params>(kernel: Kernel<Params>, params: Params): string {
  const lines = (kernel.features ?? []).map((feature) => `enable ${EXTENSIONS[feature]};`);
  let binding = 0;
  for (const [name, { element, access }] of Object.entries(kernel.bindings))
    lines.push(`@group(0) @binding(${binding++}) var<storage, ${access}> ${name}: array<${element}>;`);
  if (kernel.uniforms) {
    const members = Object.entries(kernel.uniforms).map(([name, type]) => `${name}: ${type}`);
    lines.push(`struct Uniforms { ${members.join(', ')} }`, `@group(0) @binding(${binding}) var<uniform> u: Uniforms;`);
  }
  lines.push('fn groupIndex(group: vec3u, groups: vec3u) -> u32 { return (group.z * groups.y + group.y) * groups.x + group.x; }');
  return `${lines.join('\n')}\n${kernel.source(params)}`;
}
