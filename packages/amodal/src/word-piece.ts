import { ModelCorruptError } from '@gestalt3d/core';

const UNKNOWN = '[UNK]';
/** Characters; a longer word is unknown. */
const LONGEST_WORD = 100;
/** Signs of ASCII that are no letters, digits or spaces, all punctuation of Unicode, and Chinese characters: each is a word of its own. */
const ALONE = /[!-/:-@[-`{-~]|\p{P}|[\u{4e00}-\u{9fff}\u{3400}-\u{4dbf}\u{f900}-\u{faff}\u{20000}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/** The WordPiece tokenizer of uncased BERT (Devlin et al. 2019), without its special tokens. */
export class WordPiece {
  readonly #ids: ReadonlyMap<string, number>;

  /**
   * @param vocabulary one token a line; tokens that go on within a word begin with ##
   * @param source named in the error
   * @throws ModelCorruptError for a vocabulary without [UNK]
   */
  constructor(vocabulary: string, source: string) {
    const lines = vocabulary.replace(/\n$/, '').split('\n');
    this.#ids = new Map(lines.map((token, i) => [token.trimEnd(), i]));
    if (!this.#ids.has(UNKNOWN)) throw new ModelCorruptError(source, `its vocabulary has no ${UNKNOWN}`);
  }

  /** Number of tokens. */
  get size(): number {
    return this.#ids.size;
  }

  /** Token ids of a text: lower case without accents, cut at spaces and signs, every word into the longest pieces that the vocabulary knows. */
  encode(text: string): number[] {
    // one by one, as the published tokenizer does: no sigma is final
    const plain = Array.from(text, (character) => character.toLowerCase())
      .join('')
      .normalize('NFD')
      .replaceAll(/\p{Mn}/gu, '')
      .replaceAll(ALONE, ' $& ');
    return plain
      .split(/\s+/u)
      .filter((word) => word !== '')
      .flatMap((word) => this.#pieces([...word]));
  }

  #pieces(characters: readonly string[]): number[] {
    const unknown = [this.#ids.get(UNKNOWN)!];
    if (characters.length > LONGEST_WORD) return unknown;
    const ids: number[] = [];
    let start = 0;
    while (start < characters.length) {
      let end = characters.length;
      let id: number | undefined;
      for (; end > start; end--) {
        id = this.#ids.get((start > 0 ? '##' : '') + characters.slice(start, end).join(''));
        if (id !== undefined) break;
      }
      if (id === undefined) return unknown;
      ids.push(id);
      start = end;
    }
    return ids;
  }
}
