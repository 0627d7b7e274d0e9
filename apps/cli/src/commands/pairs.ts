import { resolve } from 'node:path';
import { isAbort, OptionError } from '@gestalt3d/core';
import { createEngine, makePairSetInFolder } from '@gestalt3d/host';
import { type OcclusionBand, PAIR_SET_DEFAULTS, type PairSetEvent } from '@gestalt3d/pairs';
import type { Command } from 'commander';
import { interruptible, type Streams } from '../session.ts';

interface PairsFlags {
  images: string;
  out: string;
  perImage?: string;
  bands?: string;
  size?: string;
  seed?: string;
  limit?: string;
  models?: string;
  json?: boolean;
}

const whole = (flag: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new OptionError(flag, 'a whole number', `"${text}"`);
  return Number(text);
};

/** `0-20,40-60` to shares. @throws OptionError */
function parseBands(text: string): OcclusionBand[] {
  return text.split(',').map((part) => {
    const match = /^\s*(\d+)-(\d+)\s*$/.exec(part);
    if (!match) throw new OptionError('--bands', 'percentages such as 0-20,40-60', `"${text}"`);
    return [Number(match[1]) / 100, Number(match[2]) / 100];
  });
}

const percent = ([low, high]: OcclusionBand): string => `${Math.round(100 * low)}-${Math.round(100 * high)}`;

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** Training pairs from a user's own photographs. */
export function registerPairs(program: Command, streams: Streams): void {
  program
    .command('pairs')
    .description('whole-part pairs from a folder of photographs: whole objects found, and hidden by something put in front')
    .requiredOption('--images <dir>', 'folder of photographs, read with its subfolders')
    .option('--out <dir>', 'folder of the pairs', 'pairs')
    .option('--per-image <n>', `pairs of each photograph with a whole object (default ${PAIR_SET_DEFAULTS.perImage})`)
    .option('--bands <list>', `hidden shares in percent, taken in turn (default ${PAIR_SET_DEFAULTS.bands.map(percent).join(',')})`)
    .option('--size <px>', `side of the pictures (default ${PAIR_SET_DEFAULTS.size})`)
    .option('--seed <n>', `seed of every random number (default ${PAIR_SET_DEFAULTS.seed})`)
    .option('--limit <n>', 'photographs to read at most')
    .option('--models <dir>', 'folder of the model bundles')
    .option('--json', 'print events as JSON lines on stdout')
    .action(async (flags: PairsFlags) => {
      const given = {
        perImage: whole('--per-image', flags.perImage),
        bands: flags.bands === undefined ? undefined : parseBands(flags.bands),
        size: whole('--size', flags.size),
        seed: whole('--seed', flags.seed),
        limit: whole('--limit', flags.limit),
      };
      const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      const { signal, dispose } = interruptible();
      const engine = createEngine(flags.models === undefined ? {} : { modelsDir: flags.models });
      const print = (value: object): void => void streams.stdout.write(`${JSON.stringify(value)}\n`);
      const progress = createPairsProgress(streams.stderr);
      try {
        const report = await makePairSetInFolder(
          flags.images,
          flags.out,
          options,
          engine.toolkit('auto'),
          signal,
          flags.json ? print : progress.show,
        );
        progress.clear();
        if (flags.json) {
          print({ kind: 'result', folder: resolve(flags.out), ...report });
          return;
        }
        const rate = report.pairsPerSecond === null ? '' : `, ${report.pairsPerSecond.toFixed(2)} pairs/s`;
        streams.stderr.write(
          `${count(report.pairs, 'pair')} of ${count(report.objects, 'object')} in ${count(report.photographs, 'photograph')} (${report.reused} kept from before, ${report.failed} without a fitting occluder, ${count(report.skipped.length, 'file')} skipped)${rate}\n`,
        );
        const median = (name: string, ms: number | null): string => (ms === null ? '' : `  ${name}: median ${(ms / 1000).toFixed(2)} s\n`);
        streams.stderr.write(
          median('finding objects in a photograph', report.proposeMs) + median('superimposing a pair', report.superimposeMs),
        );
        streams.stdout.write(`${resolve(flags.out, 'pairs.jsonl')}\n${resolve(flags.out, 'contact-sheet.png')}\n`);
      } catch (error) {
        progress.clear();
        if (isAbort(error, signal))
          throw new DOMException('interrupted; finished pairs are kept, the same command goes on from there', 'AbortError');
        throw error;
      } finally {
        dispose();
        await engine.close();
      }
    });
}

/** A moving line on a terminal, one line a photograph in a log. */
function createPairsProgress(stream: NodeJS.WriteStream): { show(event: PairSetEvent): void; clear(): void } {
  let drawn = 0;
  const replace = (text: string): void => {
    if (!stream.isTTY) return;
    stream.write(`\r${text.padEnd(drawn)}${text === '' ? '\r' : ''}`);
    drawn = text.length;
  };
  const line = (text: string): void => {
    replace('');
    stream.write(`${text}\n`);
  };
  return {
    show(event) {
      if (event.kind === 'skipped') line(`  ! ${event.file} skipped: ${event.reason}`);
      else if (event.kind === 'photograph') {
        const refused = Object.entries(event.refused).map(([reason, count]) => `${count} ${reason}`);
        const time = event.reused ? 'found before' : `${(event.milliseconds / 1000).toFixed(1)} s`;
        line(
          `  ${event.file}: ${count(event.objects, 'whole object')}, ${time}${refused.length > 0 ? ` (refused: ${refused.join(', ')})` : ''}`,
        );
      } else if (event.phase === 'propose') replace(`  ${event.file}: looking at ${event.done} of ${event.total} regions`);
      else replace(`  superimposing ${event.done}/${event.total}`);
    },
    clear: () => replace(''),
  };
}
