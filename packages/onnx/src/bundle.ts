import { type FileStore, MemoryShortError, ModelCorruptError, ModelMissingError } from '@gestalt3d/core';
import type { InferenceBackend, RuntimeSession } from './backend.ts';
import { type BundleManifest, type FileSpec, type GraphSpec, parseManifest } from './manifest.ts';
import { Session } from './session.ts';

/**
 * Memory while a session opens, per byte of weights, as measured with onnxruntime-node 1.30 on CLIP's and SAM's image towers and rounded up: what the
 * runtime keeps, twice that where it widens fp16, what a run unpacks of 8-bit weights at a time (pix2gestalt's UNet), and what passing weights in
 * buffers takes beside it.
 */
const PER_BYTE = { kept: 1.2, widened: 2.4, unpacked: 2, read: 1.8 };

/** What became of a file that a manifest lists. */
export type FileVerdict = 'ok' | 'missing' | { damaged: string };

/** Holds the files of a bundle against its manifest. */
export interface FileVerifier {
  /** @throws the signal's reason */
  check(file: FileSpec, signal?: AbortSignal): Promise<FileVerdict>;
}

export interface LoadOptions {
  /** Default: every file is read whole and hashed. An app may know a cheaper way for files of gigabytes. */
  verifier?: FileVerifier;
  signal?: AbortSignal;
}

/** A model on disk: a folder with `bundle.json`, the graphs it names, and whatever else it lists. */
export class ModelBundle {
  readonly manifest: BundleManifest;
  /** SHA-256 of `bundle.json`, which holds the hashes of all other files: changes when any byte of the model does. */
  readonly hash: string;
  readonly #store: FileStore;

  private constructor(manifest: BundleManifest, hash: string, store: FileStore) {
    this.manifest = manifest;
    this.hash = hash;
    this.#store = store;
  }

  /**
   * Reads the manifest and checks every file's size and SHA-256.
   * @throws ModelMissingError when the manifest or a file is not there, ModelCorruptError when bytes differ; either names all such files
   */
  static async load(store: FileStore, { verifier = readingVerifier(store), signal }: LoadOptions = {}): Promise<ModelBundle> {
    const bytes = await store.read('bundle.json');
    if (bytes === undefined) throw new ModelMissingError('bundle.json', store.location);
    const manifest = parseManifest(new TextDecoder().decode(bytes), store.location);
    const missing: string[] = [];
    const damaged: string[] = [];
    for (const file of manifest.files) {
      signal?.throwIfAborted();
      const verdict = await verifier.check(file, signal);
      if (verdict === 'missing') missing.push(file.path);
      else if (verdict !== 'ok') damaged.push(verdict.damaged);
    }
    if (damaged.length > 0)
      throw new ModelCorruptError(manifest.id, [...damaged, ...missing.map((path) => `${path} is missing`)].join('; '));
    if (missing.length > 0) throw new ModelMissingError(missing.join(', '), store.location);
    return new ModelBundle(manifest, await sha256Hex(bytes), store);
  }

  get id(): string {
    return this.manifest.id;
  }

  /** @throws ModelCorruptError when the bundle has no graph of that role */
  graph(role: string): GraphSpec {
    const graph = this.manifest.graphs[role];
    if (graph === undefined)
      throw new ModelCorruptError(this.id, `no graph named ${role}, only ${Object.keys(this.manifest.graphs).join(', ')}`);
    return graph;
  }

  /** One of the files that the manifest lists. @throws ModelMissingError */
  async file(path: string): Promise<Uint8Array> {
    const content = await this.#store.read(path);
    if (content === undefined) throw new ModelMissingError(path, this.#store.location);
    return content;
  }

  /** Memory that opening a session takes, bytes, roughly: see PER_BYTE. */
  peakBytes(role: string, backend: InferenceBackend): number {
    const { file, externalData = [] } = this.graph(role);
    const used = this.manifest.files.filter(({ path }) => path === file || externalData.includes(path));
    const { precision } = this.manifest;
    const widened = precision === 'float16' && (backend.provider === 'cpu' || backend.provider === 'wasm');
    const kept = widened ? PER_BYTE.widened : precision === 'int8' ? PER_BYTE.unpacked : PER_BYTE.kept;
    const perByte = kept + (this.#isMapped(role, backend) ? 0 : PER_BYTE.read);
    return Math.ceil(perByte * used.reduce((sum, { bytes }) => sum + bytes, 0));
  }

  /** Whether the runtime reads the weights from disk itself. */
  #isMapped(role: string, backend: InferenceBackend): boolean {
    return (this.graph(role).externalData ?? []).length > 0 && this.#store.pathOf !== undefined && backend.openFile !== undefined;
  }

  /**
   * Opens a session for the graph of a role. Who opens it disposes it.
   * @throws ModelCorruptError when the runtime cannot load it, or when its names and types are not the manifest's; MemoryShortError before anything
   *   is read, when there is no room
   */
  async open(role: string, backend: InferenceBackend): Promise<Session> {
    const spec = this.graph(role);
    const free = backend.freeBytes?.() ?? Number.POSITIVE_INFINITY;
    const peak = this.peakBytes(role, backend);
    if (peak > free) throw new MemoryShortError(`${this.id}/${role}`, peak, free);
    return Session.open(`${this.id}/${role}`, spec, await this.#openRuntime(role, backend));
  }

  async #openRuntime(role: string, backend: InferenceBackend): Promise<RuntimeSession> {
    const spec = this.graph(role);
    const external = spec.externalData ?? [];
    try {
      if (this.#isMapped(role, backend)) return await backend.openFile!(this.#store.pathOf!(spec.file));
      const model = await this.file(spec.file);
      return await backend.createSession(model, await Promise.all(external.map(async (path) => ({ path, data: await this.file(path) }))));
    } catch (error) {
      if (error instanceof ModelMissingError) throw error;
      throw new ModelCorruptError(`${this.id}/${spec.file}`, `${backend.provider} does not load it: ${firstLine(error)}`, error);
    }
  }

  /**
   * A session for as long as `work` takes, so that the weights of one graph are gone before those of the next come.
   * @throws as `open`, and whatever `work` throws
   */
  async using<T>(role: string, backend: InferenceBackend, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.open(role, backend);
    try {
      return await work(session);
    } finally {
      await session.dispose();
    }
  }
}

/** What to say of a file by its size and hash; `sha256` is asked for only where the size is right. */
export async function verdictOf(file: FileSpec, bytes: number, sha256: () => Promise<string>): Promise<FileVerdict> {
  if (bytes !== file.bytes) return { damaged: `${file.path} has ${bytes} bytes, expected ${file.bytes}` };
  if ((await sha256()) !== file.sha256) return { damaged: `${file.path} has another SHA-256 than its manifest says` };
  return 'ok';
}

function readingVerifier(store: FileStore): FileVerifier {
  return {
    async check(file) {
      const content = await store.read(file.path);
      return content === undefined ? 'missing' : verdictOf(file, content.length, () => sha256Hex(content));
    },
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 200);
}

/** SHA-256 in hexadecimal. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
