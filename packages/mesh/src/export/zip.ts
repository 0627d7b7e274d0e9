import { type Zippable, zipSync } from 'fflate';

/**
 * A zip archive of the files in their order, without times: the same files give the same bytes.
 * @param stored uncompressed, each file's bytes starting at a multiple of 64: what USDZ asks for
 */
export function zip(files: ReadonlyMap<string, Uint8Array>, stored = false): Uint8Array {
  const entries: Zippable = {};
  let offset = 0;
  for (const [name, bytes] of files) {
    const header = 30 + new TextEncoder().encode(name).length;
    // an extra field is 4 bytes and its content
    const padding = stored ? (64 - ((offset + header + 4) & 63)) & 63 : 0;
    // 1980 is where the format's time begins
    entries[name] = [
      bytes,
      { level: stored ? 0 : 6, mtime: new Date(1980, 0, 1), ...(stored && { extra: { 6534: new Uint8Array(padding) } }) },
    ];
    offset += header + 4 + padding + bytes.length;
  }
  return zipSync(entries);
}
