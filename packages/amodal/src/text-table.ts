import { ModelCorruptError, OptionError } from '@gestalt3d/core';
import type { WordPiece } from './word-piece.ts';

/** Embeddings of texts by table: a vector for every token, of which a text's is the sum. Made by models/recognise/distil.py. */
export class TextTable {
  readonly dims: number;
  readonly #tokenizer: WordPiece;
  readonly #rows: Int8Array;
  readonly #scales: Float32Array;

  /**
   * @param rows int8 [tokens, dims]
   * @param scales float32 little-endian [tokens]: what a row's bytes are multiplied with
   * @param source named in the error
   * @throws ModelCorruptError when their sizes are not those of the tokenizer's vocabulary
   */
  constructor(tokenizer: WordPiece, rows: Uint8Array, scales: Uint8Array, source: string) {
    const { size } = tokenizer;
    if (scales.byteLength !== 4 * size || rows.length === 0 || rows.length % size !== 0)
      throw new ModelCorruptError(
        source,
        `its text table has ${rows.length} values and ${scales.byteLength / 4} scales, its vocabulary ${size} tokens`,
      );
    this.dims = rows.length / size;
    this.#tokenizer = tokenizer;
    this.#rows = new Int8Array(rows.buffer, rows.byteOffset, rows.length);
    const view = new DataView(scales.buffer, scales.byteOffset, scales.byteLength);
    this.#scales = Float32Array.from({ length: size }, (_, i) => view.getFloat32(4 * i, true));
  }

  /** Unit vector [dims]. @throws OptionError for a text without a word */
  embed(text: string): Float32Array {
    const sum = new Float64Array(this.dims);
    for (const id of this.#tokenizer.encode(text)) {
      const scale = this.#scales[id]!;
      for (let c = 0; c < this.dims; c++) sum[c]! += scale * this.#rows[id * this.dims + c]!;
    }
    const length = Math.hypot(...sum);
    if (length === 0) throw new OptionError('labels', 'words or phrases', `"${text}"`);
    return Float32Array.from(sum, (value) => value / length);
  }
}
