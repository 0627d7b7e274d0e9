import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { type Mesh, NotPrintableError, OptionError, orbitCamera } from '@gestalt3d/core';
import { createFileStore, encodeAnimatedWebp, encodeMp4, imageCodec, renderTurntable, TURNTABLE_DEFAULTS } from '@gestalt3d/host';
import {
  DEFAULT_SIZE_MM,
  GLB_DEFAULTS,
  makeContactSheet,
  makeSolid,
  normaliseMesh,
  printModel,
  readGlb,
  readGlbExtras,
  renderMesh,
  SIMPLIFY_DEFAULTS,
  SOLID_DEFAULTS,
  simplifyMesh,
  write3mf,
  writeGlb,
  writeObj,
  writePly,
  writeStl,
  writeUsdz,
} from '@gestalt3d/mesh';
import type { Command } from 'commander';
import { interruptible, type Streams } from '../session.ts';
import { readModelFile } from './rerun.ts';
import { number } from './run-options.ts';

const FORMATS = ['glb', 'obj', 'stl', '3mf', 'ply', 'usdz', 'turntable', 'sheet'] as const;
type Format = (typeof FORMATS)[number];

interface ExportFlags {
  formats?: string;
  lods?: string;
  compress?: boolean;
  printable?: boolean;
  sizeMm?: string;
  out?: string;
}

/** An asset in other formats. */
export function registerExport(program: Command, streams: Streams): void {
  program
    .command('export <run>')
    .description('the asset of a run folder, or any GLB, in other formats')
    .option('--formats <list>', `of ${FORMATS.join(', ')} (default obj,stl,3mf,ply,usdz)`)
    .option('--lods <list>', 'triangle counts, each as a GLB of its own, e.g. 20000,5000,1000')
    .option('--compress', 'GLBs with meshopt, quantisation and WebP')
    .option('--printable', 'STL and 3MF of a sound solid, repaired if need be; fails where that cannot be had')
    .option('--size-mm <n>', `longest side of STL and 3MF in millimetres (default ${DEFAULT_SIZE_MM})`)
    .option('--out <dir>', 'folder for the files (default beside the GLB)')
    .action(async (run: string, flags: ExportFlags) => {
      const path = (await isFolder(run)) ? join(run, 'asset.glb') : run;
      const formats = formatsOf(flags);
      const lods = lodsOf(flags);
      const sizeMm = number('--size-mm', flags.sizeMm) ?? DEFAULT_SIZE_MM;
      const file = await readModelFile(path);
      const mesh = await readGlb(file, imageCodec);
      // record and origins stay with the GLB; a LOD has other vertices, but the texture still fits it
      const { origin, ...kept } = await readGlbExtras(file, imageCodec);
      const name = basename(path, extname(path));
      const out = flags.out ?? dirname(path);
      const store = createFileStore(out);
      const { signal, dispose } = interruptible();
      const write = async (file: string, bytes: Uint8Array) => {
        signal.throwIfAborted();
        await store.write(file, bytes);
        streams.stdout.write(`${resolve(out, file)}\n`);
      };
      const note = (text: string) => streams.stderr.write(`  ${text}\n`);
      try {
        const glbOptions = { ...GLB_DEFAULTS, ...(flags.compress && { compress: 'meshopt' as const }) };
        if (formats.has('glb'))
          await write(`${name}-export.glb`, await writeGlb({ ...kept, ...(origin && { origin }), mesh }, imageCodec, glbOptions));
        for (const triangles of lods) {
          const { mesh: lod, error } = await simplifyMesh(mesh, { ...SIMPLIFY_DEFAULTS, triangles, maxError: 0.1 });
          note(`${triangles}: ${lod.indices.length / 3} triangles, deviation ${(error * 100).toFixed(2)} %`);
          await write(`${name}-${triangles}.glb`, await writeGlb({ ...kept, mesh: lod }, imageCodec, glbOptions));
        }
        if (formats.has('obj')) for (const [file, bytes] of await writeObj(mesh, name, imageCodec)) await write(file, bytes);
        if (formats.has('ply')) await write(`${name}.ply`, writePly(mesh));
        if (formats.has('usdz')) await write(`${name}.usdz`, await writeUsdz(mesh, imageCodec));
        if (formats.has('sheet')) await write(`${name}-sheet.png`, await imageCodec.encodePng(sheetOf(mesh)));
        if (formats.has('turntable')) {
          const frames = renderTurntable(mesh, TURNTABLE_DEFAULTS, (done, total) => {
            if (done % 6 === 0) note(`turntable ${done} of ${total} pictures`);
            signal.throwIfAborted();
          });
          await write(`${name}-turntable.webp`, await encodeAnimatedWebp(frames, TURNTABLE_DEFAULTS.framesPerSecond));
          const mp4 = await encodeMp4(frames, TURNTABLE_DEFAULTS.framesPerSecond);
          if (mp4) await write(`${name}-turntable.mp4`, mp4);
          else note('no MP4: there is no ffmpeg on this machine');
        }
        // last, because it may fail
        if (formats.has('stl') || formats.has('3mf')) {
          const model = await printOf(mesh, sizeMm, flags.printable === true, signal);
          if (!model.check.sound) {
            const problems = model.check.problems.join(', ');
            if (flags.printable) throw new NotPrintableError(problems);
            note(`STL and 3MF are as they are: ${problems}; --printable repairs`);
          }
          if (formats.has('stl')) await write(`${name}.stl`, writeStl(model.mesh));
          if (formats.has('3mf')) await write(`${name}.3mf`, write3mf(model.mesh));
        }
      } finally {
        dispose();
      }
    });
}

async function printOf(mesh: Mesh, sizeMm: number, repair: boolean, signal: AbortSignal): Promise<ReturnType<typeof printModel>> {
  const model = printModel(mesh, sizeMm);
  if (model.check.sound || !repair) return model;
  const solid = await makeSolid(mesh, {
    ...SOLID_DEFAULTS,
    checker: (candidate, onDefect) => printModel(candidate, sizeMm, onDefect).check,
    signal,
  });
  return printModel(solid.mesh, sizeMm);
}

function sheetOf(mesh: Mesh) {
  const { mesh: placed } = normaliseMesh(mesh);
  const row = (title: string, mode: 'lit' | 'clay', azimuths: number[]) => ({
    title,
    images: azimuths.map((azimuth) => ({
      image: renderMesh(placed, orbitCamera(azimuth, 20, 256, { distance: 1.9, focalPerWidth: 280 / 256 }), { mode }),
      caption: `azimuth ${azimuth}`,
    })),
  });
  return makeContactSheet([row('Asset', 'lit', [0, 90, 180, 270]), row('Shape', 'clay', [0, 90, 180, 270])]);
}

function formatsOf(flags: ExportFlags): Set<Format> {
  const wanted = flags.formats ?? (flags.lods === undefined ? 'obj,stl,3mf,ply,usdz' : '');
  const formats = new Set<Format>();
  for (const name of wanted.split(',').filter(Boolean)) {
    const format = FORMATS.find((one) => one === name.trim().toLowerCase());
    if (!format) throw new OptionError('--formats', FORMATS.join(', '), `"${name}"`);
    formats.add(format);
  }
  return formats;
}

function lodsOf({ lods }: ExportFlags): number[] {
  if (lods === undefined) return [];
  return lods.split(',').map((text) => {
    const triangles = Number(text);
    if (!Number.isInteger(triangles) || triangles < 12)
      throw new OptionError('--lods', 'triangle counts of at least 12, with commas between', `"${text}"`);
    return triangles;
  });
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
