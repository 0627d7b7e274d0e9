/**
 * The part of the protobuf wire format that an ONNX file needs: varints, fixed 32-bit floats and length-delimited fields. Written here because the npm
 * packages that carry ONNX's schema bring a reflection library of 200 kB and keep whole tensors in memory, and this is all there is to it.
 */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A whole number; negative ones as 64-bit two's complement. Zero is written too: presence matters in ONNX (an `i` of 0). */
  int(field: number, value: number | bigint): this {
    return this.#push(Uint8Array.from([...varint(field << 3), ...varint(value)]));
  }

  float(field: number, value: number): this {
    return this.#push(Uint8Array.from([...varint((field << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)]));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#push(Uint8Array.from([...varint((field << 3) | 2), ...varint(value.length)])).#push(value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  packedInts(field: number, values: readonly number[]): this {
    return this.bytes(field, Uint8Array.from(values.flatMap((value) => varint(value))));
  }

  message(field: number, write: (message: ProtoWriter) => void): this {
    const message = new ProtoWriter();
    write(message);
    this.#push(Uint8Array.from([...varint((field << 3) | 2), ...varint(message.#length)]));
    for (const part of message.#parts) this.#push(part);
    return this;
  }

  finish(): Uint8Array {
    const result = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      result.set(part, at);
      at += part.length;
    }
    return result;
  }

  #push(part: Uint8Array): this {
    this.#parts.push(part);
    this.#length += part.length;
    return this;
  }
}

function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return bytes;
}
