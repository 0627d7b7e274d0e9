/** Sizes are rounded up to this, so that buffers of nearly the same size are interchangeable. */
const GRANULE_BYTES = 256;

/** Buffers that were released wait here for the next request of their size and usage. */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #free = new Map<string, GPUBuffer[]>();
  readonly #all = new Set<GPUBuffer>();
  #bytes = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Bytes of all buffers, free ones included. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  /** A buffer of at least `sizeBytes`; its content is whatever was there. Zero bytes give the smallest buffer. */
  acquire(sizeBytes: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer {
    const size = Math.max(Math.ceil(sizeBytes / GRANULE_BYTES), 1) * GRANULE_BYTES;
    const waiting = this.#free.get(`${size}:${usage}`);
    const reused = waiting?.pop();
    if (reused) {
      reused.label = label;
      return reused;
    }
    const buffer = this.#device.createBuffer({ label, size, usage });
    this.#all.add(buffer);
    this.#bytes += size;
    return buffer;
  }

  /** Hands a buffer back. Work already submitted on it still runs before anything the next owner submits. */
  release(buffer: GPUBuffer): void {
    if (!this.#all.has(buffer)) return;
    const key = `${buffer.size}:${buffer.usage}`;
    const waiting = this.#free.get(key);
    if (!waiting) this.#free.set(key, [buffer]);
    else if (!waiting.includes(buffer)) waiting.push(buffer);
  }

  /** Destroys the free buffers. */
  trim(): void {
    for (const waiting of this.#free.values())
      for (const buffer of waiting) {
        this.#all.delete(buffer);
        this.#bytes -= buffer.size;
        buffer.destroy();
      }
    this.#free.clear();
  }

  /** Destroys every buffer, also those in use. */
  destroy(): void {
    for (const buffer of this.#all) buffer.destroy();
    this.#all.clear();
    this.#free.clear();
    this.#bytes = 0;
  }
}
