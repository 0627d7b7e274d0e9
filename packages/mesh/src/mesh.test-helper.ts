import { deflateSync, inflateSync } from 'node:zlib';
import {
  createImage,
  createRng,
  type Image,
  type ImageCodec,
  type Mesh,
  type RgbaImage,
  rigCameras,
  type StageContext,
  type StageMessage,
  type View,
} from '@gestalt3d/core';
import { renderMesh } from './render.ts';

/** Bit equality; the matcher's own comparison of long arrays takes seconds. */
export function sameBytes(a: ArrayBufferView | undefined, b: ArrayBufferView | undefined): boolean {
  const bytes = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return a !== undefined && b !== undefined && bytes(a).equals(bytes(b));
}

/** Smooth colours with stripes, as a function of the place: sRGB 0..255. */
export function testColor(x: number, y: number, z: number): [number, number, number] {
  const stripe = 0.75 + 0.25 * Math.sin(22 * x + 9 * y);
  return [(150 + 180 * x) * stripe, (140 + 190 * y) * stripe, (150 - 170 * z) * stripe].map((value) =>
    Math.round(Math.min(255, Math.max(0, value))),
  ) as [number, number, number];
}

export function withTestColors(mesh: Mesh): Mesh {
  const colors = new Uint8Array(mesh.positions.length);
  for (let v = 0; v < colors.length; v += 3) colors.set(testColor(mesh.positions[v], mesh.positions[v + 1], mesh.positions[v + 2]), v);
  return { ...mesh, colors };
}

/** The mesh's own colours seen by the 16 cameras of the rig; what is beside the object is magenta under alpha 0. */
export function ringViews(mesh: Mesh, size: number): View[] {
  return rigCameras(size).map((camera) => ({ camera, image: onMagenta(renderMesh(mesh, camera, { mode: 'unlit' })) }));
}

/** Straight alpha stays; colours of partly covered pixels mix with magenta as a careless cut-out's would. */
export function onMagenta(image: RgbaImage): RgbaImage {
  const out = createImage(image.width, image.height, 4);
  for (let i = 0; i < out.data.length; i += 4) {
    const alpha = image.data[i + 3] / 255;
    for (let c = 0; c < 3; c++) out.data[i + c] = Math.round(image.data[i + c] * alpha + (c === 1 ? 0 : 255) * (1 - alpha));
    out.data[i + 3] = image.data[i + 3];
  }
  return out;
}

/** Uncompressed-filter PNG, enough for files that a validator and this file's decoder read. JPEG is answered with PNG bytes. */
export const testCodec: ImageCodec = {
  async decode(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const width = view.getUint32(16);
    const height = view.getUint32(20);
    const channels = bytes[25] === 2 ? 3 : 4;
    const at = bytes.findIndex((_, i) => view.byteLength > i + 4 && view.getUint32(i) === 0x49444154);
    const raw = inflateSync(bytes.subarray(at + 4, at + 4 + view.getUint32(at - 4)));
    const image = createImage(width, height, 4);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < 4; c++)
          image.data[(y * width + x) * 4 + c] = c < channels ? raw[y * (width * channels + 1) + 1 + x * channels + c] : 255;
    return image;
  },
  async encodePng(image) {
    return encodePng(image);
  },
  async encodeJpeg(image) {
    return encodePng(image);
  },
};

function encodePng({ width, height, channels, data }: Image): Uint8Array {
  const raw = Buffer.alloc((width * channels + 1) * height);
  for (let y = 0; y < height; y++)
    Buffer.from(data.subarray(y * width * channels, (y + 1) * width * channels)).copy(raw, y * (width * channels + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, channels === 1 ? 0 : channels === 3 ? 2 : 6], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return new Uint8Array(
    Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(raw, { level: 1 })), chunk('IEND', Buffer.alloc(0))]),
  );
}

function chunk(type: string, body: Buffer): Buffer {
  const content = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  let crc = -1;
  for (const byte of content) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  const out = Buffer.alloc(content.length + 8);
  out.writeUInt32BE(body.length, 0);
  content.copy(out, 4);
  out.writeUInt32BE(~crc >>> 0, content.length + 4);
  return out;
}

export function testContext(signal = new AbortController().signal): StageContext & { events: StageMessage[] } {
  const events: StageMessage[] = [];
  return { signal, events, emit: (event) => void events.push(event), rng: createRng(1), gpu: null, spawnWorker: null, threads: 1 };
}

export const moved = (mesh: Mesh, x: number, y = 0, z = 0): Mesh => ({
  ...mesh,
  positions: mesh.positions.map((value, i) => value + [x, y, z][i % 3]!),
});

/** Several meshes as one, their vertices and triangles in order. */
export const joined = (...meshes: Mesh[]): Mesh => {
  const positions: number[] = [];
  const indices: number[] = [];
  for (const mesh of meshes) {
    for (const v of mesh.indices) indices.push(v + positions.length / 3);
    for (const value of mesh.positions) positions.push(value);
  }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
};
