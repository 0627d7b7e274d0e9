import { BYTES_PER_PIXEL, type Layout, RIG } from '../job.ts';
import { Sheet } from './sheet.ts';
import { spreadColours } from './spread-colours.ts';

/** Lossy WebP of the colours; alpha is lossless always. */
export interface Quality {
  /** 1..100, of input views and what lies behind them. */
  inputs: number;
  /** 1..100, of rig views. */
  rig: number;
}

/** Depth of one view as bytes: world depth = near + (far - near) * byte / 255. */
export interface DepthRange {
  near: number;
  far: number;
}

export interface EncodedObject {
  /** All input views side by side, RGBA. */
  inputs: Uint8Array;
  /** The surfaces behind side by side, RGB. */
  back: Uint8Array;
  /** Side by side, lossless: green is the front depth, blue the back depth, red nothing; 0 outside the object. */
  depth: Uint8Array;
  /** Rig views in rows of four, RGBA. */
  rig: Uint8Array;
  ranges: DepthRange[];
}

const RIG_COLUMNS = 4;

/**
 * The page's bytes as WebP sheets.
 * @throws RangeError where their number is not the layout's
 */
export async function encodeObject(bytes: Uint8Array, layout: Layout, quality: Quality): Promise<EncodedObject> {
  const { inputs, pixels, rigPixels } = layout;
  const viewBytes = pixels * pixels * BYTES_PER_PIXEL;
  const rigBytes = rigPixels * rigPixels * 4;
  const expected = inputs * viewBytes + RIG.count * rigBytes;
  if (bytes.length !== expected) throw new RangeError(`expected ${expected} bytes of an object, got ${bytes.length}`);
  const area = pixels * pixels;
  const colour = new Sheet(inputs, 1, pixels, 4);
  const back = new Sheet(inputs, 1, pixels, 3);
  const depth = new Sheet(inputs, 1, pixels, 3);
  const ranges: DepthRange[] = [];
  for (let k = 0; k < inputs; k++) {
    const view = bytes.subarray(k * viewBytes, (k + 1) * viewBytes);
    const rgba = spreadColours(view.slice(0, area * 4), pixels);
    const behind = spreadColours(view.slice(area * 8), pixels);
    colour.put(k, rgba);
    back.put(
      k,
      Uint8Array.from({ length: area * 3 }, (_, i) => behind[Math.floor(i / 3) * 4 + (i % 3)]!),
    );
    const depths = [0, 1].map((layer) => readDepths(view.subarray(area * (4 + 2 * layer), area * (6 + 2 * layer))));
    const inside = (i: number) => rgba[i * 4 + 3]! > 0;
    const range = rangeOf(depths, inside);
    ranges.push(range);
    const [front, behindDepth] = depths as [Float32Array, Float32Array];
    const byte = (value: number) => Math.round(((value - range.near) / (range.far - range.near)) * 255);
    const planes = new Uint8Array(area * 3);
    for (let i = 0; i < area; i++)
      if (inside(i)) {
        planes[i * 3 + 1] = byte(front[i]!);
        planes[i * 3 + 2] = byte(behindDepth[i]!);
      }
    depth.put(k, planes);
  }
  const rig = new Sheet(RIG_COLUMNS, RIG.count / RIG_COLUMNS, rigPixels, 4);
  for (let i = 0; i < RIG.count; i++) {
    const start = inputs * viewBytes + i * rigBytes;
    rig.put(i, spreadColours(bytes.slice(start, start + rigBytes), rigPixels));
  }
  const [inputsWebp, backWebp, depthWebp, rigWebp] = await Promise.all([
    colour.toWebp({ quality: quality.inputs }),
    back.toWebp({ quality: quality.inputs }),
    depth.toWebp({ lossless: true }),
    rig.toWebp({ quality: quality.rig }),
  ]);
  return { inputs: inputsWebp, back: backWebp, depth: depthWebp, rig: rigWebp, ranges };
}

/** 16-bit words, least significant byte first, over -1..1 to world units. */
function readDepths(bytes: Uint8Array): Float32Array {
  return Float32Array.from({ length: bytes.length / 2 }, (_, i) => ((bytes[2 * i]! + 256 * bytes[2 * i + 1]!) / 65_535) * 2 - 1);
}

function rangeOf(depths: readonly Float32Array[], inside: (i: number) => boolean): DepthRange {
  let [near, far] = [Infinity, -Infinity];
  for (const values of depths)
    values.forEach((value, i) => {
      if (!inside(i)) return;
      near = Math.min(near, value);
      far = Math.max(far, value);
    });
  // an empty view, or a single plane
  return far > near ? { near, far } : { near: Number.isFinite(near) ? near : 0, far: (Number.isFinite(near) ? near : 0) + 1 };
}
