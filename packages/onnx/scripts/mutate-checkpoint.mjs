import { buildZip } from './torch-zip-writer.mjs';

/** Values that break parsers: signs, limits of 8 to 64 bits. */
const NASTY = [
  0,
  1,
  0x7f,
  0x80,
  0xff,
  0x7fff,
  0xffff,
  0x7fffffff,
  0x80000000,
  0xffffffff,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/**
 * A damaged copy of a checkpoint: flipped bits, nasty numbers, cut, repeated, swapped and removed parts, one to six times. Half of the damage goes
 * where the structure lies: the first and the last 2 KiB, and the pickle.
 * @param {Uint8Array} bytes
 * @param {{ integer(bound: number): number }} rng
 */
export function mutateCheckpoint(bytes, rng) {
  let result = bytes.slice();
  for (let round = 1 + rng.integer(6); round > 0 && result.length > 16; round--) {
    const at = place(result.length, rng);
    const length = Math.min(1 + rng.integer(rng.integer(8) === 0 ? 512 : 16), result.length - at);
    switch (rng.integer(7)) {
      case 0:
        result[at] ^= 1 << rng.integer(8);
        break;
      case 1:
        for (let i = 0; i < length; i++) result[at + i] = rng.integer(256);
        break;
      case 2: {
        let value = BigInt(NASTY[rng.integer(NASTY.length)]);
        for (let i = 0, n = 1 << rng.integer(4); i < n && at + i < result.length; i++, value >>= 8n) result[at + i] = Number(value & 255n);
        break;
      }
      case 3:
        result = result.slice(0, rng.integer(4) === 0 ? at : result.length - rng.integer(Math.min(64, result.length)));
        break;
      case 4:
        result.copyWithin(at, rng.integer(result.length), rng.integer(result.length));
        break;
      case 5:
        result = concatenate(result.slice(0, at), result.slice(at + length));
        break;
      default:
        result = concatenate(result.slice(0, at + length), result.slice(at));
    }
  }
  return result;
}

function place(size, rng) {
  const near = Math.min(size, 2048);
  const choice = rng.integer(4);
  if (choice === 0) return rng.integer(near);
  if (choice === 1) return size - near + rng.integer(near);
  return rng.integer(size);
}

function concatenate(a, b) {
  const result = new Uint8Array(a.length + b.length);
  result.set(a);
  result.set(b, a.length);
  return result;
}

/**
 * As mutateCheckpoint, but only the pickle of a PyTorch archive is damaged and the archive around it is whole: checksums would otherwise keep the
 * interpreter from seeing any of it.
 */
export function mutatePickle(bytes, rng) {
  return buildZip(
    unzip(bytes).map(({ name, bytes }) => ({ name, bytes: name.endsWith('/data.pkl') ? mutateCheckpoint(bytes, rng) : bytes })),
  );
}

/** The stored entries of a small, well-formed archive. */
function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = [];
  const end = bytes.length - 22;
  for (let at = view.getUint32(end + 16, true), i = view.getUint16(end + 10, true); i > 0; i--) {
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + view.getUint16(at + 28, true)));
    const header = view.getUint32(at + 42, true);
    const start = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
    if (view.getUint16(at + 10, true) === 0) entries.push({ name, bytes: bytes.slice(start, start + view.getUint32(at + 20, true)) });
    at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}
