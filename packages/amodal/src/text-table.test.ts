import { readFileSync } from 'node:fs';
import { ModelCorruptError, OptionError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { TextTable } from './text-table.ts';
import { WordPiece } from './word-piece.ts';

const bytes = (...values: number[]): Uint8Array => new Uint8Array(Int8Array.from(values).buffer);
const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const tokenizer = new WordPiece('[UNK]\nred\nbox\n', 'test');

describe('TextTable', () => {
  it('is the unit vector of the sum of the rows', () => {
    const table = new TextTable(tokenizer, bytes(0, 0, 4, 0, 0, -3), floats(1, 0.5, 0.5), 'test');
    expect(table.dims).toBe(2);
    expect([...table.embed('red')]).toEqual([1, 0]);
    // (2, 0) + (0, -1.5)
    for (const text of ['red box', 'Box RED']) expect([...table.embed(text)]).toEqual([Math.fround(0.8), Math.fround(-0.6)]);
    for (const text of ['', '  ', 'blue']) expect(() => table.embed(text)).toThrow(OptionError);
  });

  it('reads its files wherever they begin in memory', () => {
    const shifted = new Uint8Array(13);
    shifted.set(floats(1, 0.5, 0.5), 1);
    const table = new TextTable(tokenizer, bytes(0, 0, 4, 0, 0, -3), shifted.subarray(1), 'test');
    expect([...table.embed('box red')]).toEqual([Math.fround(0.8), Math.fround(-0.6)]);
  });

  it('refuses files of other sizes', () => {
    for (const [rows, scales] of [
      [bytes(1, 2, 3, 4), floats(1, 1, 1)],
      [bytes(1, 2, 3), floats(1, 1)],
      [bytes(), floats(1, 1, 1)],
    ] as const)
      expect(() => new TextTable(tokenizer, rows, scales, 'mine')).toThrow(ModelCorruptError);
  });

  it('embeds texts as the recipe does, and like meanings near each other', () => {
    const folder = new URL('../../../models/recognise/', import.meta.url);
    const read = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));
    const shipped = new TextTable(
      new WordPiece(new TextDecoder().decode(read('vocab.txt')), 'recognise'),
      read('tokens.i8'),
      read('scales.f32'),
      'recognise',
    );
    const { texts } = JSON.parse(new TextDecoder().decode(read('golden/texts.json'))) as {
      texts: { text: string; embedding: number[] }[];
    };
    expect(texts).toHaveLength(20);
    for (const { text, embedding } of texts) {
      const got = shipped.embed(text);
      expect(Math.hypot(...got)).toBeCloseTo(1, 5);
      for (const [i, value] of embedding.entries()) expect(got[i], text).toBeCloseTo(value, 5);
    }
    const cosine = (a: string, b: string): number => {
      const [p, q] = [shipped.embed(a), shipped.embed(b)];
      return p.reduce((sum, value, i) => sum + value * q[i]!, 0);
    };
    expect(cosine('sofa', 'couch')).toBeGreaterThan(cosine('sofa', 'elephant') + 0.3);
    expect(cosine('wine bottle', 'bottle')).toBeGreaterThan(cosine('wine bottle', 'dog') + 0.3);
  });
});
