/** fp32 to the bits of fp16, rounding to nearest even (IEEE 754). What does not fit becomes an infinity. */
export function toFloat16Bits(source: Float32Array, target: Uint16Array): void {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  for (let i = 0; i < bits.length; i++) {
    const sign = (bits[i]! >>> 16) & 0x8000;
    const x = bits[i]! & 0x7fffffff;
    let half: number;
    if (x >= 0x477ff000) half = x > 0x7f800000 ? 0x7e00 : 0x7c00;
    // below 2^-14: multiples of 2^-24; adding and taking away 2^52 rounds to nearest even in a double
    else if (x < 0x38800000) half = Math.abs(source[i]!) * 16777216 + 4503599627370496 - 4503599627370496;
    // rebias the exponent, and add just under half a unit, or half where the kept part is odd
    else half = (x - 0x38000000 + 0xfff + ((x >>> 13) & 1)) >>> 13;
    target[i] = sign | half;
  }
}

let table: Float32Array | undefined;

/** The value of every fp16 bit pattern. */
export function float16Values(): Float32Array {
  if (table !== undefined) return table;
  table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction === 0
            ? Infinity
            : NaN
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    table[bits] = bits & 0x8000 ? -magnitude : magnitude;
  }
  return table;
}
