import { readFileSync } from 'node:fs';
import { ModelCorruptError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { WordPiece } from './word-piece.ts';

const shipped = (): WordPiece =>
  new WordPiece(readFileSync(new URL('../../../models/recognise/vocab.txt', import.meta.url), 'utf8'), 'recognise');

describe('WordPiece', () => {
  it('takes the longest piece that it knows, and goes on with pieces that begin with ##', () => {
    const tokenizer = new WordPiece('[UNK]\nwine\nwin\n##e\n##ry\n##er\n##y\n', 'test');
    expect(tokenizer.size).toBe(7);
    expect(tokenizer.encode('wine winery')).toEqual([1, 1, 4]);
    expect(tokenizer.encode('winer')).toEqual([0]);
    expect(tokenizer.encode('win, y')).toEqual([2, 0, 0]);
    expect(tokenizer.encode(' \t\n')).toEqual([]);
  });

  it('gives the tokens of the reference', () => {
    // written with the Python package tokenizers 0.23.3 and the tokenizer.json of all-MiniLM-L6-v2, without special tokens
    const cases = JSON.parse(readFileSync(new URL('../test/fixtures/word-piece.json', import.meta.url), 'utf8')) as {
      text: string;
      ids: number[];
    }[];
    expect(cases.length).toBeGreaterThan(20);
    const tokenizer = shipped();
    for (const { text, ids } of cases) expect([text, tokenizer.encode(text)]).toEqual([text, ids]);
  });

  it('reads any text without failing, and the same in capitals', () => {
    const tokenizer = shipped();
    const alphabet = 'abcXYZ 019.,-éßñ\u0301日本🙂\u{1f1e9}\ud800\u200d\n';
    let state = 7;
    const next = (n: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return (state >> 8) % n;
    };
    for (let i = 0; i < 300; i++) {
      const text = Array.from({ length: next(30) }, () => alphabet[next(alphabet.length)]).join('');
      const ids = tokenizer.encode(text);
      expect(ids.every((id) => id >= 0 && id < tokenizer.size)).toBe(true);
      // ß has no single capital
      const plain = text.replaceAll('ß', 's');
      expect(tokenizer.encode(plain.toUpperCase())).toEqual(tokenizer.encode(plain));
    }
  });

  it('refuses a vocabulary without the unknown token', () => {
    expect(() => new WordPiece('a\nb\n', 'mine')).toThrow(ModelCorruptError);
    expect(() => new WordPiece('a\nb\n', 'mine')).toThrow('mine is damaged: its vocabulary has no [UNK]');
  });
});
