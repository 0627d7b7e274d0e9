import { DeviceLostError } from '@gestalt3d/core';
import { BufferPool } from './buffer-pool.ts';
import { type Kernel, packUniforms, type UniformValues } from './kernel.ts';
import { foldGroups, GUARANTEED } from './limits.ts';
import { type CompiledKernel, PipelineCache } from './pipeline-cache.ts';

/** Buffers of a dispatch by the kernel's binding names. */
export type BufferMap = Readonly<Record<string, GPUBuffer>>;

/** How many workgroups: a number (folded above 65,535), or three numbers in a buffer that an earlier kernel wrote. */
export type Groups = number | { indirect: GPUBuffer; offsetBytes?: number };

type Command =
  | { kind: 'dispatch'; kernel: CompiledKernel; buffers: BufferMap; uniformAt: number; groups: Groups }
  | { kind: 'clear'; buffer: GPUBuffer; offsetBytes: number; sizeBytes: number | undefined }
  | { kind: 'copy'; from: GPUBuffer; fromBytes: number; to: GPUBuffer; toBytes: number; sizeBytes: number };

type NumberArrayConstructor<T> = { new (buffer: ArrayBuffer): T; readonly BYTES_PER_ELEMENT: number };

const STORAGE = 0x80 | 0x08 | 0x04; // STORAGE | COPY_DST | COPY_SRC: numbers, because the GPUBufferUsage global may not exist yet
const INDIRECT = 0x100;
const UNIFORM = 0x40 | 0x08;
const MAP_READ = 0x01 | 0x08;

const runners = new WeakMap<GPUDevice, GpuRunner>();

/**
 * Everything that runs kernels on one device: pipelines, buffers, command batches, read-back. One per device (`gpuRunner`).
 * A lost device or an error that no scope caught makes every later call, and every read or wait under way, reject with DeviceLostError:
 * nothing computed after that can be trusted.
 */
export class GpuRunner {
  readonly device: GPUDevice;
  readonly pool: BufferPool;
  readonly #pipelines: PipelineCache;
  readonly #broken: Promise<never>;
  readonly #bindGroups = new WeakMap<GPUComputePipeline, { buffers: GPUBuffer[]; group: GPUBindGroup }[]>();
  #failure: DeviceLostError | undefined;

  constructor(device: GPUDevice) {
    this.device = device;
    this.pool = new BufferPool(device);
    this.#pipelines = new PipelineCache(device);
    this.#broken = new Promise<never>((_, reject) => {
      const fail = (reason: string) => {
        this.#failure ??= new DeviceLostError(reason);
        reject(this.#failure);
      };
      device.lost.then((info) => fail(info.message || info.reason || 'no reason given'));
      device.addEventListener('uncapturederror', (event) => {
        event.preventDefault();
        fail(event.error.message.replace(/\s*\n\s*/g, ' '));
      });
    });
    // whoever waits gets the rejection; nobody waiting is not an unhandled rejection
    this.#broken.catch(() => undefined);
  }

  /** @throws DeviceLostError once the device is lost or has reported an error */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** The promise, or DeviceLostError if the device fails first. */
  async guard<T>(promise: Promise<T>): Promise<T> {
    // handlers first: the promise of a device that is already gone must not reject unseen
    const translated = promise.catch((error: unknown) => this.#translate(error));
    const value = await Promise.race([translated, this.#broken]);
    this.check();
    return value;
  }

  async #translate(error: unknown): Promise<never> {
    // a mapping aborts just before the loss is announced: let the announcement come first
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    this.check();
    if (error instanceof Error && (error.name === 'AbortError' || error.name === 'OperationError'))
      throw new DeviceLostError(error.message);
    throw error;
  }

  /** Compiles a kernel, or finds it compiled. @throws ShaderCompileError */
  compile<Params>(kernel: Kernel<Params>, params: Params): Promise<CompiledKernel> {
    return this.guard(this.#pipelines.get(kernel, params));
  }

  /** Storage buffer from the pool, not cleared. `indirect`: also usable for workgroup counts. */
  storage(sizeBytes: number, label: string, options: { indirect?: boolean } = {}): GPUBuffer {
    this.check();
    return this.pool.acquire(sizeBytes, options.indirect ? STORAGE | INDIRECT : STORAGE, label);
  }

  /** Storage buffer from the pool that holds `data`. */
  upload(data: ArrayBufferView, label: string): GPUBuffer {
    const buffer = this.storage(data.byteLength, label);
    this.write(buffer, data);
    return buffer;
  }

  /** Writes bytes; a tail of 1 to 3 bytes is padded with zeros. */
  write(buffer: GPUBuffer, data: ArrayBufferView, offsetBytes = 0): void {
    let bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    if (bytes.length % 4 !== 0) {
      const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
      padded.set(bytes);
      bytes = padded;
    }
    if (bytes.length > 0) this.device.queue.writeBuffer(buffer, offsetBytes, bytes);
  }

  /** A list of commands that runs in order, in one submission. */
  batch(label: string): Batch {
    this.check();
    return new Batch(this, label);
  }

  /** Copies `count` elements back; waits for everything submitted before. */
  async read<T extends Float32Array | Uint32Array | Int32Array>(
    buffer: GPUBuffer,
    type: NumberArrayConstructor<T>,
    count: number,
    offsetBytes = 0,
  ): Promise<T> {
    this.check();
    const sizeBytes = count * type.BYTES_PER_ELEMENT;
    if (sizeBytes === 0) return new type(new ArrayBuffer(0));
    const staging = this.pool.acquire(sizeBytes, MAP_READ, 'gpu/read');
    const encoder = this.device.createCommandEncoder({ label: 'gpu/read' });
    encoder.copyBufferToBuffer(buffer, offsetBytes, staging, 0, sizeBytes);
    this.device.queue.submit([encoder.finish()]);
    await this.guard(staging.mapAsync(1, 0, sizeBytes));
    const out = new type(staging.getMappedRange(0, sizeBytes).slice(0));
    staging.unmap();
    this.pool.release(staging);
    return out;
  }

  /** Waits until everything submitted has run. */
  async done(): Promise<void> {
    await this.guard(this.device.queue.onSubmittedWorkDone());
  }

  /** Destroys all buffers of the pool. The device stays its owner's. */
  dispose(): void {
    this.pool.destroy();
    runners.delete(this.device);
  }

  /** @internal */
  bindGroup(kernel: CompiledKernel, buffers: BufferMap, uniforms: GPUBuffer | undefined): GPUBindGroup {
    const list = kernel.buffers.map((name) => {
      const buffer = buffers[name];
      if (!buffer) throw new RangeError(`kernel ${kernel.name}: expected a buffer for ${name}, got none`);
      return buffer;
    });
    if (uniforms) list.push(uniforms);
    let known = this.#bindGroups.get(kernel.pipeline);
    if (!known) this.#bindGroups.set(kernel.pipeline, (known = []));
    const same = known.find((entry) => entry.buffers.every((buffer, i) => buffer === list[i]));
    if (same) return same.group;
    const entries = list.map((buffer, binding) => ({
      binding,
      resource: buffer === uniforms && binding === kernel.buffers.length ? { buffer, size: kernel.uniformBytes } : { buffer },
    }));
    const group = this.device.createBindGroup({ label: kernel.name, layout: kernel.layout, entries });
    known.push({ buffers: list, group });
    if (known.length > 16) known.shift();
    return group;
  }
}

/** The runner of a device; always the same one. */
export function gpuRunner(device: GPUDevice): GpuRunner {
  let runner = runners.get(device);
  if (!runner) runners.set(device, (runner = new GpuRunner(device)));
  return runner;
}

/** Commands that are recorded first and encoded on submit, so that all their uniforms travel in one write. */
export class Batch {
  readonly #runner: GpuRunner;
  readonly #label: string;
  readonly #commands: Command[] = [];
  #uniforms = new ArrayBuffer(4096);
  #uniformBytes = 0;

  constructor(runner: GpuRunner, label: string) {
    this.#runner = runner;
    this.#label = label;
  }

  /** Runs a kernel after everything recorded before; what it writes is visible to everything after. */
  dispatch(kernel: CompiledKernel, buffers: BufferMap, uniforms: UniformValues, groups: Groups): this {
    const uniformAt = this.#uniformBytes;
    if (kernel.uniforms) {
      this.#uniformBytes += Math.ceil(kernel.uniformBytes / 256) * GUARANTEED.minUniformBufferOffsetAlignment;
      if (this.#uniformBytes > this.#uniforms.byteLength) {
        const grown = new ArrayBuffer(Math.max(this.#uniforms.byteLength * 2, this.#uniformBytes));
        new Uint8Array(grown).set(new Uint8Array(this.#uniforms));
        this.#uniforms = grown;
      }
      packUniforms(this.#uniforms, uniformAt, kernel.uniforms, uniforms);
    }
    this.#commands.push({ kind: 'dispatch', kernel, buffers, uniformAt, groups });
    return this;
  }

  /** Zeros (part of) a buffer. */
  clear(buffer: GPUBuffer, offsetBytes = 0, sizeBytes?: number): this {
    this.#commands.push({ kind: 'clear', buffer, offsetBytes, sizeBytes });
    return this;
  }

  copy(from: GPUBuffer, to: GPUBuffer, sizeBytes: number, fromBytes = 0, toBytes = 0): this {
    this.#commands.push({ kind: 'copy', from, fromBytes, to, toBytes, sizeBytes });
    return this;
  }

  /** Sends the commands. Returns at once; `runner.done()` or a read waits for them. */
  submit(): void {
    const runner = this.#runner;
    runner.check();
    const { device } = runner;
    let uniforms: GPUBuffer | undefined;
    if (this.#uniformBytes > 0) {
      // the size is rounded so that batches of about the same length share one buffer and its bind groups
      uniforms = runner.pool.acquire(Math.ceil(this.#uniformBytes / 65536) * 65536, UNIFORM, 'gpu/uniforms');
      device.queue.writeBuffer(uniforms, 0, this.#uniforms, 0, this.#uniformBytes);
    }
    const encoder = device.createCommandEncoder({ label: this.#label });
    let pass: GPUComputePassEncoder | undefined;
    for (const command of this.#commands) {
      if (command.kind === 'dispatch') {
        pass ??= encoder.beginComputePass({ label: this.#label });
        const { kernel, groups } = command;
        pass.setPipeline(kernel.pipeline);
        const group = runner.bindGroup(kernel, command.buffers, kernel.uniforms ? uniforms : undefined);
        pass.setBindGroup(0, group, kernel.uniforms ? [command.uniformAt] : []);
        if (typeof groups === 'number') {
          if (groups > 0) pass.dispatchWorkgroups(...foldGroups(groups));
        } else pass.dispatchWorkgroupsIndirect(groups.indirect, groups.offsetBytes ?? 0);
        continue;
      }
      pass?.end();
      pass = undefined;
      if (command.kind === 'clear') encoder.clearBuffer(command.buffer, command.offsetBytes, command.sizeBytes);
      else encoder.copyBufferToBuffer(command.from, command.fromBytes, command.to, command.toBytes, command.sizeBytes);
    }
    pass?.end();
    device.queue.submit([encoder.finish()]);
    // queue order makes this safe: the next owner's write comes after this submission
    if (uniforms) runner.pool.release(uniforms);
    this.#commands.length = 0;
    this.#uniformBytes = 0;
  }
}
