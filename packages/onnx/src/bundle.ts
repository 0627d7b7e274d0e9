import { type FileStore, ModelCorruptError, ModelMissingError } from '@gestalt3d/core';
import type { InferenceBackend } from './backend.ts';
import { type BundleManifest, type GraphSpec, parseManifest } from './manifest.ts';
import { Session } from './session.ts';

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
  static async load(store: FileStore, signal?: AbortSignal): Promise<ModelBundle> {
    const bytes = await store.read('bundle.json');
    if (bytes === undefined) throw new ModelMissingError('bundle.json', store.location);
    const manifest = parseManifest(new TextDecoder().decode(bytes), store.location);
    const missing: string[] = [];
    const damaged: string[] = [];
    for (const file of manifest.files) {
      signal?.throwIfAborted();
      const content = await store.read(file.path);
      if (content === undefined) missing.push(file.path);
      else if (content.length !== file.bytes) damaged.push(`${file.path} has ${content.length} bytes, expected ${file.bytes}`);
      else if ((await sha256Hex(content)) !== file.sha256) damaged.push(`${file.path} has another SHA-256 than its manifest says`);
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

  /**
   * Opens a session for the graph of a role. Who opens it disposes it.
   * @throws ModelCorruptError when the runtime cannot load it, or when its names and types are not the manifest's
   */
  async open(role: string, backend: InferenceBackend): Promise<Session> {
    const spec = this.graph(role);
    const model = await this.file(spec.file);
    const externalData = await Promise.all((spec.externalData ?? []).map(async (path) => ({ path, data: await this.file(path) })));
    return Session.open(`${this.id}/${role}`, spec, await openGraph(backend, `${this.id}/${spec.file}`, model, externalData));
  }
}

async function openGraph(
  backend: InferenceBackend,
  what: string,
  model: Uint8Array,
  externalData: { path: string; data: Uint8Array }[],
): ReturnType<InferenceBackend['createSession']> {
  try {
    return await backend.createSession(model, externalData);
  } catch (error) {
    throw new ModelCorruptError(what, `${backend.provider} does not load it: ${firstLine(error)}`, error);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 200);
}

/** SHA-256 in hexadecimal. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
