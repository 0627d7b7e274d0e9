import { OptionError } from '@gestalt3d/core';

const PATTERN = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;
/** Merges that the published vocabulary file holds beyond those that CLIP uses are ignored. */
const MAX_MERGES = 49152 - 256 - 2;

/**
 * CLIP's byte-pair encoding (Sennrich et al. 2016, over bytes as in GPT-2). The merges do not come with the weights: OpenAI's repository holds them as
 * `clip/bpe_simple_vocab_16e6.txt.gz`. Unlike the original, broken encodings and HTML entities in the text are not repaired.
 */
export class ClipTokenizer {
  readonly #ids = new Map<string, number>();
  readonly #ranks = new Map<string, number>();
  readonly #symbols = byteSymbols();
  readonly #start: number;
  readonly #end: number;

  /** @param merges the text of the vocabulary file: a header line, then two symbols a line, the most frequent pair first */
  constructor(merges: string) {
    const pairs = merges
      .split('\n')
      .slice(1, MAX_MERGES + 1)
      .filter((line) => line.trim() !== '');
    const symbols = sortedSymbols(this.#symbols);
    for (const symbol of [...symbols, ...symbols.map((s) => `${s}</w>`), ...pairs.map((pair) => pair.split(/\s+/).join(''))])
      this.#ids.set(symbol, this.#ids.size);
    for (const [rank, pair] of pairs.entries()) this.#ranks.set(pair.trim().split(/\s+/).join(' '), rank);
    this.#start = 2 * symbols.length + pairs.length;
    this.#end = this.#start + 1;
  }

  /** Start, text, end, zeros: as `clipTextTower` wants it. @throws OptionError when the text is too long */
  encode(text: string, contextLength: number): BigInt64Array {
    const words = text.replaceAll(/\s+/g, ' ').trim().toLowerCase().match(PATTERN) ?? [];
    const ids = [this.#start, ...words.flatMap((word) => this.#word(word)), this.#end];
    if (ids.length > contextLength)
      throw new OptionError('labels', `at most ${contextLength - 2} tokens a label`, `${ids.length - 2} in "${text.slice(0, 60)}"`);
    const padded = new BigInt64Array(contextLength);
    for (const [i, id] of ids.entries()) padded[i] = BigInt(id);
    return padded;
  }

  #word(word: string): number[] {
    if (word === '<|startoftext|>') return [this.#start];
    if (word === '<|endoftext|>') return [this.#end];
    let parts = [...new TextEncoder().encode(word)].map((byte) => this.#symbols[byte]!);
    parts[parts.length - 1] += '</w>';
    while (parts.length > 1) {
      let best = Number.POSITIVE_INFINITY;
      let pair: [string, string] = ['', ''];
      for (let i = 0; i + 1 < parts.length; i++) {
        const rank = this.#ranks.get(`${parts[i]} ${parts[i + 1]}`) ?? Number.POSITIVE_INFINITY;
        if (rank < best) {
          best = rank;
          pair = [parts[i]!, parts[i + 1]!];
        }
      }
      if (best === Number.POSITIVE_INFINITY) break;
      const merged: string[] = [];
      for (let i = 0; i < parts.length; i++) {
        const joins = parts[i] === pair[0] && parts[i + 1] === pair[1];
        merged.push(joins ? pair[0] + pair[1] : parts[i]!);
        if (joins) i++;
      }
      parts = merged;
    }
    return parts.map((part) => this.#ids.get(part)!);
  }
}

/** A printable character for every byte: itself where it has one, else the next free one from 256 on. */
function byteSymbols(): string[] {
  let free = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : free++));
}

/** The order of the vocabulary: printable bytes first. */
function sortedSymbols(symbols: readonly string[]): string[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  return [...bytes.filter(isPrintable), ...bytes.filter((byte) => !isPrintable(byte))].map((byte) => symbols[byte]!);
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}
