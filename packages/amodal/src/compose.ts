import { components, createImage, type Mask, type RgbaImage, type RgbImage } from '@gestalt3d/core';
import { blur, distanceTo, fillHoles } from './regions.ts';

/** What the network gave: [4, size, size]; colours in -1..1 times alpha, and 2 alpha - 1. */
export interface RawCompletion {
  values: Float32Array;
  size: number;
}

/**
 * The finished completion: where the object is visible the photograph's own pixels, elsewhere the network's, enlarged and shifted in colour so
 * that they go on from the photograph without a seam. Alpha is the network's outline and the visible part together.
 *
 * @param detail how much of what the network paints beside the continued colours of the photograph is kept, 0..1
 */
export function composeCompletion(raw: RawCompletion, photo: RgbImage, visible: Mask, detail = 1): RgbaImage {
  const { width: side } = visible;
  const factor = side / raw.size;
  const planes = [0, 1, 2, 3].map((c) => enlarge(raw.values.subarray(c * raw.size ** 2, (c + 1) * raw.size ** 2), raw.size, side));
  const seen = Float32Array.from(visible.data, (v) => v / 255);
  const alpha = outline(planes[3]!, seen, side, factor);
  const hidden = planes.slice(0, 3).map((plane) => straight(plane, planes[3]!));
  const out = createImage(side, side, 4);
  // the photograph's side of the border, without the pixels that are a mixture of object and surroundings
  const sure = blur(seen, side, side, 1).map((v) => (v > 0.97 ? 1 : 0));
  for (let c = 0; c < 3; c++) {
    const seenColour = Float32Array.from(seen, (_, i) => photo.data[i * 3 + c]!);
    const continued = spread(seenColour, sure, side, factor);
    const base = spread(hidden[c]!, sure, side, factor);
    for (let i = 0; i < seen.length; i++) {
      const painted = hidden[c]![i]! - base[i]!;
      const filled = Math.min(Math.max(continued[i]! + detail * painted, 0), 255);
      out.data[i * 4 + c] = Math.round(filled + (seenColour[i]! - filled) * seen[i]!);
    }
  }
  for (let i = 0; i < alpha.length; i++) out.data[i * 4 + 3] = Math.round(255 * alpha[i]!);
  return out;
}

/** A network's picture as it is, for previews. */
export function plainCompletion({ values, size }: RawCompletion): RgbaImage {
  const out = createImage(size, size, 4);
  const plane = size * size;
  const alpha = values.subarray(3 * plane, 4 * plane);
  for (let c = 0; c < 3; c++) {
    const colour = straight(values.subarray(c * plane, (c + 1) * plane), alpha);
    for (let i = 0; i < plane; i++) out.data[i * 4 + c] = Math.round(colour[i]!);
  }
  for (let i = 0; i < plane; i++) out.data[i * 4 + 3] = Math.round(127.5 * (Math.min(Math.max(alpha[i]!, -1), 1) + 1));
  return out;
}

/** Colours 0..255 from colours in -1..1 that were multiplied by alpha. Where alpha is next to nothing the quotient means nothing: grey. */
function straight(colour: Float32Array, alpha: Float32Array): Float32Array {
  return colour.map((value, i) => {
    const opacity = Math.max((alpha[i]! + 1) / 2, 0.15);
    return 127.5 * (Math.min(Math.max(value / opacity, -1), 1) + 1);
  });
}

/** A hidden part thinner than this, in network pixels, is the network's blur. */
const RIM = 2.2;

/** Takes away what only lines the visible part's edge: pixels where visible part and surroundings are less than `thickness` apart. */
function removeRim(inside: Uint8Array, seen: Float32Array, side: number, thickness: number): void {
  const toSeen = distanceTo(
    Uint8Array.from(seen, (v) => (v > 0.5 ? 1 : 0)),
    side,
    side,
  );
  const toOutside = distanceTo(
    inside.map((v) => 1 - v),
    side,
    side,
  );
  for (let i = 0; i < inside.length; i++) if (seen[i]! <= 0.5 && toSeen[i]! + toOutside[i]! < thickness) inside[i] = 0;
}

/** Side in network pixels of the smallest hidden part that is kept. */
const SHARD = 3;

/** Takes away hidden parts of fewer than `least` pixels. */
function removeShards(inside: Uint8Array, seen: Float32Array, side: number, least: number): void {
  const { labels, sizes } = components(
    inside.map((v, i) => (v === 1 && seen[i]! <= 0.5 ? 1 : 0)),
    side,
    side,
  );
  for (let i = 0; i < inside.length; i++) if (labels[i]! > 0 && sizes[labels[i]!]! < least) inside[i] = 0;
}

/** Standard deviation in network pixels of what smooths the network's outline: where it is unsure, odds that differ from pixel to pixel fray it. */
const SMOOTH = 0.8;

/** Soft-edged union of the network's outline and the visible part, in one piece with the visible part. */
function outline(network: Float32Array, seen: Float32Array, side: number, factor: number): Float32Array {
  // an edge spans about one network pixel: make it about two of the picture's
  const gain = Math.max(1, factor / 2) / 2;
  const alpha = blur(network, side, side, SMOOTH * factor).map((value, i) =>
    Math.max(seen[i]!, Math.min(Math.max(value * gain + 0.5, 0), 1)),
  );
  const inside = Uint8Array.from(alpha, (v) => (v > 0.5 ? 1 : 0));
  removeRim(inside, seen, side, RIM * factor);
  const least = (SHARD * factor) ** 2;
  removeShards(inside, seen, side, least);
  for (let i = 0; i < alpha.length; i++) if (inside[i] === 0 && alpha[i]! > 0.5) alpha[i] = seen[i]!;
  const { labels, sizes } = components(inside, side, side);
  const kept = new Set<number>();
  for (let i = 0; i < seen.length; i++) if (seen[i]! > 0.5) kept.add(labels[i]!);
  const whole = Uint8Array.from(labels, (label) => (label > 0 && kept.has(label) ? 1 : 0));
  let area = 0;
  for (const label of kept) area += sizes[label]!;
  fillHoles(whole, side, side, Math.max(least, 0.003 * area));
  // the soft rim belongs to what it touches
  const near = blur(Float32Array.from(whole), side, side, 1.2);
  for (let i = 0; i < alpha.length; i++) {
    if (whole[i] === 1) alpha[i] = inside[i] === 1 ? alpha[i]! : 1;
    else if (near[i]! < 0.02) alpha[i] = 0;
  }
  return alpha;
}

/**
 * Smooth continuation of values that are known where `known` is 1: the averages over ever larger neighbourhoods, taken from the smallest that
 * holds any (push and pull). Known values are first smoothed over `sigma` pixels, so that texture is not smeared into the unknown. What comes out
 * is smooth, so it is computed on a picture of a quarter of the side.
 */
export function spread(values: Float32Array, known: Float32Array, side: number, sigma: number): Float32Array {
  const small = Math.max(1, Math.round(side / 4));
  const sum = new Float32Array(small * small);
  const weight = new Float32Array(small * small);
  const cell = Int32Array.from({ length: side }, (_, k) => Math.floor((k * small) / side));
  const share = (small / side) ** 2;
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const i = y * side + x;
      if (known[i] === 0) continue;
      const to = cell[y]! * small + cell[x]!;
      sum[to]! += share * known[i]! * values[i]!;
      weight[to]! += share * known[i]!;
    }
  const soft = (sigma * small) / side;
  return enlarge(pushPull(blur(sum, small, small, soft), blur(weight, small, small, soft), small, small), small, side);
}

function pushPull(sum: Float32Array, weight: Float32Array, width: number, height: number): Float32Array {
  const out = new Float32Array(sum.length);
  if (width === 1 && height === 1) {
    out[0] = weight[0]! > 1e-6 ? sum[0]! / weight[0]! : 0;
    return out;
  }
  const w = (width + 1) >> 1;
  const h = (height + 1) >> 1;
  const lowSum = new Float32Array(w * h);
  const lowWeight = new Float32Array(w * h);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      lowSum[(y >> 1) * w + (x >> 1)]! += sum[y * width + x]!;
      lowWeight[(y >> 1) * w + (x >> 1)]! += weight[y * width + x]!;
    }
  for (let i = 0; i < lowSum.length; i++)
    if (lowWeight[i]! > 1) {
      lowSum[i]! /= lowWeight[i]!;
      lowWeight[i] = 1;
    }
  const low = pushPull(lowSum, lowWeight, w, h);
  for (let y = 0; y < height; y++) {
    const v = Math.min(Math.max((y + 0.5) / 2 - 0.5, 0), h - 1);
    const j = Math.min(Math.floor(v), Math.max(0, h - 2));
    const down = h > 1 ? w : 0;
    for (let x = 0; x < width; x++) {
      const u = Math.min(Math.max((x + 0.5) / 2 - 0.5, 0), w - 1);
      const i = Math.min(Math.floor(u), Math.max(0, w - 2));
      const right = w > 1 ? 1 : 0;
      const at = j * w + i;
      const coarse =
        (low[at]! * (i + 1 - u) + low[at + right]! * (u - i)) * (j + 1 - v) +
        (low[at + down]! * (i + 1 - u) + low[at + down + right]! * (u - i)) * (v - j);
      const p = y * width + x;
      const share = Math.min(1, weight[p]!);
      out[p] = weight[p]! > 1e-6 ? (sum[p]! / weight[p]!) * share + coarse * (1 - share) : coarse;
    }
  }
  return out;
}

/** Bicubic (Catmull-Rom) enlargement of a square plane; the border repeats. */
export function enlarge(plane: Float32Array, size: number, side: number): Float32Array {
  const scale = size / side;
  const index = new Int32Array(side * 4);
  const weight = new Float32Array(side * 4);
  for (let k = 0; k < side; k++) {
    const centre = (k + 0.5) * scale - 0.5;
    const low = Math.floor(centre);
    const t = centre - low;
    const weights = [
      ((-t + 2) * t - 1) * t * 0.5,
      ((3 * t - 5) * t * t + 2) * 0.5,
      ((-3 * t + 4) * t + 1) * t * 0.5,
      (t - 1) * t * t * 0.5,
    ];
    for (let j = 0; j < 4; j++) {
      index[k * 4 + j] = Math.min(Math.max(low - 1 + j, 0), size - 1);
      weight[k * 4 + j] = weights[j]!;
    }
  }
  const rows = new Float32Array(size * side);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < side; x++) {
      let sum = 0;
      for (let j = x * 4; j < x * 4 + 4; j++) sum += plane[y * size + index[j]!]! * weight[j]!;
      rows[y * side + x] = sum;
    }
  const out = new Float32Array(side * side);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      let sum = 0;
      for (let j = y * 4; j < y * 4 + 4; j++) sum += rows[index[j]! * side + x]! * weight[j]!;
      out[y * side + x] = sum;
    }
  return out;
}
