import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GestaltError, ModelMissingError, ModelNotImportedError, OptionError, type StageName } from '@gestalt3d/core';
import type { ModelRecipe } from '@gestalt3d/networks';
import { type BundleManifest, ModelBundle, parseManifest } from '@gestalt3d/onnx';
import type { ModelChoice } from '@gestalt3d/pipeline';
import { createFileStore } from './file-store.ts';
import { recordingVerifier } from './recording-verifier.ts';

/** Folders of the bundles that ship, below the models' folder. */
export const EMBEDDED = ['segment', 'complete', 'views', 'recognise'] as const;

/** Imported models, and the file that their publishers offer. */
const PUBLISHED: Record<ModelRecipe['id'], string> = {
  pix2gestalt: 'epoch=000005.ckpt',
  syncdreamer: 'syncdreamer-pretrain.ckpt',
  clip: 'ViT-L-14.pt --vocabulary bpe_simple_vocab_16e6.txt.gz',
  sam: 'sam_vit_h.pth',
};

export interface ModelSummary {
  /** Folder below the models' folder, and the name that `verify` and `remove` take. */
  name: string;
  id: string;
  revision: string;
  licence: string;
  /** `embedded`: ships with the repository. */
  kind: 'embedded' | 'imported';
  /** Of the weights, where the manifest says so. */
  precision?: string;
  /** Imported: where the weights come from, and which file was read. */
  source?: string;
  file?: string;
  sizeBytes: number;
  /** `ok`, or what is wrong with it. */
  state: string;
}

/** Folder of the bundle behind a stage. Undefined for a stage without a model. */
export function bundleOf(stage: StageName, choice?: ModelChoice): string | undefined {
  if (stage === 'segment' && choice?.segmenter === 'sam') return 'sam';
  if (stage === 'complete' && choice?.completionModel === 'pix2gestalt') return 'pix2gestalt';
  if (stage === 'views' && choice?.views === 'syncdreamer') return 'syncdreamer';
  return EMBEDDED.find((name) => name === stage);
}

/** @throws ModelNotImportedError when it is a published model and its folder holds no bundle */
export async function expectInstalled(modelsDir: string, name: string): Promise<void> {
  const file = PUBLISHED[name as ModelRecipe['id']];
  if (file !== undefined && !(await hasManifest(join(modelsDir, name)))) throw new ModelNotImportedError(name, modelsDir, file);
}

/** What says what an object is: the bundle that ships, or imported CLIP weights. */
export const RECOGNISERS = ['embedded', 'clip'] as const;
export type Recogniser = (typeof RECOGNISERS)[number];

/** CLIP where it is imported, unless chosen otherwise. @throws OptionError for an unknown choice */
export async function recogniserOf(modelsDir: string, choice?: string): Promise<Recogniser> {
  if (choice === undefined) return (await hasManifest(join(modelsDir, 'clip'))) ? 'clip' : 'embedded';
  const known = RECOGNISERS.find((name) => name === choice);
  if (known === undefined) throw new OptionError('recogniser', RECOGNISERS.join(' or '), choice);
  return known;
}

/** The bundles of a folder. Embedded ones are checked byte for byte; imported ones, which may have gigabytes, by the sizes of their files. */
export async function listModels(modelsDir: string): Promise<ModelSummary[]> {
  const summaries: ModelSummary[] = [];
  for (const name of await namesIn(modelsDir)) {
    const kind = isEmbedded(name) ? 'embedded' : 'imported';
    try {
      const manifest = kind === 'embedded' ? (await loadModel(modelsDir, name)).manifest : await readManifest(modelsDir, name);
      summaries.push({ name, ...described(manifest), kind, state: 'ok' });
    } catch (error) {
      if (!(error instanceof GestaltError)) throw error;
      summaries.push({ name, id: name, revision: '-', licence: '-', kind, sizeBytes: 0, state: error.message });
    }
  }
  return summaries;
}

/**
 * Reads every byte of a bundle, and notes that it did: see `recordingVerifier`.
 * @throws OptionError for a name that is not installed; ModelMissingError, ModelCorruptError; the signal's reason
 */
export async function verifyModel(modelsDir: string, name: string, signal?: AbortSignal): Promise<ModelSummary> {
  await expectName(modelsDir, name);
  const { manifest } = await loadModel(modelsDir, name, { again: true, ...(signal && { signal }) });
  return { name, ...described(manifest), kind: isEmbedded(name) ? 'embedded' : 'imported', state: 'ok' };
}

/**
 * Removes an imported bundle's folder and nothing else.
 * @returns bytes that its files took
 * @throws OptionError for an embedded model and for a name that is not installed
 */
export async function removeModel(modelsDir: string, name: string): Promise<number> {
  if (isEmbedded(name)) throw new OptionError('models remove', 'an imported model', `${name}, which ships with gestalt3d`);
  await expectName(modelsDir, name);
  const folder = join(modelsDir, name);
  let bytes = 0;
  for (const file of await createFileStore(folder).list('')) bytes += (await stat(join(folder, file))).size;
  // from this moment on it does not count as installed, whatever happens to the rest
  await rm(join(folder, 'bundle.json'));
  await rm(folder, { recursive: true });
  return bytes;
}

/**
 * A bundle whose files are what its manifest says. Embedded ones are hashed at every load; imported ones, which may have gigabytes, where the record of
 * the last time does not vouch for them.
 * @param options `again`: hash, whatever the record says
 * @throws ModelCorruptError, ModelMissingError, the signal's reason
 */
export function loadModel(modelsDir: string, name: string, options: { again?: boolean; signal?: AbortSignal } = {}): Promise<ModelBundle> {
  const folder = join(modelsDir, name);
  const { again = false, signal } = options;
  return ModelBundle.load(createFileStore(folder), {
    ...(isEmbedded(name) ? {} : { verifier: recordingVerifier(folder, { again }) }),
    ...(signal && { signal }),
  });
}

const isEmbedded = (name: string): boolean => (EMBEDDED as readonly string[]).includes(name);
const hasManifest = (folder: string): Promise<boolean> =>
  stat(join(folder, 'bundle.json')).then(
    (file) => file.isFile(),
    () => false,
  );

/** Folders with a manifest, and those of embedded models even without. */
async function namesIn(modelsDir: string): Promise<string[]> {
  const entries = await readdir(modelsDir, { withFileTypes: true }).catch(() => []);
  const names: string[] = [];
  for (const { name } of entries) {
    // an import that has not ended is a folder that begins with a dot
    if (!name.startsWith('.') && (isEmbedded(name) || (await hasManifest(join(modelsDir, name))))) names.push(name);
  }
  return names;
}

/** A name, not a path: only what the folder lists. @throws OptionError */
async function expectName(modelsDir: string, name: string): Promise<void> {
  const names = await namesIn(modelsDir);
  if (!names.includes(name)) throw new OptionError('model', names.join(', ') || `a bundle in ${modelsDir}`, name);
}

/** @throws ModelCorruptError, ModelMissingError */
async function readManifest(modelsDir: string, name: string): Promise<BundleManifest> {
  const folder = join(modelsDir, name);
  const manifest = parseManifest(await readFile(join(folder, 'bundle.json'), 'utf8'), folder);
  const wrong: string[] = [];
  for (const file of manifest.files) {
    const size = await stat(join(folder, file.path)).then(
      (found) => found.size,
      () => undefined,
    );
    if (size !== file.bytes) wrong.push(file.path);
  }
  if (wrong.length > 0) throw new ModelMissingError(wrong.join(', '), folder);
  return manifest;
}

function described(manifest: BundleManifest): Omit<ModelSummary, 'name' | 'kind' | 'state'> {
  const { source, file } = (manifest.origin ?? {}) as { source?: unknown; file?: unknown };
  return {
    id: manifest.id,
    revision: String(manifest.revision),
    licence: manifest.licence,
    sizeBytes: manifest.files.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(typeof manifest.precision === 'string' ? { precision: manifest.precision } : {}),
    ...(typeof source === 'string' ? { source } : {}),
    ...(typeof file === 'string' ? { file } : {}),
  };
}
