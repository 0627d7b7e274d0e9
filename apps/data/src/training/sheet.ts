import sharp from 'sharp';

/** Square tiles in rows. */
export class Sheet {
  readonly #columns: number;
  readonly #side: number;
  readonly #channels: 3 | 4;
  readonly #width: number;
  readonly #height: number;
  readonly #data: Uint8Array;

  constructor(columns: number, rows: number, side: number, channels: 3 | 4) {
    this.#columns = columns;
    this.#side = side;
    this.#channels = channels;
    this.#width = columns * side;
    this.#height = rows * side;
    this.#data = new Uint8Array(this.#width * this.#height * channels);
  }

  /** @param tile [side, side, channels], rows from the top */
  put(index: number, tile: ArrayLike<number>): void {
    const line = this.#side * this.#channels;
    const x0 = (index % this.#columns) * line;
    const y0 = Math.floor(index / this.#columns) * this.#side;
    for (let y = 0; y < this.#side; y++) {
      const to = (y0 + y) * this.#width * this.#channels + x0;
      for (let i = 0; i < line; i++) this.#data[to + i] = tile[y * line + i]!;
    }
  }

  async toWebp(options: { quality: number } | { lossless: true }): Promise<Uint8Array> {
    const raw = { width: this.#width, height: this.#height, channels: this.#channels };
    const effort = 'lossless' in options ? 3 : 4;
    return sharp(this.#data, { raw })
      .webp({ ...options, alphaQuality: 100, smartSubsample: true, effort })
      .toBuffer();
  }
}
