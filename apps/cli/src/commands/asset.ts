import { basename, dirname, extname, join, resolve } from 'node:path';
import {
  type Mask,
  MaskSizeError,
  type Mesh,
  MeshFormatError,
  OptionError,
  type RgbaImage,
  type StageContext,
  type StageEvent,
  type View,
  withAlpha,
} from '@gestalt3d/core';
import { createFileStore, imageCodec, openGpuDevice } from '@gestalt3d/host';
import { createMeshStage, fitPhotoCamera, type MaterialMesh, MESH_DEFAULTS, materialColor, readAsset } from '@gestalt3d/mesh';
import { loadExternalViews, loadPhotoCamera, maskFromImage } from '@gestalt3d/pipeline';
import type { Command } from 'commander';
import { checkVerdict, createReporter, interruptible, type Streams } from '../session.ts';
import { readModelFile } from './rerun.ts';
import { readImage } from './run.ts';
import { number } from './run-options.ts';

interface AssetFlags {
  views?: string;
  photo?: string;
  mask?: string;
  elevation?: string;
  triangles?: string;
  maxBytes?: string;
  texture?: string;
  compress?: boolean;
  printable?: boolean;
  sizeMm?: string;
  out?: string;
  json?: boolean;
}

/** More would take gigabytes to decode and to search. */
const MAX_TRIANGLES = 4_000_000;
const MAX_OBJ_BYTES = 256e6;

/** The mesh stage on anybody's files. */
export function registerAsset(program: Command, streams: Streams): void {
  program
    .command('asset <model>')
    .description('a GLB or OBJ of your own to a clean, unwrapped, textured GLB; with --views and --photo textured from them')
    .option('--views <dir>', 'posed views with a transforms.json in the frame of the model')
    .option('--photo <file>', 'a photograph of the object')
    .option('--mask <file>', "the object's visible part in the photograph (default: its alpha)")
    .option('--elevation <deg>', "the photograph's camera over the object, where transforms.json names none (default 0)")
    .option('--triangles <n>', `triangle budget (default ${MESH_DEFAULTS.triangles})`)
    .option('--max-bytes <n>', 'bytes of the GLB at most: texture and triangles give way (default: any number)')
    .option('--texture <n>', `edge of the texture in texels, 0 for vertex colours (default ${MESH_DEFAULTS.textureSize})`)
    .option('--compress', 'meshopt, quantisation and WebP')
    .option('--printable', 'a closed solid without self-intersection, also as STL and 3MF; fails where that cannot be had')
    .option('--size-mm <n>', `longest side of the print in millimetres (default ${MESH_DEFAULTS.sizeMm})`)
    .option('--out <dir>', 'folder for the files (default out/<name of the model>)')
    .option('--json', 'print events as JSON lines on stdout')
    .action(async (path: string, flags: AssetFlags) => {
      const file = await readModelFile(path);
      refuseHuge(file, path);
      const folder = createFileStore(dirname(path));
      const original = await readAsset(
        file,
        path,
        imageCodec,
        (name) => folder.read(name),
        (message) => streams.stderr.write(`  ! ${message}\n`),
      );
      if (original.indices.length / 3 > MAX_TRIANGLES) throw tooMany(path, original.indices.length / 3);
      const mesh = coloured(original);
      const views = flags.views === undefined ? [] : await readViews(flags.views, streams);
      const photo = flags.photo === undefined ? undefined : await readPhoto(mesh, flags);
      const stage = createMeshStage({ codec: imageCodec });
      const options = {
        ...stage.defaults,
        // what others modelled is neither smoothed nor thinned of its small parts
        smooth: 0,
        minVolumeShare: 0,
        triangles: number('--triangles', flags.triangles) ?? stage.defaults.triangles,
        maxBytes: number('--max-bytes', flags.maxBytes) ?? stage.defaults.maxBytes,
        textureSize: number('--texture', flags.texture) ?? stage.defaults.textureSize,
        compress: flags.compress ? ('meshopt' as const) : stage.defaults.compress,
        printable: flags.printable ?? false,
        sizeMm: number('--size-mm', flags.sizeMm) ?? stage.defaults.sizeMm,
      };
      const report = createReporter(streams, flags.json ?? false);
      const gpu = await openGpuDevice('auto');
      const { signal, dispose } = interruptible();
      try {
        const context = {
          signal,
          emit: (event) => report({ stage: 'mesh', ...event } as StageEvent),
          gpu: gpu?.device ?? null,
        } as StageContext;
        const asset = await stage.run({ surface: { mesh }, views, original, ...(photo && { photo }) }, options, context);
        const out = flags.out ?? join('out', basename(path, extname(path)));
        const store = createFileStore(out);
        const files: [string, Uint8Array][] = [
          ['asset.glb', asset.glb],
          ['report.json', new TextEncoder().encode(`${JSON.stringify(asset.report, null, 2)}\n`)],
        ];
        if (asset.print) files.push(['asset.stl', asset.print.stl], ['asset.3mf', asset.print.threeMf]);
        for (const [name, bytes] of files) {
          await store.write(name, bytes);
          if (!flags.json) streams.stdout.write(`${resolve(out, name)}\n`);
        }
        checkVerdict(asset.report);
      } finally {
        gpu?.close();
        dispose();
      }
    });
}

function tooMany(path: string, triangles: number): MeshFormatError {
  return new MeshFormatError(path, `${triangles} triangles, at most ${MAX_TRIANGLES}; simplify it first`);
}

/** Says no before anything large is decoded. */
function refuseHuge(file: Uint8Array, path: string): void {
  if (/\.obj$/i.test(path) && file.length > MAX_OBJ_BYTES)
    throw new MeshFormatError(path, `${Math.round(file.length / 1e6)} MB of text, at most ${MAX_OBJ_BYTES / 1e6}; simplify it first`);
  if (!/\.glb$/i.test(path) || file.length < 20) return;
  const length = new DataView(file.buffer, file.byteOffset).getUint32(12, true);
  let json: { accessors?: { count: number }[]; meshes?: { primitives?: { indices?: number; attributes?: { POSITION?: number } }[] }[] };
  try {
    json = JSON.parse(new TextDecoder().decode(file.subarray(20, 20 + length)));
  } catch {
    // the reader says what is wrong
    return;
  }
  let corners = 0;
  for (const mesh of json.meshes ?? [])
    for (const primitive of mesh.primitives ?? [])
      corners += json.accessors?.[primitive.indices ?? primitive.attributes?.POSITION ?? -1]?.count ?? 0;
  if (corners / 3 > MAX_TRIANGLES) throw tooMany(path, Math.floor(corners / 3));
}

/** Positions, triangles and the colours at the vertices. */
function coloured(original: MaterialMesh): Mesh {
  const { positions, indices } = original;
  const colors = new Uint8Array(positions.length);
  const colorAt = materialColor(original);
  const rgb = new Float32Array(3);
  for (let v = 0; v < positions.length; v += 3) {
    colorAt(positions[v]!, positions[v + 1]!, positions[v + 2]!, rgb);
    for (let k = 0; k < 3; k++) colors[v + k] = Math.round(rgb[k]!);
  }
  return { positions, indices, colors };
}

async function readViews(dir: string, streams: Streams): Promise<View[]> {
  const warnings = new Set<string>();
  const views = await loadExternalViews(createFileStore(dir), imageCodec, (message) => warnings.add(message));
  for (const message of warnings) streams.stderr.write(`  ! ${message}\n`);
  return views;
}

async function readPhoto(mesh: Mesh, flags: AssetFlags): Promise<View> {
  const picture = await readImage(flags.photo!);
  const image = flags.mask === undefined ? picture : masked(picture, maskFromImage(await readImage(flags.mask)));
  if (image.data.every((value, i) => i % 4 !== 3 || value === 255))
    throw new OptionError('--photo', 'a picture with alpha, or a --mask', 'neither');
  const known = flags.views === undefined ? undefined : await loadPhotoCamera(createFileStore(flags.views));
  const camera = known ?? fitPhotoCamera(mesh, image, number('--elevation', flags.elevation) ?? 0);
  return { image, camera };
}

function masked(photo: RgbaImage, mask: Mask): RgbaImage {
  if (mask.width !== photo.width || mask.height !== photo.height) throw new MaskSizeError(mask, photo);
  return withAlpha(photo, mask);
}
