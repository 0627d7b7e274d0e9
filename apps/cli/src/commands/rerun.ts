import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { BadResultError, MeshFormatError, NotPrintableError, NotReproducedError, OptionError } from '@gestalt3d/core';
import { createFileStore, imageCodec } from '@gestalt3d/host';
import { type AssetRecord, photoRecord, promptOfRecord, RunFolder, readAssetRecord, resolveRunOptions } from '@gestalt3d/pipeline';
import type { Command } from 'commander';
import { type RunCommandOptions, runInFolder, type Streams } from '../session.ts';
import { readImage } from './run.ts';

interface RerunFlags extends RunCommandOptions {
  out?: string;
  device?: string;
}

/** Reads a 3D file from disk. @throws MeshFormatError when there is none */
export async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new MeshFormatError(path, (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message, error);
  }
}

/** Makes an asset again from the record inside it and its photograph, and compares the bytes. */
export function registerRerun(program: Command, streams: Streams): void {
  program
    .command('rerun <asset> <photo>')
    .description('make a GLB again from the record inside it and its photograph; the bytes must come out the same')
    .option('--out <dir>', 'run folder (default out/<name of the asset>-rerun)')
    .option('--device <name>', 'auto, cpu, webgpu or cuda (default auto); another class of device may round otherwise')
    .option('--models <dir>', 'folder of the model bundles')
    .option('--json', 'print events as JSON lines on stdout')
    .action(async (asset: string, photoPath: string, flags: RerunFlags) => {
      const glb = await readModelFile(asset);
      const record = readAssetRecord(glb, asset);
      const photo = await readImage(photoPath);
      const prompt = await promptOfRecord(record, imageCodec);
      if (!record.photo || !prompt) throw new OptionError('asset', 'one made from a photograph', 'one made from given views');
      const { sha256, width, height } = await photoRecord(photo);
      if (sha256 !== record.photo.sha256)
        throw new OptionError(
          'photo',
          `the photograph that ${asset} was made from (${record.photo.width} x ${record.photo.height}, pixels ${record.photo.sha256.slice(0, 12)})`,
          `another one (${width} x ${height}, pixels ${sha256.slice(0, 12)})`,
        );
      const out = flags.out ?? join('out', `${basename(asset, extname(asset))}-rerun`);
      const options = resolveRunOptions({ ...record.options, device: flags.device });
      let verdict: unknown;
      try {
        await runInFolder(out, streams, flags, async () => ({ options, photo, prompt }));
      } catch (error) {
        // the first run was called the same
        if (!(error instanceof BadResultError || error instanceof NotPrintableError)) throw error;
        verdict = error;
      }
      const made = await (await RunFolder.open(createFileStore(out))).read('asset.glb');
      if (!Buffer.from(made).equals(glb)) throw new NotReproducedError(differences(record, readAssetRecord(made, out), glb, made));
      streams.stderr.write('the same bytes\n');
      if (verdict) throw verdict;
    });
}

/** What the two records say about why the files differ. */
function differences(was: AssetRecord, is: AssetRecord, before: Uint8Array, after: Uint8Array): string {
  const found: string[] = [];
  if (was.version !== is.version) found.push(`version ${was.version} before, ${is.version} now`);
  for (const stage of new Set([...Object.keys(was.models), ...Object.keys(is.models)]) as Set<keyof AssetRecord['models']>) {
    const [a, b] = [was.models[stage], is.models[stage]];
    if (a?.sha256 !== b?.sha256)
      found.push(`${stage} by ${a ? `${a.id} ${a.revision}` : 'no model'} before, ${b ? `${b.id} ${b.revision}` : 'no model'} now`);
  }
  if (found.length === 0) found.push('same version and models: another class of device, perhaps');
  return `${before.length} bytes before, ${after.length} now; ${found.join('; ')}`;
}
