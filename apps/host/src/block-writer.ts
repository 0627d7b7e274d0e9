import { constants, type FileHandle, open } from 'node:fs/promises';

/** Direct writes begin and end at multiples of this: the largest sector and page size that file systems ask for. */
const ALIGNMENT = 4096;
const BLOCK_BYTES = 2 ** 20;
const BLOCKS = 4;

/**
 * Writes a new file from beginning to end in blocks of 1 MiB, up to four under way. Where the system can, the blocks pass by its page cache (O_DIRECT):
 * a file of gigabytes that nobody reads soon neither drives out what others use nor costs its copy, which is most of the time of writing it.
 */
export class BlockWriter {
  readonly #path: string;
  #file: FileHandle;
  #direct: boolean;
  // memory of WebAssembly begins at a page, which is what direct writes ask for; an ArrayBuffer begins anywhere
  readonly #memory = new Uint8Array(new WebAssembly.Memory({ initial: (BLOCKS * BLOCK_BYTES) / 2 ** 16 }).buffer);
  readonly #writing: Promise<unknown>[] = new Array(BLOCKS).fill(Promise.resolve());
  #block = 0;
  #filled = 0;
  #written = 0;

  private constructor(path: string, file: FileHandle, direct: boolean) {
    this.#path = path;
    this.#file = file;
    this.#direct = direct;
  }

  /** @throws the system's error, `EEXIST` when the file is there already */
  static async create(path: string): Promise<BlockWriter> {
    const file = await open(path, 'wx');
    const direct = await openDirect(path);
    if (direct === undefined) {
      await file.truncate(0);
      return new BlockWriter(path, file, false);
    }
    await file.close();
    return new BlockWriter(path, direct, true);
  }

  /** Takes the bytes over before it returns. @throws the system's error, also one of an earlier write */
  async write(bytes: Uint8Array): Promise<void> {
    for (let taken = 0; taken < bytes.length; ) {
      // a block that is on its way cannot be filled
      if (this.#filled === 0) await this.#writing[this.#block];
      const part = bytes.subarray(taken, taken + BLOCK_BYTES - this.#filled);
      this.#memory.set(part, this.#block * BLOCK_BYTES + this.#filled);
      this.#filled += part.length;
      taken += part.length;
      if (this.#filled === BLOCK_BYTES) this.#send();
    }
  }

  /** Everything is on the disk when it resolves. @throws the system's error */
  async finish(): Promise<void> {
    await Promise.all(this.#writing);
    if (this.#filled > 0) {
      const rest = this.#memory.subarray(this.#block * BLOCK_BYTES, this.#block * BLOCK_BYTES + this.#filled);
      if (this.#direct && this.#filled % ALIGNMENT !== 0) await this.#goIndirect();
      await writeAll(this.#file, rest, this.#written);
      this.#filled = 0;
    }
    await this.#file.sync();
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#writing);
    await this.#file.close();
  }

  #send(): void {
    const from = this.#block * BLOCK_BYTES;
    const writing = writeAll(this.#file, this.#memory.subarray(from, from + BLOCK_BYTES), this.#written);
    // looked at when its block is needed again; without this a failure in between would be unhandled
    writing.catch(() => {});
    this.#writing[this.#block] = writing;
    this.#block = (this.#block + 1) % BLOCKS;
    this.#written += BLOCK_BYTES;
    this.#filled = 0;
  }

  /** The end of a file is seldom aligned. */
  async #goIndirect(): Promise<void> {
    await this.#file.close();
    this.#file = await open(this.#path, 'r+');
    this.#direct = false;
  }
}

/** undefined where the system or the file system has no such writes: some refuse to open, some to write. */
async function openDirect(path: string): Promise<FileHandle | undefined> {
  if (constants.O_DIRECT === undefined) return undefined;
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_WRONLY | constants.O_DIRECT);
    const probe = new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer, 0, ALIGNMENT);
    await writeAll(file, probe, 0);
    await file.truncate(0);
    return file;
  } catch {
    await file?.close();
    return undefined;
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}
