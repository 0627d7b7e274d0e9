import { type ImageCodec, type Prompt, type RgbaImage, RunFolderError, type StageName } from '@gestalt3d/core';
import { fromJson } from './artifacts/artifact-format.ts';
import { loadMask } from './artifacts/segmentation-format.ts';
import { type ModelRecord, sha256 } from './run-folder.ts';
import { type RunOptions, resolveRunOptions } from './run-options.ts';

/** asset.extras.gestalt3d: all that is needed to make the asset again, and nothing that differs between two such runs: no times, paths or devices. */
export interface AssetRecord {
  schemaVersion: 1;
  version: string;
  /** Of the upright pixels, so another encoding of the same picture is the same photograph. Absent for assets from given views. */
  photo?: { width: number; height: number; sha256: string };
  /** `maskPng`: base64. */
  prompt?: Omit<Prompt, 'mask'> & { maskPng?: string };
  /** Without `device`. */
  options: Omit<RunOptions, 'device'>;
  /** By stage. */
  models: Partial<Record<StageName, ModelRecord>>;
}

export interface RecordInput {
  photo?: RgbaImage;
  prompt?: Prompt;
  options: RunOptions;
  version: string;
  models: AssetRecord['models'];
}

/** The record under its name in asset.extras. */
export async function assetRecord(input: RecordInput, codec: Pick<ImageCodec, 'encodePng'>): Promise<{ gestalt3d: AssetRecord }> {
  const { device: _, ...options } = input.options;
  const record: AssetRecord = { schemaVersion: 1, version: input.version, options, models: input.models };
  if (input.photo) record.photo = await photoRecord(input.photo);
  if (input.prompt) {
    const { mask, ...rest } = input.prompt;
    record.prompt = { ...rest, ...(mask && { maskPng: base64(await codec.encodePng(mask)) }) };
  }
  return { gestalt3d: record };
}

export async function photoRecord({ width, height, data }: RgbaImage): Promise<{ width: number; height: number; sha256: string }> {
  return { width, height, sha256: await sha256(data) };
}

/**
 * Reads the record of a GLB.
 * @throws RunFolderError when there is none; OptionError when its options are not ours
 */
export function readAssetRecord(glb: Uint8Array, name: string): AssetRecord {
  const none = (got: string) =>
    new RunFolderError(`a GLB with a record of Gestalt3D in ${name}`, got, 'only assets that gestalt3d run wrote can be made again');
  let extras: { gestalt3d?: AssetRecord } | undefined;
  try {
    const view = new DataView(glb.buffer, glb.byteOffset, glb.byteLength);
    if (view.getUint32(0, true) !== 0x46546c67) throw new Error('not a GLB');
    extras = fromJson<{ asset: { extras?: { gestalt3d?: AssetRecord } } }>(glb.subarray(20, 20 + view.getUint32(12, true))).asset.extras;
  } catch (error) {
    throw none((error as Error).message);
  }
  const record = extras?.gestalt3d;
  if (record?.schemaVersion !== 1) throw none(record ? `one of version ${String(record.schemaVersion)}` : 'none');
  const { device: _, ...options } = resolveRunOptions(record.options as unknown as Record<string, unknown>);
  return { ...record, options };
}

/** The prompt of a record. */
export async function promptOfRecord(record: AssetRecord, codec: Pick<ImageCodec, 'decode'>): Promise<Prompt | undefined> {
  if (!record.prompt) return undefined;
  const { maskPng, ...prompt } = record.prompt;
  if (maskPng === undefined) return prompt;
  const bytes = Uint8Array.from(atob(maskPng), (character) => character.charCodeAt(0));
  return { ...prompt, mask: await loadMask(bytes, 'the mask of the record', codec as ImageCodec) };
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}
