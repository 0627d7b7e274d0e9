import type { Prompt, RgbImage } from '@gestalt3d/core';
import { coloursOf, type Frame, frameOf, growRegion, pixelUnder } from './frame.ts';
import { grabCut, MAYBE_IN, MAYBE_OUT, SURE_OUT } from './grabcut.ts';
import { applyPrompt, CERTAIN, clean, type Prior } from './refine.ts';
import { distanceTo } from './regions.ts';
import type { Evidence } from './segmenter.ts';

/** Radii tried, in shares of the picture's longest side. */
const RADII = [0.06, 0.1, 0.17, 0.28, 0.45, 0.75];
/** Colour change (0..441) that is nothing. */
const PATH_FLOOR = 25;
/** What a pixel of outline at the picture's border counts, where a strong edge counts 1. */
const BORDER_EDGE = 0.3;
/** Share of the network's log-odds that is added to the colours' evidence. */
export const TRUST = 0.5;
/** What full agreement with the network counts, where an outline of strong edges all round counts 1. */
const AGREEMENT = 1;
/** Between a part and its whole the whole is meant more often: what a doubled radius counts. */
const LARGER = 0.05;
/** Log-odds that a pixel's connection with the points of a box counts at most. */
const CONNECTION = 2.5;
/** Log-odds that a negative point counts at most. */
const RIVALRY = 3;
/** What going on from the answer to one point fewer counts at most. */
const MEMORY = 1;
/** Log-odds of what was found with one point fewer. */
const FOUND = 2;
/** Longest side of the trial pictures. */
const TRIAL = 120;

/** The points given so far, and what the network says to them. */
export interface Look {
  prompt: Prompt;
  evidence?: Evidence | undefined;
}

/**
 * Points: the object is unlike its surroundings at some scale. For each of several radii, what lies within it is cut from what lies beyond, and
 * once more what the network proposes; the cut whose outline runs best along the picture's edges, and agrees best with the network, wins.
 * A further point corrects what was found without it: that counts too.
 *
 * @param looks for the first points, for one point more, and so on to all of them
 */
export function clickPrior(image: RgbImage, looks: readonly Look[], resolution: number): Prior {
  let best: Trial | undefined;
  for (const look of looks) best = bestTrial(image, look, best);
  const { frame, inside } = best!;
  const prior = focus(image, frame, inside, resolution);
  const logits = looks.at(-1)!.evidence?.logitsOn(prior.frame);
  logits?.forEach((value, i) => {
    prior.logOdds[i]! += TRUST * value;
  });
  return prior;
}

function bestTrial(image: RgbImage, { prompt, evidence }: Look, before: Trial | undefined): Trial {
  const positive = prompt.points.filter((point) => point.positive);
  const spread = {
    x0: Math.min(...positive.map((p) => p.x)),
    y0: Math.min(...positive.map((p) => p.y)),
    x1: Math.max(...positive.map((p) => p.x)) + 1,
    y1: Math.max(...positive.map((p) => p.y)) + 1,
  };
  const trials = RADII.map((share): Trial => {
    const radius = share * Math.max(image.width, image.height);
    const margin = (1.7 * radius) / Math.max(spread.x1 - spread.x0, spread.y1 - spread.y0);
    const frame = frameOf(growRegion(spread, margin, image), TRIAL, 2);
    const trial = tryRadius(image, frame, prompt, positive, radius, evidence?.logitsOn(frame));
    return { ...trial, score: trial.score + LARGER * Math.log2(share / RADII[0]!) };
  });
  if (evidence !== undefined) {
    const trial = tryEvidence(image, prompt, evidence);
    trials.push({ ...trial, score: trial.score + LARGER * 1.5 });
  }
  if (before !== undefined) {
    const trial = tryBefore(image, prompt, before, evidence);
    trials.push({ ...trial, score: trial.score + LARGER * 1.5 });
    for (const trial of trials) trial.score += MEMORY * continuity(before, trial, prompt.points.at(-1)!.positive);
  }
  return trials.reduce((best, trial) => (trial.score > best.score ? trial : best));
}

/**
 * How well a trial goes on from the one before, 0..1. After a positive point the object is what was found and more, after a negative one it is less:
 * the share of the smaller that lies within the larger; and a correction is seldom large, so half of it is their overlap.
 */
function continuity(before: Trial, trial: Trial, positive: boolean): number {
  const area = ({ frame, inside }: Trial) => inside.reduce((sum, v) => sum + v, 0) * frame.scale ** 2;
  let both = 0;
  for (let i = 0; i < before.inside.length; i++) if (before.inside[i] === 1 && holds(trial, ...placeOf(before.frame, i))) both++;
  const [a, b, common] = [area(before), area(trial), both * before.frame.scale ** 2];
  const kept = Math.min(1, common / Math.max(1e-9, positive ? a : b));
  return 0.5 * kept + (0.5 * common) / Math.max(1e-9, a + b - common);
}

/** The middle of a frame's pixel in the picture. */
function placeOf(frame: Frame, pixel: number): [x: number, y: number] {
  return [frame.x + ((pixel % frame.width) + 0.5) * frame.scale, frame.y + (Math.floor(pixel / frame.width) + 0.5) * frame.scale];
}

function holds({ frame, inside }: Trial, x: number, y: number): boolean {
  const [u, v] = [Math.floor((x - frame.x) / frame.scale), Math.floor((y - frame.y) / frame.scale)];
  return u >= 0 && v >= 0 && u < frame.width && v < frame.height && inside[v * frame.width + u] === 1;
}

/** What was found before, cut once more with the new point. */
function tryBefore(image: RgbImage, prompt: Prompt, before: Trial, evidence: Evidence | undefined): Trial {
  const box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  const include = (x: number, y: number) => {
    box.x0 = Math.min(box.x0, x);
    box.y0 = Math.min(box.y0, y);
    box.x1 = Math.max(box.x1, x);
    box.y1 = Math.max(box.y1, y);
  };
  before.inside.forEach((v, i) => {
    if (v === 1) include(...placeOf(before.frame, i));
  });
  for (const point of prompt.points) if (point.positive) include(point.x, point.y);
  const frame = frameOf(growRegion({ ...box, x1: box.x1 + 1, y1: box.y1 + 1 }, 0.3, image), TRIAL, 2);
  const { width, height } = frame;
  const rgb = coloursOf(image, frame);
  const found = Uint8Array.from({ length: width * height }, (_, i) => (holds(before, ...placeOf(frame, i)) ? 1 : 0));
  const seeds = new Uint8Array(width * height);
  for (const point of prompt.points) if (point.positive) seeds[pixelUnder(frame, point.x, point.y)] = 1;
  const rivals = rivalry(prompt, frame, rgb, colourPath(seeds, rgb, width, height));
  const logits = evidence?.logitsOn(frame);
  const logOdds = Float32Array.from(found, (v, i) => (v === 1 ? FOUND : -FOUND) + (rivals?.[i] ?? 0) + TRUST * (logits?.[i] ?? 0));
  return cutTrial(
    image,
    frame,
    prompt,
    rgb,
    found.map((v) => (v === 1 ? MAYBE_IN : MAYBE_OUT)),
    logOdds,
    logits,
  );
}

interface Trial {
  score: number;
  frame: Frame;
  inside: Uint8Array;
}

function tryRadius(
  image: RgbImage,
  frame: Frame,
  prompt: Prompt,
  positive: Prompt['points'],
  radius: number,
  logits: Float32Array | undefined,
): Trial {
  const { width, height } = frame;
  const rgb = coloursOf(image, frame);
  const seeds = new Uint8Array(width * height);
  for (const point of positive) seeds[pixelUnder(frame, point.x, point.y)] = 1;
  const distance = distanceTo(seeds, width, height);
  const reach = radius / frame.scale;
  const path = colourPath(seeds, rgb, width, height);
  // how much the colour changes along the way within the object: texture must not count as an edge
  const within = median(path.filter((_, i) => distance[i]! < 0.4 * reach)) + PATH_FLOOR;
  const rivals = rivalry(prompt, frame, rgb, path);
  const trimap = new Uint8Array(width * height);
  const logOdds = new Float32Array(width * height);
  for (let i = 0; i < trimap.length; i++) {
    const r = distance[i]! / reach;
    const connected = path[i]! <= 1.2 * within;
    trimap[i] = r < 0.15 || (r < 0.9 && connected) ? MAYBE_IN : r < 1.25 ? MAYBE_OUT : SURE_OUT;
    logOdds[i] = 3 * (0.8 - r) - Math.min(5, 2 * Math.max(0, path[i]! / within - 1)) + (rivals?.[i] ?? 0) + TRUST * (logits?.[i] ?? 0);
  }
  return cutTrial(image, frame, prompt, rgb, trimap, logOdds, logits);
}

/** The network's own proposal. */
function tryEvidence(image: RgbImage, prompt: Prompt, evidence: Evidence): Trial {
  const frame = frameOf(growRegion(evidence.box, 0.3, image), TRIAL, 2);
  const logits = evidence.logitsOn(frame);
  const trimap = Uint8Array.from(logits, (value) => (value > 0 ? MAYBE_IN : MAYBE_OUT));
  return cutTrial(image, frame, prompt, coloursOf(image, frame), trimap, logits, logits);
}

function cutTrial(
  image: RgbImage,
  frame: Frame,
  prompt: Prompt,
  rgb: Float32Array,
  trimap: Uint8Array,
  logOdds: Float32Array,
  logits: Float32Array | undefined,
): Trial {
  const { width, height } = frame;
  applyPrompt(trimap, frame, prompt);
  const inside = clean(grabCut({ width, height, rgb, trimap, logOdds, iterations: 3 }), frame, prompt);
  const score = outlineScore(inside, trimap, rgb, width, height, imageBorder(image, frame));
  return { score: score + (logits === undefined ? 0 : AGREEMENT * softIou(inside, logits)), frame, inside };
}

/** Intersection over union of a labelling with the probabilities that logits stand for. */
function softIou(inside: Uint8Array, logits: Float32Array): number {
  let both = 0;
  let either = 1e-9;
  for (let i = 0; i < inside.length; i++) {
    const probability = 1 / (1 + Math.exp(-logits[i]!));
    both += inside[i]! * probability;
    either += inside[i]! + probability - inside[i]! * probability;
  }
  return both / either;
}

/**
 * Points in a box: log-odds for the pixels of any frame that say how well a pixel is connected with the positive points, by the colours on the way.
 * undefined when there are none.
 */
export function connection(
  image: RgbImage,
  prompt: Prompt,
  box: NonNullable<Prompt['box']>,
): ((frame: Frame, pixel: number) => number) | undefined {
  const positive = prompt.points.filter((point) => point.positive);
  if (positive.length === 0) return undefined;
  const coarse = frameOf(growRegion(box, 0.1, image), TRIAL, 2);
  const { width, height } = coarse;
  const rgb = coloursOf(image, coarse);
  const seeds = new Uint8Array(width * height);
  for (const point of positive) seeds[pixelUnder(coarse, point.x, point.y)] = 1;
  const distance = distanceTo(seeds, width, height);
  const path = colourPath(seeds, rgb, width, height);
  const reach = (0.25 * Math.min(box.x1 - box.x0, box.y1 - box.y0)) / coarse.scale;
  const within = median(path.filter((_, i) => distance[i]! < reach)) + PATH_FLOOR;
  const rivals = rivalry(prompt, coarse, rgb, path);
  return (frame, pixel) => {
    const x = frame.x + ((pixel % frame.width) + 0.5) * frame.scale;
    const y = frame.y + (Math.floor(pixel / frame.width) + 0.5) * frame.scale;
    const p = pixelUnder(coarse, x, y);
    return Math.max(-CONNECTION, Math.min(CONNECTION, 1.5 * (2.3 - path[p]! / within))) + (rivals?.[p] ?? 0);
  };
}

/** Negative points: log-odds by which of the two kinds of points the way is shorter from. undefined when there are none. */
function rivalry(prompt: Prompt, frame: Frame, rgb: Float32Array, path: Float32Array): Float32Array | undefined {
  const negative = prompt.points.filter((point) => !point.positive);
  if (negative.length === 0) return undefined;
  const seeds = new Uint8Array(path.length);
  for (const point of negative) seeds[pixelUnder(frame, point.x, point.y)] = 1;
  return colourPath(seeds, rgb, frame.width, frame.height).map((against, i) => {
    const ratio = Math.log2((against + PATH_FLOOR) / (path[i]! + PATH_FLOOR));
    return Math.max(-RIVALRY, Math.min(RIVALRY, RIVALRY * ratio));
  });
}

/** Least sum of colour differences along any way from the seeds, by sweeps over the grid. */
function colourPath(seeds: Uint8Array, rgb: Float32Array, width: number, height: number): Float32Array {
  const path = new Float32Array(seeds.length);
  for (let i = 0; i < path.length; i++) path[i] = seeds[i] === 1 ? 0 : 1e6;
  const relax = (i: number, j: number) => {
    const cost = path[j]! + Math.hypot(rgb[i * 3]! - rgb[j * 3]!, rgb[i * 3 + 1]! - rgb[j * 3 + 1]!, rgb[i * 3 + 2]! - rgb[j * 3 + 2]!);
    if (cost < path[i]!) path[i] = cost;
  };
  for (let sweep = 0; sweep < 3; sweep++) {
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const i = y * width + x;
        if (x > 0) relax(i, i - 1);
        if (y > 0) relax(i, i - width);
      }
    for (let y = height - 1; y >= 0; y--)
      for (let x = width - 1; x >= 0; x--) {
        const i = y * width + x;
        if (x < width - 1) relax(i, i + 1);
        if (y < height - 1) relax(i, i + width);
      }
  }
  return path;
}

function median(values: Float32Array): number {
  return values.length === 0 ? 0 : values.sort()[values.length >> 1]!;
}

/** Pixels of a frame that lie on the border of the picture. */
function imageBorder(image: RgbImage, { x, y, scale, width, height }: Frame): number[] {
  const found: number[] = [];
  for (let i = 0; i < width; i++) {
    if (y <= 0) found.push(i);
    if (y + height * scale >= image.height - 1) found.push((height - 1) * width + i);
  }
  for (let j = 0; j < height; j++) {
    if (x <= 0) found.push(j * width);
    if (x + width * scale >= image.width - 1) found.push(j * width + width - 1);
  }
  return found;
}

/** Share of the outline that runs along an edge of the picture; an outline at the limit of what was allowed counts against it. */
function outlineScore(
  inside: Uint8Array,
  trimap: Uint8Array,
  rgb: Float32Array,
  width: number,
  height: number,
  atImageBorder: number[],
): number {
  let length = 0;
  let edge = 0;
  let area = 0;
  for (let y = 0; y < height - 1; y++)
    for (let x = 0; x < width - 1; x++) {
      const i = y * width + x;
      area += inside[i]!;
      for (const j of [i + 1, i + width]) {
        if (inside[i] === inside[j]) continue;
        length++;
        if (trimap[i] === SURE_OUT || trimap[j] === SURE_OUT) {
          edge -= 1;
          continue;
        }
        const difference = Math.hypot(rgb[i * 3]! - rgb[j * 3]!, rgb[i * 3 + 1]! - rgb[j * 3 + 1]!, rgb[i * 3 + 2]! - rgb[j * 3 + 2]!);
        edge += Math.min(1, difference / 60);
      }
    }
  // where the picture ends nothing says that the object does
  for (const i of atImageBorder) {
    if (inside[i] === 0) continue;
    length++;
    edge += BORDER_EDGE;
  }
  if (length === 0 || area < 12) return -2;
  // long thin outlines are cuts through texture
  const roundness = Math.min(1, (4 * Math.PI * area) / (0.6 * length * length) + 0.2);
  return edge / length + 0.5 * roundness;
}

/** The winning trial as evidence in a frame of its own size. */
function focus(image: RgbImage, trial: Frame, inside: Uint8Array, resolution: number): Prior {
  let box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (let i = 0; i < inside.length; i++) {
    if (inside[i] === 0) continue;
    const x = i % trial.width;
    const y = Math.floor(i / trial.width);
    box = { x0: Math.min(box.x0, x), y0: Math.min(box.y0, y), x1: Math.max(box.x1, x + 1), y1: Math.max(box.y1, y + 1) };
  }
  if (box.x0 > box.x1) box = { x0: 0, y0: 0, x1: trial.width, y1: trial.height };
  const grown = growRegion(
    {
      x0: trial.x + box.x0 * trial.scale,
      y0: trial.y + box.y0 * trial.scale,
      x1: trial.x + box.x1 * trial.scale,
      y1: trial.y + box.y1 * trial.scale,
    },
    0.15,
    image,
  );
  const frame = frameOf(grown, resolution, 2);
  const outside = inside.map((v) => 1 - v);
  const toInside = distanceTo(inside, trial.width, trial.height);
  const toOutside = distanceTo(outside, trial.width, trial.height);
  const logOdds = new Float32Array(frame.width * frame.height);
  for (let y = 0; y < frame.height; y++)
    for (let x = 0; x < frame.width; x++) {
      const p = pixelUnder(trial, frame.x + (x + 0.5) * frame.scale, frame.y + (y + 0.5) * frame.scale);
      const depth = toOutside[p]! - toInside[p]!;
      // beyond a few pixels of the trial's outline there is nothing left to decide
      logOdds[y * frame.width + x] = Math.abs(depth) < 4 ? 2 * depth : Math.sign(depth) * CERTAIN;
    }
  return { frame, logOdds };
}
