import { ModelCorruptError } from '@gestalt3d/core';

export const DTYPES = ['float32', 'float16', 'int64', 'int32', 'uint8', 'bool'] as const;
export type Dtype = (typeof DTYPES)[number];

/** One input or output of a graph. A dimension is a size, or a symbol that takes one size per call ('B'). */
export interface TensorSpec {
  name: string;
  dtype: Dtype;
  dims: (number | string)[];
}

export interface GraphSpec {
  /** Path inside the bundle. */
  file: string;
  inputs: TensorSpec[];
  outputs: TensorSpec[];
  /** Weights outside the graph's file, as the graph names them; paths inside the bundle. */
  externalData?: string[];
}

export interface FileSpec {
  path: string;
  bytes: number;
  sha256: string;
}

/**
 * `bundle.json`. What only one kind of model has (preprocessing, scheduler, rig, golden case) stays `unknown` here;
 * the stage that uses it checks it.
 */
export interface BundleManifest {
  schemaVersion: 1;
  id: string;
  revision: string;
  licence: string;
  files: FileSpec[];
  graphs: Record<string, GraphSpec>;
  [key: string]: unknown;
}

/** @throws ModelCorruptError that names every field that is wrong */
export function parseManifest(text: string, where: string): BundleManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ModelCorruptError(`${where}/bundle.json`, 'it is not JSON', error);
  }
  const problems: string[] = [];
  const manifest = isRecord(value) ? value : {};
  if (manifest.schemaVersion !== 1) problems.push(`schemaVersion: expected 1, got ${show(manifest.schemaVersion)}`);
  for (const key of ['id', 'revision', 'licence'])
    if (typeof manifest[key] !== 'string') problems.push(`${key}: expected a string, got ${show(manifest[key])}`);
  if (!Array.isArray(manifest.files)) problems.push(`files: expected an array, got ${show(manifest.files)}`);
  else
    manifest.files.forEach((file: unknown, i: number) => {
      if (!isRecord(file) || !isInsidePath(file.path)) problems.push(`files[${i}].path: expected a relative path`);
      else if (!Number.isInteger(file.bytes) || typeof file.sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(file.sha256))
        problems.push(`files[${i}]: expected bytes and a sha256 in hexadecimal`);
    });
  if (!isRecord(manifest.graphs)) problems.push(`graphs: expected an object, got ${show(manifest.graphs)}`);
  else for (const [role, graph] of Object.entries(manifest.graphs)) checkGraph(role, graph, problems);
  if (problems.length > 0) throw new ModelCorruptError(`${where}/bundle.json`, problems.join('; '));
  const checked = manifest as BundleManifest;
  const listed = new Set(checked.files.map((file) => file.path));
  for (const [role, graph] of Object.entries(checked.graphs))
    for (const path of [graph.file, ...(graph.externalData ?? [])])
      if (!listed.has(path)) problems.push(`graphs.${role}: ${path} is not among files`);
  if (problems.length > 0) throw new ModelCorruptError(`${where}/bundle.json`, problems.join('; '));
  return checked;
}

function checkGraph(role: string, graph: unknown, problems: string[]): void {
  if (!isRecord(graph) || !isInsidePath(graph.file)) {
    problems.push(`graphs.${role}.file: expected a relative path`);
    return;
  }
  for (const side of ['inputs', 'outputs'] as const) {
    const specs = graph[side];
    if (!Array.isArray(specs) || specs.length === 0) {
      problems.push(`graphs.${role}.${side}: expected a list of tensors`);
      continue;
    }
    specs.forEach((spec: unknown, i: number) => {
      const ok =
        isRecord(spec) &&
        typeof spec.name === 'string' &&
        (DTYPES as readonly unknown[]).includes(spec.dtype) &&
        Array.isArray(spec.dims) &&
        spec.dims.every((d: unknown) => typeof d === 'string' || (Number.isInteger(d) && (d as number) > 0));
      if (!ok) problems.push(`graphs.${role}.${side}[${i}]: expected { name, dtype, dims }, got ${show(spec)}`);
    });
  }
  if (graph.externalData !== undefined && !(Array.isArray(graph.externalData) && graph.externalData.every(isInsidePath)))
    problems.push(`graphs.${role}.externalData: expected relative paths`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isInsidePath(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.startsWith('/') && !value.split('/').includes('..') && !value.includes('\\');
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);
}
