import { boundingBox, type Image, type Mask, resample } from '@gestalt3d/core';
import { gaussian } from '../gaussian.ts';
import { solidity } from './mask-measures.ts';

/** Relative nearness of every pixel, larger is nearer; unit and offset do not matter. Of any size, the picture stretched to it. */
export interface DepthMap {
  width: number;
  height: number;
  /** [height, width] */
  nearness: Float32Array;
}

/** Whether nothing stands in front of an object. */
export interface FrontVerdict {
  inFront: boolean;
  /** 0..1; what the verdict was made from, see `evidence`. */
  confidence: number;
  /** `depth`: a depth map along the outline; `outline`: the weak cues below. */
  cue: 'depth' | 'outline';
  /** The measures behind it, by name. */
  evidence: Record<string, number>;
}

/** Longest side in pixels of the object when its outline is measured. */
const SIDE = 128;
const MARGIN = 16;

/** The object and its surroundings at a common size. */
interface Close {
  size: number;
  /** [size, size], 0..1. */
  inside: Float32Array;
  soft: Float32Array;
  region: { x: number; y: number; width: number; height: number };
}

function closeUp(mask: Mask): Close {
  const box = boundingBox(mask)!;
  const side = Math.max(box.x1 - box.x0, box.y1 - box.y0);
  const margin = (side * MARGIN) / SIDE;
  const region = {
    x: (box.x0 + box.x1 - side) / 2 - margin,
    y: (box.y0 + box.y1 - side) / 2 - margin,
    width: side + 2 * margin,
    height: side + 2 * margin,
  };
  const size = SIDE + 2 * MARGIN;
  const inside = Float32Array.from(resample(mask, size, size, region).data, (value) => (value > 127 ? 1 : 0));
  return { size, inside, soft: gaussian(inside, size, size, 2), region };
}

/** Calls back for every pixel of the outline with the unit normal that points outwards. */
function alongOutline({ size, inside, soft }: Close, visit: (x: number, y: number, nx: number, ny: number) => void): void {
  for (let y = 1; y < size - 1; y++)
    for (let x = 1; x < size - 1; x++) {
      const i = y * size + x;
      if (inside[i] === 0 || inside[i - 1]! + inside[i + 1]! + inside[i - size]! + inside[i + size]! === 4) continue;
      const gx = soft[i - 1]! - soft[i + 1]!;
      const gy = soft[i - size]! - soft[i + size]!;
      const length = Math.hypot(gx, gy);
      if (length > 1e-3) visit(x, y, gx / length, gy / length);
    }
}

/** Position of a close-up pixel in the grid of another picture of the same photograph. */
function under(close: Close, x: number, y: number, photo: Mask, grid: { width: number; height: number }): number | undefined {
  const px = close.region.x + ((x + 0.5) * close.region.width) / close.size;
  const py = close.region.y + ((y + 0.5) * close.region.height) / close.size;
  const column = Math.floor((px * grid.width) / photo.width);
  const row = Math.floor((py * grid.height) / photo.height);
  return column >= 0 && row >= 0 && column < grid.width && row < grid.height ? row * grid.width + column : undefined;
}

/** Close-up pixels between the outline and where depth is read on either side. */
const DEPTH_STEP = 5;
/** Depth differences below this share of the picture's range count as equal. */
const DEPTH_TOLERANCE = 0.03;
const DEPTH_SURE = 0.92;

/** By depth: the share of the outline beyond which nothing is nearer than the object is there. */
export function frontByDepth(mask: Mask, depth: DepthMap): FrontVerdict {
  const close = closeUp(mask);
  let [low, high] = [Infinity, -Infinity];
  for (const value of depth.nearness) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  let owned = 0;
  let count = 0;
  alongOutline(close, (x, y, nx, ny) => {
    const here = under(close, x - DEPTH_STEP * nx, y - DEPTH_STEP * ny, mask, depth);
    const beyond = under(close, x + DEPTH_STEP * nx, y + DEPTH_STEP * ny, mask, depth);
    if (here === undefined || beyond === undefined) return;
    count++;
    if (depth.nearness[beyond]! - depth.nearness[here]! <= DEPTH_TOLERANCE * (high - low)) owned++;
  });
  const share = count > 0 ? owned / count : 0;
  return { inFront: share >= DEPTH_SURE, confidence: share, cue: 'depth', evidence: { ownedShare: share } };
}

/** Close-up pixels between the outline and where colours are read on either side. */
const COLOUR_STEP = 3;
/** Colour difference (0..441) from which the outline lies on an edge. */
const EDGE = 28;
/** Standard deviation in close-up pixels of the disc on which convexity is read, and the share of it inside from which the outline is concave. */
const DISC = 7;
const CONCAVE = 0.6;
/** Least confidence that is trusted. */
const OUTLINE_SURE = 0.75;

const ramp = (value: number, low: number, high: number): number => Math.min(Math.max((value - low) / (high - low), 0), 1);

/**
 * Without depth, weak cues of who owns the outline. Of two regions that meet, the convex one is more often the nearer (Rubin; measured on
 * photographs by Fowlkes, Martin and Malik 2007, who give convexity, size and lowerness 60 to 70 % each), so:
 * - an occluder bites concave pieces out of what it hides: `solidity` and the share of the outline that is concave;
 * - a whole object differs from its surroundings all round: the share of the outline on an edge of colours;
 * - edges of what lies behind end at the outline from outside (T junctions): edges across it just outside, against just inside;
 * - where it meets another proposed object, the nearer of the two is the convex one, and ends lower in the picture.
 * An object cut straight by what hides it passes.
 * @param neighbours masks of the photograph's size
 */
export function frontByOutline(photo: Image<3 | 4>, mask: Mask, neighbours: readonly Mask[]): FrontVerdict {
  const close = closeUp(mask);
  const picture = resample(photo, close.size, close.size, close.region);
  const disc = gaussian(close.inside, close.size, close.size, DISC);
  const pixel = (x: number, y: number): number => Math.round(y) * close.size + Math.round(x);
  const difference = (i: number, j: number): number => {
    let sum = 0;
    for (let c = 0; c < 3; c++) sum += (picture.data[i * picture.channels + c]! - picture.data[j * picture.channels + c]!) ** 2;
    return Math.sqrt(sum);
  };
  let [count, concave, onEdge, stemsOutside, stemsInside] = [0, 0, 0, 0, 0];
  alongOutline(close, (x, y, nx, ny) => {
    count++;
    if (disc[y * close.size + x]! > CONCAVE) concave++;
    const here = pixel(x - COLOUR_STEP * nx, y - COLOUR_STEP * ny);
    const beyond = pixel(x + COLOUR_STEP * nx, y + COLOUR_STEP * ny);
    if (difference(here, beyond) > EDGE) onEdge++;
    // along the outline, on a line parallel to it
    for (const [side, step] of [
      ['in', -COLOUR_STEP - 1],
      ['out', COLOUR_STEP + 1],
    ] as const) {
      const [cx, cy] = [x + step * nx, y + step * ny];
      const change = difference(pixel(cx - 1.5 * ny, cy + 1.5 * nx), pixel(cx + 1.5 * ny, cy - 1.5 * nx));
      if (change <= EDGE) continue;
      if (side === 'in') stemsInside++;
      else stemsOutside++;
    }
  });
  const total = Math.max(count, 1);
  const evidence = {
    solidity: solidity(mask),
    concaveShare: concave / total,
    edgeShare: onEdge / total,
    junctions: (stemsOutside - stemsInside) / Math.max(stemsOutside + stemsInside, 0.1 * total),
    behind: behindNeighbours(mask, neighbours, close, disc),
  };
  const confidence =
    ramp(evidence.edgeShare, 0.45, 0.85) *
    (1 - evidence.behind) *
    (0.85 * ramp(evidence.solidity, 0.78, 0.93) * (1 - ramp(evidence.concaveShare, 0.05, 0.3)) + 0.15 * (0.5 + 0.5 * evidence.junctions));
  return { inFront: confidence >= OUTLINE_SURE, confidence, cue: 'outline', evidence };
}

/** Close-up pixels beyond the outline in which a neighbour counts as met, and the least share of the outline that does. */
const CONTACT_STEP = 4;
const CONTACT = 0.08;

/** How sure it is, 0..1, that one of the neighbours that the object meets is in front of it. */
function behindNeighbours(mask: Mask, neighbours: readonly Mask[], close: Close, disc: Float32Array): number {
  const own = boundingBox(mask)!;
  let behind = 0;
  for (const neighbour of neighbours) {
    const other = boundingBox(neighbour);
    if (other === undefined) continue;
    let [count, met, concave] = [0, 0, 0];
    alongOutline(close, (x, y, nx, ny) => {
      count++;
      const at = under(close, x + CONTACT_STEP * nx, y + CONTACT_STEP * ny, mask, neighbour);
      if (at === undefined || neighbour.data[at]! <= 127) return;
      met++;
      // half a disc is inside where the outline is straight
      concave += ramp(disc[y * close.size + x]!, 0.5, CONCAVE);
    });
    if (met < CONTACT * count) continue;
    const lower = ramp((other.y1 - own.y1) / (own.y1 - own.y0), -0.05, 0.15);
    behind = Math.max(behind, 0.65 * (concave / met) + 0.35 * lower);
  }
  return behind;
}
