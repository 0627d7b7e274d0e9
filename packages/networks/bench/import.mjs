/**
 * Time and peak memory of an import beside a plain copy of the bytes that it keeps.
 *
 *     node packages/networks/bench/import.mjs FILE [fp32|fp16]
 *
 * FILE is a checkpoint, for example from scripts/make-checkpoint.mjs --full; needs its size again, and free, in the folder beside it. Both write to the
 * same disk and flush. Where it is allowed (root on Linux), the page cache is dropped before each, so that both read from the disk.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [file, precision = 'fp32'] = process.argv.slice(2);
const cli = fileURLToPath(new URL('../../../apps/cli/bin/gestalt3d.js', import.meta.url));
const folder = mkdtempSync(join(dirname(resolve(file)), '.bench-import-'));

function dropCache() {
  execFileSync('sync');
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
}

/** Seconds and, where /proc tells, peak memory in bytes of a process. */
function measure(command, args) {
  return new Promise((done, fail) => {
    const start = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    let peak = 0;
    const look = setInterval(() => {
      try {
        peak = Math.max(peak, 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0));
      } catch {}
    }, 50);
    child.on('exit', (code) => {
      clearInterval(look);
      if (code !== 0) return fail(new Error(`${command} ended with ${code}`));
      execFileSync('sync');
      done({ seconds: (performance.now() - start) / 1000, peak });
    });
  });
}

try {
  const cold = dropCache();
  const imported = await measure(process.execPath, [cli, 'import', file, '--precision', precision, '--models', join(folder, 'models')]);
  dropCache();
  const copied = await measure('cp', ['-r', join(folder, 'models'), join(folder, 'copy')]);
  const bytes = Number(
    execFileSync('du', ['-sb', join(folder, 'models')])
      .toString()
      .split('\t')[0],
  );
  console.log(
    JSON.stringify({
      bytes,
      cold,
      import: { seconds: imported.seconds, megabytesPerSecond: bytes / 1e6 / imported.seconds, peakMegabytes: imported.peak / 1e6 },
      copy: { seconds: copied.seconds, megabytesPerSecond: bytes / 1e6 / copied.seconds },
      speedOverCopy: copied.seconds / imported.seconds,
    }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
