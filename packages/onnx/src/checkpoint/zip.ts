import { type ByteSource, isCount, readRange } from './byte-source.ts';
import { CheckpointDamagedError } from './errors.ts';

/** An entry of a zip file. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes in the file. */
  readonly size: number;
  /** Such an entry is known but not read: TorchScript compresses its source code, nobody compresses tensors. */
  readonly compressed: boolean;
  readonly crc32: number;
  /** Where its local header begins. */
  readonly headerOffset: number;
  /** Nothing of this entry may lie at or after this offset: the next entry's header, or the directory. */
  readonly limit: number;
}

export interface ZipDirectory {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** The bytes of the central directory: names, sizes and checksums of everything inside. */
  readonly bytes: Uint8Array;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
/** An end record and the longest comment. */
const TAIL = 22 + 65535;
const MAX_ENTRIES = 200_000;

/**
 * Reads the central directory of a zip or zip64 file (APPNOTE 6.3.9) without touching the entries.
 * @throws CheckpointDamagedError for anything that is not a well-formed archive of entries that lie apart
 */
export async function readZipDirectory(source: ByteSource): Promise<ZipDirectory> {
  const fail = (expected: string, got: string): never => {
    throw new CheckpointDamagedError(source.name, expected, got);
  };
  // 1. the end record, searched backwards: it ends where its comment does
  const tailStart = Math.max(0, source.size - TAIL);
  const tail = viewOf(await readRange(source, 'the end of the archive', tailStart, source.size - tailStart));
  let end = tail.byteLength - 22;
  while (end >= 0 && !(tail.getUint32(end, true) === END && end + 22 + tail.getUint16(end + 20, true) === tail.byteLength)) end--;
  if (end < 0) fail('the end record of a zip archive', 'none: the file is cut or of another kind');
  let count = tail.getUint16(end + 10, true);
  let size = tail.getUint32(end + 12, true);
  let offset = tail.getUint32(end + 16, true);
  let directoryLimit = tailStart + end;
  // 2. its zip64 twin, when any field does not fit
  if (count === 0xffff || size === 0xffffffff || offset === 0xffffffff) {
    const locator = viewOf(await readRange(source, 'the zip64 locator', tailStart + end - 20, 20));
    if (locator.getUint32(0, true) !== LOCATOR_64) fail('a zip64 locator', 'other bytes');
    const at = exact(locator, 8, () => fail('a zip64 record inside the file', 'an offset beyond 2^53'));
    const record = viewOf(await readRange(source, 'the zip64 end record', at, 56));
    if (record.getUint32(0, true) !== END_64) fail('a zip64 end record', 'other bytes');
    count = exact(record, 32, () => fail('an entry count', 'more than 2^53'));
    size = exact(record, 40, () => fail('a directory size', 'more than 2^53'));
    offset = exact(record, 48, () => fail('a directory offset', 'more than 2^53'));
    directoryLimit = at;
  }
  if (count > MAX_ENTRIES) fail(`at most ${MAX_ENTRIES} entries`, String(count));
  if (offset + size > directoryLimit) fail('a central directory that ends before its end record', `${size} bytes at ${offset}`);
  const bytes = (await readRange(source, 'the central directory', offset, size)).slice();

  // 3. the entries
  const found: Omit<ZipEntry, 'limit'>[] = [];
  const names = new Set<string>();
  const directory = viewOf(bytes);
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > size || directory.getUint32(at, true) !== CENTRAL) fail(`directory entry ${i} of ${count}`, 'other bytes');
    const flags = directory.getUint16(at + 8, true);
    const method = directory.getUint16(at + 10, true);
    const nameLength = directory.getUint16(at + 28, true);
    const extraLength = directory.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + directory.getUint16(at + 32, true);
    if (next > size) fail(`directory entry ${i} inside the directory`, 'one that runs past its end');
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const fields = {
      size: directory.getUint32(at + 24, true),
      stored: directory.getUint32(at + 20, true),
      header: directory.getUint32(at + 42, true),
    };
    const extra = new DataView(bytes.buffer, bytes.byteOffset + at + 46 + nameLength, extraLength);
    if (!applyZip64(extra, fields)) fail(`zip64 sizes of entry ${show(name)} below 2^53`, 'others');
    if (flags & 1) fail('entries without encryption', show(name));
    const compressed = method !== 0;
    if (!compressed && fields.size !== fields.stored) fail(`one size of ${show(name)}`, `${fields.stored} bytes for ${fields.size}`);
    if (names.has(name)) fail('entries with different names', `${show(name)} twice`);
    if (fields.header + 30 + fields.stored > offset)
      fail(`entry ${show(name)} before the directory`, `${fields.stored} bytes at ${fields.header}`);
    names.add(name);
    found.push({ name, size: fields.stored, compressed, crc32: directory.getUint32(at + 16, true), headerOffset: fields.header });
    at = next;
  }
  // 4. apart from each other: what an entry may use ends where the next one begins
  found.sort((a, b) => a.headerOffset - b.headerOffset);
  const entries = new Map<string, ZipEntry>();
  for (const [i, entry] of found.entries()) {
    const limit = found[i + 1]?.headerOffset ?? offset;
    if (entry.headerOffset + 30 + entry.size > limit)
      fail('entries that do not overlap', `${show(entry.name)} and ${show(found[i + 1]!.name)}`);
    entries.set(entry.name, { ...entry, limit });
  }
  return { entries, bytes };
}

/**
 * Where an entry's bytes begin; reads its local header.
 * @throws CheckpointDamagedError when the header disagrees with the directory, or the entry is compressed
 */
export async function zipEntryStart(source: ByteSource, entry: ZipEntry): Promise<number> {
  if (entry.compressed) throw new CheckpointDamagedError(source.name, `${show(entry.name)} stored as it is`, 'a compressed entry');
  const header = viewOf(await readRange(source, `the header of ${show(entry.name)}`, entry.headerOffset, 30));
  const start = entry.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (header.getUint32(0, true) !== LOCAL || start + entry.size > entry.limit)
    throw new CheckpointDamagedError(source.name, `a header for ${show(entry.name)} as its directory says`, 'another');
  return start;
}

/** Replaces the sizes that are all ones by those of the zip64 extra field. False when the field is malformed. */
function applyZip64(extra: DataView, fields: { size: number; stored: number; header: number }): boolean {
  const needed = (['size', 'stored', 'header'] as const).filter((key) => fields[key] === 0xffffffff);
  if (needed.length === 0) return true;
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === 1 && at + 4 + length <= extra.byteLength && length >= 8 * needed.length) {
      for (const [i, key] of needed.entries()) {
        const value = Number(extra.getBigUint64(at + 4 + 8 * i, true));
        if (!isCount(value)) return false;
        fields[key] = value;
      }
      return true;
    }
    at += 4 + length;
  }
  return false;
}

function exact(view: DataView, at: number, fail: () => never): number {
  const value = Number(view.getBigUint64(at, true));
  return isCount(value) ? value : fail();
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const show = (name: string): string => JSON.stringify(name.slice(0, 80));
