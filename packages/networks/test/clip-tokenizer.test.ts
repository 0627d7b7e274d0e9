import { readFileSync } from 'node:fs';
import { ClipTokenizer } from '@gestalt3d/networks';
import { expect, it } from 'vitest';

/** Made by the original tokenizer with a small vocabulary; see fixtures/make.py. */
const { merges, texts, ids } = JSON.parse(readFileSync(new URL('fixtures/tokenizer.fixture', import.meta.url), 'utf8')) as {
  merges: string;
  texts: string[];
  ids: number[][];
};

it('gives the ids of the original, padded with zeros', () => {
  const tokenizer = new ClipTokenizer(merges);
  for (const [i, text] of texts.entries()) {
    const expected = [...ids[i]!, ...Array<number>(77 - ids[i]!.length).fill(0)];
    expect(Array.from(tokenizer.encode(text, 77), Number), text).toEqual(expected);
  }
});

it('refuses a label that does not fit', () => {
  expect(() => new ClipTokenizer(merges).encode('one two three', 4)).toThrow('at most 2 tokens a label');
});
