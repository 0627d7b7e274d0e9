import { type FileStore, RunFolderError, type StageName } from '@gestalt3d/core';
import { readJson, toJson } from './artifacts/artifact-format.ts';
import type { RunOptions } from './run-options.ts';

/** A model that a stage used. */
export interface ModelRecord {
  id: string;
  revision: string;
  licence: string;
  /** Imported weights: what their licence asks, and where they come from. */
  terms?: string;
  source?: string;
  /** Of its manifest, which holds the hashes of all its files. */
  sha256: string;
}

/** What stages.json keeps of a finished stage. */
export interface StageRecord {
  /** Hash of everything that the result follows from. */
  key: string;
  /** File name to SHA-256. */
  files: Record<string, string>;
  milliseconds: number;
  /** What made it, where that was a model. */
  model?: ModelRecord;
  /** The options that it depends on, as they were. */
  options?: Partial<RunOptions>;
}

/** Lower-case hex SHA-256. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * A run folder and the record of what is finished in it. A stage counts as finished only while every one of its files
 * has the recorded hash, so a file that was cut short, edited or deleted is never trusted.
 */
export class RunFolder {
  readonly store: FileStore;
  readonly #records: Partial<Record<StageName, StageRecord>>;

  private constructor(store: FileStore, records: Partial<Record<StageName, StageRecord>>) {
    this.store = store;
    this.#records = records;
  }

  static async open(store: FileStore): Promise<RunFolder> {
    return new RunFolder(store, (await readJson<Partial<Record<StageName, StageRecord>>>(store, 'stages.json')) ?? {});
  }

  record(stage: StageName): StageRecord | undefined {
    return this.#records[stage];
  }

  /** True if the stage's record has this key and its files are intact. */
  async isFinished(stage: StageName, key?: string): Promise<boolean> {
    const record = this.#records[stage];
    if (!record || (key !== undefined && record.key !== key)) return false;
    for (const [name, hash] of Object.entries(record.files)) {
      const bytes = await this.store.read(name);
      if (!bytes || (await sha256(bytes)) !== hash) return false;
    }
    return true;
  }

  /** Forgets a stage before its files change. */
  async forget(stage: StageName): Promise<void> {
    if (!this.#records[stage]) return;
    delete this.#records[stage];
    await this.#write();
  }

  /** Writes a stage's files, then its record; files of an earlier result that are not written again are removed. */
  async commit(
    stage: StageName,
    key: string,
    files: ReadonlyMap<string, Uint8Array>,
    milliseconds: number,
    origin: Pick<StageRecord, 'model' | 'options'> = {},
  ): Promise<void> {
    const previous = Object.keys(this.#records[stage]?.files ?? {});
    await this.forget(stage);
    const hashes: Record<string, string> = {};
    for (const [name, bytes] of files) {
      await this.store.write(name, bytes);
      hashes[name] = await sha256(bytes);
    }
    for (const name of previous) if (!files.has(name)) await this.store.remove(name);
    this.#records[stage] = { key, files: hashes, milliseconds, ...origin };
    await this.#write();
  }

  async read(name: string): Promise<Uint8Array> {
    const bytes = await this.store.read(name);
    if (!bytes) throw new RunFolderError(`the file ${name} in ${this.store.location}`, 'none', 'run the stage that makes it first');
    return bytes;
  }

  /** Hash of a finished stage's file. @throws RunFolderError when that stage has not finished */
  fileHash(stage: StageName, name: string): string {
    const hash = this.#records[stage]?.files[name];
    if (!hash)
      throw new RunFolderError(
        `a finished ${stage} stage with ${name} in ${this.store.location}`,
        'none',
        `run gestalt3d ${stage} on it first`,
      );
    return hash;
  }

  async #write(): Promise<void> {
    await this.store.write('stages.json', toJson(this.#records));
  }
}
