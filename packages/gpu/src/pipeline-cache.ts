import { DeviceLostError, ShaderCompileError } from '@gestalt3d/core';
import { type Kernel, kernelText, uniformLayout } from './kernel.ts';
import { GUARANTEED } from './limits.ts';

/** GPUShaderStage.COMPUTE as a number: Node has no such global. */
const COMPUTE = 4;

/** A kernel compiled for a device. */
export interface CompiledKernel {
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Names of the storage bindings in binding order. */
  readonly buffers: readonly string[];
  readonly uniforms: Kernel<never>['uniforms'];
  readonly uniformBytes: number;
}

/** Pipelines of a device by name and text. Compiles one kernel at a time, so that error scopes never interleave. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Promise<CompiledKernel>>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** @throws ShaderCompileError with the compiler's messages and the lines they point to */
  get<Params>(kernel: Kernel<Params>, params: Params): Promise<CompiledKernel> {
    const code = kernelText(kernel, params);
    const key = `${kernel.name}\n${code}`;
    const known = this.#pipelines.get(key);
    if (known) return known;
    const compiled = this.#tail.then(() => this.#compile(kernel, code));
    this.#tail = compiled.catch(() => undefined);
    this.#pipelines.set(key, compiled);
    // a failed compile may be tried again
    compiled.catch(() => this.#pipelines.delete(key));
    return compiled;
  }

  async #compile<Params>(kernel: Kernel<Params>, code: string): Promise<CompiledKernel> {
    const device = this.#device;
    const buffers = Object.keys(kernel.bindings);
    if (buffers.length > GUARANTEED.maxStorageBuffersPerShaderStage)
      throw new ShaderCompileError(kernel.name, `expected at most 8 storage buffers, got ${buffers.length}`);
    device.pushErrorScope('internal');
    device.pushErrorScope('validation');
    let module: GPUShaderModule | undefined;
    let result: CompiledKernel | undefined;
    let failure: unknown;
    try {
      module = device.createShaderModule({ label: kernel.name, code });
      const entries: GPUBindGroupLayoutEntry[] = Object.values(kernel.bindings).map(({ access }, binding) => ({
        binding,
        visibility: COMPUTE,
        buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
      }));
      if (kernel.uniforms)
        entries.push({ binding: entries.length, visibility: COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } });
      const layout = device.createBindGroupLayout({ label: kernel.name, entries });
      const pipeline = await device.createComputePipelineAsync({
        label: kernel.name,
        layout: device.createPipelineLayout({ label: kernel.name, bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main' },
      });
      const uniformBytes = kernel.uniforms ? uniformLayout(kernel.uniforms).sizeBytes : 0;
      result = { name: kernel.name, pipeline, layout, buffers, uniforms: kernel.uniforms, uniformBytes };
    } catch (error) {
      failure = error;
    }
    const scoped = await Promise.all([device.popErrorScope(), device.popErrorScope()]).catch((error: unknown) => {
      throw new DeviceLostError(error instanceof Error ? error.message : String(error));
    });
    const error = scoped[0] ?? scoped[1];
    if (result && !error) return result;
    const messages = module ? await compilerMessages(module, code) : '';
    const reason = messages || error?.message || (failure instanceof Error ? failure.message : String(failure));
    throw new ShaderCompileError(kernel.name, reason.replace(/\s*\n\s*/g, ' '));
  }
}

/** 'line 12:5 unresolved value in "let y = x;"; ...', errors only. */
async function compilerMessages(module: GPUShaderModule, code: string): Promise<string> {
  const lines = code.split('\n');
  const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] as readonly GPUCompilationMessage[] }));
  return messages
    .filter((message) => message.type === 'error')
    .map((message) => `line ${message.lineNum}:${message.linePos} ${message.message} in "${(lines[message.lineNum - 1] ?? '').trim()}"`)
    .join('; ');
}
