/**
 * Writes PyTorch's zip format: for tests (well-formed and hostile archives) and for synthetic checkpoints of full size. Not part of the package.
 */

const text = new TextEncoder();

/** Pickle protocol 2, as far as tensors and plain values need it. Methods chain. */
export class PickleWriter {
  #bytes = [0x80, 2];

  raw(...bytes) {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  string(value) {
    const bytes = text.encode(value);
    return this.raw(0x58, ...little(bytes.length, 4), ...bytes);
  }

  /** @param {number | bigint} value */
  int(value) {
    if (typeof value === 'number' && value >= 0 && value < 256) return this.raw(0x4b, value);
    if (typeof value === 'number' && Math.abs(value) < 2 ** 31) return this.raw(0x4a, ...little(value >>> 0, 4));
    const bytes = [];
    // two's complement with room for the sign
    for (let rest = BigInt(value), i = 0; i < 9; i++, rest >>= 8n) bytes.push(Number(rest & 255n));
    return this.raw(0x8a, bytes.length, ...bytes);
  }

  float(value) {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value, false);
    return this.raw(0x47, ...new Uint8Array(view.buffer));
  }

  global(module, name) {
    return this.raw(0x63, ...text.encode(`${module}\n${name}\n`));
  }

  tuple(values) {
    this.raw(0x28);
    for (const value of values) this.int(value);
    return this.raw(0x74);
  }

  /** @param {[string | ((p: PickleWriter) => unknown), (p: PickleWriter) => unknown][]} entries keys are strings, or write themselves */
  dict(entries) {
    this.raw(0x7d, 0x28);
    for (const [key, write] of entries) {
      if (typeof key === 'string') this.string(key);
      else key(this);
      write(this);
    }
    return this.raw(0x75);
  }

  /** @param {((p: PickleWriter) => unknown)[]} items */
  list(items) {
    this.raw(0x5d, 0x28);
    for (const write of items) write(this);
    return this.raw(0x65);
  }

  /** torch._utils._rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict()) */
  tensor(storageType, key, length, offset, size, stride) {
    this.global('torch._utils', '_rebuild_tensor_v2').raw(0x28, 0x28);
    this.string('storage').global('torch', storageType).string(key).string('cpu').int(length).raw(0x74, 0x51);
    this.int(offset).tuple(size).tuple(stride).raw(0x89);
    return this.global('collections', 'OrderedDict').raw(0x29, 0x52, 0x74, 0x52);
  }

  /** The pickle, ended. */
  bytes() {
    return Uint8Array.from([...this.#bytes, 0x2e]);
  }
}

/** A checkpoint in memory from its pickle and its storages. */
export function torchZip(pickle, storages) {
  return buildZip([
    { name: 'archive/data.pkl', bytes: pickle },
    ...Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, bytes })),
  ]);
}

/**
 * A zip file in memory. Fields of an entry other than name and bytes are lies for tests.
 * @param {{ name: string, bytes: Uint8Array, method?: number, size?: number, crc32?: number, headerOffset?: number, zip64Size?: bigint }[]} entries
 */
export function buildZip(entries, { zip64 = false } = {}) {
  const parts = [];
  const placed = [];
  let at = 0;
  for (const entry of entries) {
    const header = localHeader(entry.name, entry.bytes.length, entry.crc32 ?? crcOf(entry.bytes), at);
    placed.push({
      ...entry,
      size: entry.size ?? entry.bytes.length,
      stored: entry.bytes.length,
      crc32: entry.crc32 ?? crcOf(entry.bytes),
      headerOffset: entry.headerOffset ?? at,
    });
    parts.push(header, entry.bytes);
    at += header.length + entry.bytes.length;
  }
  parts.push(centralDirectory(placed, at, zip64));
  return concatenate(parts);
}

/** A local header whose padding brings the entry's bytes to a multiple of 64, as PyTorch does it. */
export function localHeader(name, size, crc32, headerOffset) {
  const bytes = text.encode(name);
  const large = size >= 0xffffffff;
  const zip64 = large ? [...little(1, 2), ...little(16, 2), ...little(size, 8), ...little(size, 8)] : [];
  const padding = (64 - ((headerOffset + 30 + bytes.length + zip64.length + 4) % 64)) % 64;
  const extra = [...zip64, 0x46, 0x42, ...little(padding, 2), ...Array(padding).fill(0x5a)];
  const stated = large ? 0xffffffff : size;
  return Uint8Array.from([
    ...little(0x04034b50, 4),
    ...[0, 0, 0, 8, 0, 0, 0, 0, 0, 0],
    ...little(crc32, 4),
    ...little(stated, 4),
    ...little(stated, 4),
    ...little(bytes.length, 2),
    ...little(extra.length, 2),
    ...bytes,
    ...extra,
  ]);
}

/** The directory and the end records. @param zip64 write 64-bit fields even where 32 bits suffice */
export function centralDirectory(entries, offset, zip64 = false) {
  const parts = [];
  for (const { name, size, stored = size, crc32, headerOffset, method = 0, zip64Size } of entries) {
    const bytes = text.encode(name);
    const wide = zip64 || size >= 0xffffffff || headerOffset >= 0xffffffff;
    const extra = wide
      ? [...little(1, 2), ...little(24, 2), ...little(zip64Size ?? size, 8), ...little(zip64Size ?? stored, 8), ...little(headerOffset, 8)]
      : [];
    parts.push(
      Uint8Array.from([
        ...little(0x02014b50, 4),
        ...[0, 0, 0, 0, 0, 8],
        ...little(method, 2),
        ...[0, 0, 0, 0],
        ...little(crc32, 4),
        ...little(wide ? 0xffffffff : stored, 4),
        ...little(wide ? 0xffffffff : size, 4),
        ...little(bytes.length, 2),
        ...little(extra.length, 2),
        ...Array(10).fill(0),
        ...little(wide ? 0xffffffff : headerOffset, 4),
        ...bytes,
        ...extra,
      ]),
    );
  }
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const wide = zip64 || offset + size >= 0xffffffff || entries.length >= 0xffff;
  if (wide)
    parts.push(
      Uint8Array.from([
        ...little(0x06064b50, 4),
        ...little(44, 8),
        ...[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ...little(entries.length, 8),
        ...little(entries.length, 8),
        ...little(size, 8),
        ...little(offset, 8),
        ...little(0x07064b50, 4),
        ...[0, 0, 0, 0],
        ...little(offset + size, 8),
        ...[1, 0, 0, 0],
      ]),
    );
  parts.push(
    Uint8Array.from([
      ...little(0x06054b50, 4),
      ...[0, 0, 0, 0],
      ...little(wide ? 0xffff : entries.length, 2),
      ...little(wide ? 0xffff : entries.length, 2),
      ...little(wide ? 0xffffffff : size, 4),
      ...little(wide ? 0xffffffff : offset, 4),
      ...[0, 0],
    ]),
  );
  return concatenate(parts);
}

/** One bit a step: an independent twin of the reader's. */
export function crcOf(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c >>> 0;
}

function little(value, count) {
  const bytes = [];
  for (let rest = BigInt(value), i = 0; i < count; i++, rest >>= 8n) bytes.push(Number(rest & 255n));
  return bytes;
}

function concatenate(parts) {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
