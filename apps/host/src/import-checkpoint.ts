import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DiskFullError, GestaltError, OptionError, StorageError } from '@gestalt3d/core';
import { ClipTokenizer, type ModelRecipe, recipeFor, type WeightPrecision } from '@gestalt3d/networks';
import {
  type BundleManifest,
  type Checkpoint,
  type EncodedGraph,
  encodeGraph,
  externalFileBytes,
  type FileSpec,
  type GraphBuilder,
  openCheckpoint,
  parseManifest,
} from '@gestalt3d/onnx';
import { BlockWriter } from './block-writer.ts';
import { openFileByteSource } from './file-byte-source.ts';
import { hashOf } from './recording-verifier.ts';

export interface ImportOptions {
  /** The checkpoint. */
  file: string;
  /** Folder with one folder a bundle. */
  modelsDir: string;
  /** Insist on a model instead of recognising it. */
  as?: ModelRecipe['id'];
  /** Of the weights in the bundle. */
  precision: WeightPrecision;
  /** Use the moving average of the weights where there is one. */
  ema: boolean;
  /** CLIP: the merges of its byte-pair encoding, plain or gzipped; they go into the bundle. */
  vocabulary?: string;
  signal?: AbortSignal;
  /** Bytes of the bundle that are written. */
  onProgress?(done: number, total: number): void;
}

export interface ImportResult {
  id: ModelRecipe['id'];
  /** `kept`: the same weights in the same precision were installed already. */
  state: 'imported' | 'kept';
  folder: string;
  bytes: number;
  precision: WeightPrecision;
  licence: string;
  terms: string;
  source: string;
  notes: string[];
}

/** Changes when the same checkpoint would give another bundle. */
const IMPORTER_VERSION = 2;

/**
 * Reads a published checkpoint and writes a model bundle. All or nothing: everything is written to a folder beside the target first, and a folder
 * counts as a bundle only from the moment its `bundle.json` is there, which is written last.
 * @throws CheckpointDamagedError, CheckpointUnsafeError, CheckpointUnknownError, OptionError (int8 for a model without a UNet), StorageError, DiskFullError, the signal's reason
 */
export async function importCheckpoint(options: ImportOptions): Promise<ImportResult> {
  const { signal, precision } = options;
  const source = await openFileByteSource(options.file);
  try {
    const checkpoint = await openCheckpoint(source);
    const recipe = recipeFor(checkpoint, options.as);
    if (precision === 'int8' && !recipe.hasUNet) throw new OptionError('--precision', `fp32 or fp16 for ${recipe.id}`, 'int8');
    const vocabulary = options.vocabulary === undefined ? undefined : await readVocabulary(options.vocabulary);
    const fingerprint = await fingerprintOf(checkpoint, [IMPORTER_VERSION, precision, options.ema, vocabulary?.length ?? 0].join(), signal);
    const folder = resolve(options.modelsDir, recipe.id);
    const common = { id: recipe.id, folder, precision, licence: recipe.licence, terms: recipe.terms, source: recipe.source };
    const installed = await installedBytes(folder, fingerprint, signal);
    if (installed !== undefined) return { ...common, state: 'kept', bytes: installed, notes: [] };

    const {
      graphs,
      manifest: extra,
      notes,
    } = await recipe.recognise(checkpoint, { precision, ema: options.ema, ...(signal ? { signal } : {}) });
    const encoded = Object.entries(graphs).map(([role, graph]) => ({ role, graph, encoded: encodeGraph(graph, role) }));
    await removeLeftovers(options.modelsDir, recipe.id);
    const total = encoded.reduce((sum, graph) => sum + bytesOf(graph.encoded), 0);
    const temporary = join(options.modelsDir, `.import-${recipe.id}-${process.pid}`);
    try {
      await mkdir(temporary, { recursive: true });
      const disk = await statfs(temporary);
      if (disk.bavail * disk.bsize < total) throw new DiskFullError(folder, total);
      const files = await writeFiles(temporary, encoded, total, options);
      if (vocabulary !== undefined) files.push(await writeFile(temporary, 'vocabulary.txt', [new TextEncoder().encode(vocabulary)]));
      const manifest: BundleManifest = {
        schemaVersion: 1,
        id: recipe.id,
        revision: `${fingerprint.slice(0, 12)}-${precision}`,
        licence: recipe.licence,
        terms: recipe.terms,
        origin: { source: recipe.source, file: source.name, bytes: source.size, format: checkpoint.format, fingerprint },
        precision,
        files,
        graphs: Object.fromEntries(encoded.map(({ role, encoded: { spec } }) => [role, spec])),
        ...extra,
      };
      signal?.throwIfAborted();
      await replace(folder, temporary, manifest);
      return { ...common, state: 'imported', bytes: files.reduce((sum, file) => sum + file.bytes, 0), notes };
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw asStorageError(error, folder, total, signal);
    }
  } finally {
    await source.close();
  }
}

/** Of the weights and of everything that decides what is made of them. */
async function fingerprintOf({ identity, source }: Checkpoint, settings: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256').update(settings);
  if (identity !== undefined) return hash.update(identity).digest('hex');
  // no checksums inside: the whole file is its own
  const step = 4 * 2 ** 20;
  for (let at = 0; at < source.size; at += step) {
    signal?.throwIfAborted();
    hash.update(await source.read(at, Math.min(step, source.size - at)));
  }
  return hash.digest('hex');
}

/** Size of the bundle when it is this one and whole, byte for byte; undefined otherwise, so that importing again repairs it. */
async function installedBytes(folder: string, fingerprint: string, signal?: AbortSignal): Promise<number | undefined> {
  try {
    const manifest = parseManifest(await readFile(join(folder, 'bundle.json'), 'utf8'), folder);
    if ((manifest.origin as { fingerprint?: unknown } | undefined)?.fingerprint !== fingerprint) return undefined;
    for (const file of manifest.files) {
      const path = join(folder, file.path);
      if ((await stat(path)).size !== file.bytes) return undefined;
      if ((await hashOf(path, signal)) !== file.sha256) return undefined;
    }
    return manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

async function writeFiles(
  folder: string,
  graphs: { graph: GraphBuilder; encoded: EncodedGraph }[],
  total: number,
  { signal, onProgress }: ImportOptions,
): Promise<FileSpec[]> {
  let done = 0;
  const count = (bytes: number): void => onProgress?.((done += bytes), total);
  const files: FileSpec[] = [];
  for (const { graph, encoded } of graphs) {
    files.push(await writeFile(folder, encoded.spec.file, [encoded.model], count));
    for (const file of encoded.external) files.push(await writeFile(folder, file.path, externalFileBytes(graph, file, signal), count));
  }
  return files;
}

const bytesOf = ({ model, external }: EncodedGraph): number => external.reduce((sum, file) => sum + file.bytes, model.length);

/** Writes pieces as they come and hashes them meanwhile. */
async function writeFile(
  folder: string,
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  count?: (bytes: number) => void,
): Promise<FileSpec> {
  const hash = createHash('sha256');
  const file = await BlockWriter.create(join(folder, path));
  let bytes = 0;
  try {
    for await (const piece of pieces) {
      hash.update(piece);
      await file.write(piece);
      bytes += piece.length;
      count?.(piece.length);
    }
    await file.finish();
  } finally {
    await file.close();
  }
  return { path, bytes, sha256: hash.digest('hex') };
}

/** Puts the new folder where the old one was. Without its manifest neither counts as installed, whatever happens in between. */
async function replace(folder: string, temporary: string, manifest: BundleManifest): Promise<void> {
  await rm(join(folder, 'bundle.json'), { force: true });
  await rm(folder, { recursive: true, force: true });
  await rename(temporary, folder);
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  const draft = join(folder, '.bundle.json.tmp');
  await writeFile(folder, '.bundle.json.tmp', [new TextEncoder().encode(text)]);
  await rename(draft, join(folder, 'bundle.json'));
}

/** Folders of imports that were killed. */
async function removeLeftovers(modelsDir: string, id: string): Promise<void> {
  const names = await readdir(modelsDir).catch(() => []);
  for (const name of names) if (name.startsWith(`.import-${id}-`)) await rm(join(modelsDir, name), { recursive: true, force: true });
}

/** The text of a vocabulary file. @throws StorageError */
async function readVocabulary(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: 64 * 2 ** 20 }) : bytes).toString('utf8');
    // fails here rather than at the first label
    new ClipTokenizer(text).encode('a photo', 77);
    return text;
  } catch (error) {
    if (error instanceof GestaltError) throw error;
    throw new StorageError(path, 'read', (error as NodeJS.ErrnoException).code ?? 'it is no vocabulary', error);
  }
}

function asStorageError(error: unknown, path: string, bytes: number, signal?: AbortSignal): unknown {
  if (error instanceof GestaltError || signal?.aborted) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new DiskFullError(path, bytes, error);
  return code === undefined ? error : new StorageError(path, 'write', code, error);
}
