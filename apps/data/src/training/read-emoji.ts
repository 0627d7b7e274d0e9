import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Split } from '../job.ts';
import { emojiSplitOf } from '../split.ts';

const SKIN_TONES = new Set(['1f3fb', '1f3fc', '1f3fd', '1f3fe', '1f3ff']);
/** Of all pictures that differ only in skin tone, one in this many is kept. */
const TONE_SHARE = 14n;
const FACES_KEPT = ['cat', 'monkey', 'skull', 'ghost', 'alien', 'robot', 'poo', 'heart', 'clown', 'ogre', 'goblin'];
const MIN_COVERAGE = 0.05;

export interface Emoji {
  /** Of the thing: pictures in several skin tones share it. */
  name: string;
  split: Split;
  /** [side, side, 4] straight */
  rgba: Uint8Array;
}

interface Description {
  name: string;
  group: string;
}

/** Names and groups by code points in the form of the pictures' file names. */
export function emojiNames(json: string): Map<string, Description> {
  const entries = Object.entries(JSON.parse(json) as Record<string, Description>);
  return new Map(entries.map(([text, entry]) => [codeOf(text), entry]));
}

function codeOf(text: string): string {
  const codes = Array.from(text, (char) => char.codePointAt(0)!.toString(16).padStart(4, '0'));
  return codes.filter((code, i) => i === 0 || code !== 'fe0f').join('-');
}

/** The name of the thing in a picture file; undefined for symbols, flags, most faces, clocks, moons, and most repetitions in another skin tone. */
export function thingOf(stem: string, names: ReadonlyMap<string, Description>): string | undefined {
  const parts = stem.split('-').filter((part) => part !== 'fe0f');
  const base = parts.filter((part) => !SKIN_TONES.has(part));
  if (base.length < parts.length && BigInt(`0x${createHash('sha1').update(stem).digest('hex')}`) % TONE_SHARE !== 0n) return undefined;
  const entry = names.get(base.join('-'));
  if (!entry || entry.group === 'Symbols' || entry.group === 'Flags') return undefined;
  const { name, group } = entry;
  if (group.startsWith('Smileys') && !FACES_KEPT.some((word) => name.includes(word))) return undefined;
  if (name.includes('o’clock') || name.includes('-thirty') || (name.includes('moon') && !name.includes('face'))) return undefined;
  return name;
}

/** Things, animals, food, places and people of @lobehub/fluent-emoji-3d, in the order of their file names. */
export async function* readEmoji(pictures: string, names: string, side: number, signal: AbortSignal): AsyncGenerator<Emoji> {
  const known = emojiNames(await readFile(join(names, 'data-by-emoji.json'), 'utf8'));
  const files = (await readdir(join(pictures, 'assets'))).filter((file) => file.endsWith('.webp')).sort();
  for (const file of files) {
    signal.throwIfAborted();
    const name = thingOf(file.slice(0, -'.webp'.length), known);
    if (name === undefined) continue;
    const bytes = await readFile(join(pictures, 'assets', file));
    const data = await sharp(bytes).ensureAlpha().resize(side, side, { kernel: 'lanczos3', fit: 'fill' }).raw().toBuffer();
    const rgba = new Uint8Array(data);
    let covered = 0;
    for (let i = 3; i < rgba.length; i += 4) if (rgba[i]! > 128) covered++;
    if (covered >= MIN_COVERAGE * side * side) yield { name, split: emojiSplitOf(name), rgba };
  }
}
