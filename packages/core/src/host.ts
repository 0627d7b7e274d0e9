import type { Image, RgbaImage } from './image.ts';

/** Image files to pixels and back; filled by the app (sharp in Node, a canvas in a browser). */
export interface ImageCodec {
  /**
   * Any JPEG, PNG or WebP: CMYK, 16-bit, palette and EXIF-rotated ones become upright 8-bit sRGB RGBA.
   * @throws ImageDecodeError, ImageTooLargeError
   */
  decode(bytes: Uint8Array, name: string): Promise<RgbaImage>;
  encodePng(image: Image): Promise<Uint8Array>;
  encodeJpeg(image: Image, quality: number): Promise<Uint8Array>;
  /** Absent where the host cannot; JPEG is then used instead. */
  encodeWebp?(image: Image, quality: number): Promise<Uint8Array>;
}

/** A folder of named byte strings. Names are relative, with forward slashes. */
export interface FileStore {
  /** Where it is, for messages. */
  readonly location: string;
  read(name: string): Promise<Uint8Array | undefined>;
  /** All or nothing: after a crash the file is whole, or is as it was. @throws DiskFullError, StorageError */
  write(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  /** Names of files below a prefix, sorted. */
  list(prefix: string): Promise<string[]>;
  /** Path of a file for those who read it themselves; absent where there are no paths. */
  pathOf?(name: string): string;
}
