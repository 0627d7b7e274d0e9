import { boundingBox, breathe, type Mask, maskArea, type Prompt, type RgbaImage, resample } from '@gestalt3d/core';
import { type DepthMap, type FrontVerdict, frontByDepth, frontByOutline } from './front-cues.ts';
import { maskIou, solidity, touchedBorders } from './mask-measures.ts';

/** The visible part that a prompt means; the photograph's size. An EmptyMaskError says that it means nothing. */
export type Segment = (photo: RgbaImage, prompt: Prompt, signal: AbortSignal) => Promise<Mask>;
/** Relative depth of a photograph. */
export type EstimateDepth = (photo: RgbaImage, signal: AbortSignal) => Promise<DepthMap>;

export interface ProposeDeps {
  segment: Segment;
  /** Without it the outline decides what is in front, which is weak: see frontByOutline. */
  depth?: EstimateDepth;
}

export interface ProposeOptions {
  /** Clicks along the photograph's longest side. */
  grid: number;
  /** Longest side in pixels of the picture that is clicked on. */
  clickSide: number;
}

export const PROPOSE_DEFAULTS: Readonly<ProposeOptions> = { grid: 6, clickSide: 320 };

/** Why a region is not offered. */
export type Refusal =
  | 'unstable'
  | 'too small'
  | 'too large'
  | 'cut by the border'
  | 'scattered'
  | 'same as another'
  | 'not surely in front';

export interface Proposal {
  /** Of the photograph's size. */
  mask: Mask;
  prompt: Prompt;
  /** Clicks that gave this region. */
  clicks: number;
  /** Agreement (IoU) of the region from its clicks with the one from its box. */
  stability: number;
  front: FrontVerdict;
}

export interface Proposals {
  /** Surely in front, best first. */
  objects: Proposal[];
  /** Stable regions that something may hide: good enough to be occluders, not to be truths. */
  others: Proposal[];
  refused: Partial<Record<Refusal, number>>;
}

/** Shares of the photograph. */
const MIN_SHARE = 0.01;
const MAX_SHARE = 0.6;
/** Regions of two clicks are one from this IoU on, and two proposals from that. */
const SAME = 0.75;
const OVERLAP = 0.5;
/** Least agreement of clicks and box. */
const STABLE = 0.8;
/** Region's area over its hull's, least. */
const MIN_SOLIDITY = 0.6;

/**
 * Finds whole objects in a photograph: clicks on a grid, keeps the regions that several clicks or a click and its own box agree on, that are compact, of a
 * sensible size and not cut by the photograph's border (what is cut is not whole), and judges which of them nothing hides.
 * @param onProgress called with segmentations done and, as far as known, to do
 * @throws the signal's reason; what `segment` and `depth` throw, but for an EmptyMaskError of a click
 */
export async function proposeObjects(
  photo: RgbaImage,
  { segment, depth }: ProposeDeps,
  options: Partial<ProposeOptions>,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Proposals> {
  const { grid, clickSide } = { ...PROPOSE_DEFAULTS, ...options };
  const refused: Proposals['refused'] = {};
  const refuse = (reason: Refusal): void => {
    refused[reason] = (refused[reason] ?? 0) + 1;
  };
  const attempt = async (picture: RgbaImage, prompt: Prompt): Promise<Mask | undefined> => {
    await breathe(signal);
    try {
      return await segment(picture, prompt, signal);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'empty-mask') return undefined;
      throw error;
    }
  };

  // 1. click on a small copy, and count who says the same. (Not clicking again within what two clicks call a wall saved half of the time and lost the
  // objects that lie before it: a cup on its saucer became a cup's rim.)
  const scale = Math.min(1, clickSide / Math.max(photo.width, photo.height));
  const small = resample(photo, Math.max(1, Math.round(photo.width * scale)), Math.max(1, Math.round(photo.height * scale)));
  const step = Math.max(small.width, small.height) / grid;
  const [columns, rows] = [Math.max(1, Math.round(small.width / step)), Math.max(1, Math.round(small.height / step))];
  const regions: { mask: Mask; point: { x: number; y: number }; clicks: number; reason: Refusal | undefined }[] = [];
  for (let k = 0; k < columns * rows; k++) {
    const point = { x: (((k % columns) + 0.5) * small.width) / columns, y: ((Math.floor(k / columns) + 0.5) * small.height) / rows };
    const mask = await attempt(small, { points: [{ ...point, positive: true }] });
    onProgress(k + 1, columns * rows);
    if (mask === undefined) {
      refuse('unstable');
      continue;
    }
    const known = regions.find((region) => maskIou(region.mask, mask) >= SAME);
    if (known !== undefined) known.clicks++;
    else regions.push({ mask, point, clicks: 1, reason: unfit(mask) });
  }
  for (const { reason } of regions) if (reason !== undefined) refuse(reason);
  const found = regions.filter(({ reason }) => reason === undefined);

  // 2. the same region from its box, at the photograph's size
  const stable: Omit<Proposal, 'front'>[] = [];
  for (const [k, region] of found.entries()) {
    const box = boundingBox(region.mask)!;
    const [sx, sy] = [photo.width / small.width, photo.height / small.height];
    const prompt: Prompt = {
      points: [{ x: region.point.x * sx, y: region.point.y * sy, positive: true }],
      box: { x0: box.x0 * sx, y0: box.y0 * sy, x1: Math.min(box.x1 * sx, photo.width), y1: Math.min(box.y1 * sy, photo.height) },
    };
    const mask = await attempt(photo, prompt);
    onProgress(columns * rows + k + 1, columns * rows + found.length);
    const stability = mask === undefined ? 0 : maskIou(resample(mask, small.width, small.height), region.mask);
    if (mask === undefined || stability < STABLE) refuse('unstable');
    else {
      const reason = unfit(mask);
      if (reason !== undefined) refuse(reason);
      else stable.push({ mask, prompt, clicks: region.clicks, stability });
    }
  }

  // 3. one of each, the best agreed on first
  stable.sort((a, b) => b.clicks * b.stability - a.clicks * a.stability);
  const kept: typeof stable = [];
  for (const candidate of stable) {
    if (kept.some((other) => maskIou(other.mask, candidate.mask) > OVERLAP)) refuse('same as another');
    else kept.push(candidate);
  }

  // 4. who is in front
  const map = kept.length > 0 ? await depth?.(photo, signal) : undefined;
  const judged = kept.map((proposal): Proposal => {
    const neighbours = kept.filter((other) => other !== proposal).map((other) => other.mask);
    return { ...proposal, front: map ? frontByDepth(proposal.mask, map) : frontByOutline(photo, proposal.mask, neighbours) };
  });
  judged.sort((a, b) => b.front.confidence - a.front.confidence);
  const others = judged.filter(({ front }) => !front.inFront);
  for (const _ of others) refuse('not surely in front');
  return { objects: judged.filter(({ front }) => front.inFront), others, refused };
}

function unfit(mask: Mask): Refusal | undefined {
  const share = maskArea(mask) / (mask.width * mask.height);
  if (share < MIN_SHARE) return 'too small';
  if (share > MAX_SHARE) return 'too large';
  if (touchedBorders(mask) > 0) return 'cut by the border';
  if (solidity(mask) < MIN_SOLIDITY) return 'scattered';
  return undefined;
}
