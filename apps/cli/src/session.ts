import { resolve } from 'node:path';
import { type Asset, BadResultError, isAbort, NotPrintableError, type StageEvent } from '@gestalt3d/core';
import { createEngine, createFileStore } from '@gestalt3d/host';
import { RunFolder, type RunRequest } from '@gestalt3d/pipeline';
import { createProgressLine } from './progress-line.ts';

/** Streams of the program; tests give their own. */
export interface Streams {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}

/** What every command that runs stages shares. */
export interface RunCommandOptions {
  json?: boolean;
  models?: string;
}

/** `--json`: events as JSON lines on stdout, nothing else there. People read stderr. */
export function createReporter(streams: Streams, json: boolean): (event: StageEvent) => void {
  if (!json) return createProgressLine(streams.stderr);
  return (event) => {
    if (event.kind === 'preview') return;
    streams.stdout.write(`${JSON.stringify(event)}\n`);
  };
}

/** An AbortSignal that Ctrl-C fires; a second Ctrl-C ends the process at once. */
export function interruptible(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new DOMException('interrupted', 'AbortError'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

/** What an asset's own report says against it, as an error: everything is written by then. @throws NotPrintableError, BadResultError */
export function checkVerdict(report: Asset['report']): void {
  if (report.printable === false) throw new NotPrintableError(String(report.printProblems));
  if (report.grade === 'bad') throw new BadResultError(String(report.gradeReasons));
}

/** Runs part of the chain in a folder, with progress on the streams. */
export async function runInFolder(
  out: string,
  streams: Streams,
  options: RunCommandOptions,
  makeRequest: (folder: RunFolder) => Promise<RunRequest>,
): Promise<void> {
  const { signal, dispose } = interruptible();
  const engine = createEngine(options.models === undefined ? {} : { modelsDir: options.models });
  try {
    const folder = await RunFolder.open(createFileStore(out));
    const request = await makeRequest(folder);
    const start = performance.now();
    const { report } = await engine.run(folder, request, signal, createReporter(streams, options.json ?? false));
    const files = ['asset.glb', 'asset.stl', 'asset.3mf', 'contact-sheet.png'].filter(
      (name) => folder.record('mesh')?.files[name] && (request.until ?? 'mesh') === 'mesh',
    );
    if (options.json) {
      const paths = Object.fromEntries(files.map((name) => [name, resolve(out, name)]));
      streams.stdout.write(
        `${JSON.stringify({ kind: 'result', folder: resolve(out), milliseconds: Math.round(performance.now() - start), files: paths })}\n`,
      );
    } else {
      streams.stderr.write(`done in ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
      for (const name of files) streams.stdout.write(`${resolve(out, name)}\n`);
      if (files.length === 0) streams.stdout.write(`${resolve(out)}\n`);
    }
    if (report) checkVerdict(report);
  } catch (error) {
    if (isAbort(error, signal))
      throw new DOMException('interrupted; finished stages are kept, the same command goes on from there', 'AbortError');
    throw error;
  } finally {
    dispose();
    await engine.close();
  }
}
