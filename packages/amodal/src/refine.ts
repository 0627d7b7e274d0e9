import { components, EmptyMaskError, type Prompt, type RgbImage } from '@gestalt3d/core';
import { coloursOf, type Frame, pixelUnder } from './frame.ts';
import { grabCut, MAYBE_IN, MAYBE_OUT, SURE_IN, SURE_OUT } from './grabcut.ts';
import { MIN_AREA } from './prompt.ts';
import { blur, fillHoles } from './regions.ts';

/** Evidence for each pixel of a frame, before colours and edges are looked at. */
export interface Prior {
  frame: Frame;
  /** [height, width], log-odds of being inside. */
  logOdds: Float32Array;
}

/** Log-odds that nothing overrules but the prompt. */
export const CERTAIN = 100;

/** Edges and colours sharpen a prior. @returns labels of the prior's frame. @throws EmptyMaskError */
export function refine(image: RgbImage, prompt: Prompt, { frame, logOdds }: Prior): Uint8Array {
  const { width, height } = frame;
  const rgb = coloursOf(image, frame);
  const trimap = new Uint8Array(width * height);
  for (let i = 0; i < trimap.length; i++) {
    const odds = logOdds[i]!;
    trimap[i] = odds > CERTAIN / 2 ? SURE_IN : odds > 0 ? MAYBE_IN : odds > -CERTAIN / 2 ? MAYBE_OUT : SURE_OUT;
  }
  applyPrompt(trimap, frame, prompt);
  const inside = grabCut({ width, height, rgb, trimap, logOdds, iterations: 4, settled: 0.002 });
  const refined = clean(inside, frame, prompt);
  if (areaOf(refined) >= MIN_AREA) return refined;
  // colours that do not differ cut everything away: then the prior is all there is
  const prior = clean(
    trimap.map((v) => v & 1),
    frame,
    prompt,
  );
  if (areaOf(prior) < Math.min(MIN_AREA, width * height)) throw new EmptyMaskError(prompt.box === undefined ? 'the points' : 'the box');
  return prior;
}

function areaOf(labels: Uint8Array): number {
  let area = 0;
  for (const value of labels) area += value;
  return area;
}

/** What the prompt says for sure: discs round the points, nothing outside the box. */
export function applyPrompt(trimap: Uint8Array, frame: Frame, prompt: Prompt): void {
  const { width, height } = frame;
  if (prompt.box !== undefined) {
    // a hand-drawn box is a pixel or two off
    const slack = Math.max(1, 0.02 * Math.max(width, height));
    const { x0, y0, x1, y1 } = prompt.box;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const px = frame.x + (x + 0.5) * frame.scale;
        const py = frame.y + (y + 0.5) * frame.scale;
        const reach = slack * frame.scale;
        if (px < x0 - reach || px > x1 + reach || py < y0 - reach || py > y1 + reach) trimap[y * width + x] = SURE_OUT;
      }
  }
  const radius = Math.max(2, 0.012 * Math.max(width, height));
  for (const point of prompt.points) {
    const at = pixelUnder(frame, point.x, point.y);
    const cx = at % width;
    const cy = Math.floor(at / width);
    for (let y = Math.max(0, Math.floor(cy - radius)); y <= Math.min(height - 1, cy + radius); y++)
      for (let x = Math.max(0, Math.floor(cx - radius)); x <= Math.min(width - 1, cx + radius); x++)
        if ((x - cx) ** 2 + (y - cy) ** 2 <= radius * radius) trimap[y * width + x] = point.positive ? SURE_IN : SURE_OUT;
  }
}

/** Smooth, without specks and pinholes; only parts that a point lies in, or for a box the large ones. */
export function clean(inside: Uint8Array, frame: Frame, prompt: Prompt): Uint8Array {
  const { width, height } = frame;
  const smooth = blur(Float32Array.from(inside), width, height, 1.2);
  const out = new Uint8Array(inside.length);
  for (let i = 0; i < out.length; i++) out[i] = smooth[i]! > 0.5 ? 1 : 0;
  const under = (positive: boolean) => prompt.points.filter((p) => p.positive === positive).map((p) => pixelUnder(frame, p.x, p.y));
  for (const p of under(true)) out[p] = 1;
  const { labels, sizes } = components(out, width, height);
  const largest = Math.max(...sizes);
  const wanted = new Set(under(true).map((p) => labels[p]!));
  for (let label = 1; label < sizes.length; label++)
    if (prompt.box !== undefined ? sizes[label]! > 0.15 * largest : wanted.size === 0 && sizes[label] === largest) wanted.add(label);
  for (let i = 0; i < out.length; i++) if (!wanted.has(labels[i]!)) out[i] = 0;
  fillHoles(out, width, height, 0.02 * areaOf(out), under(false));
  return out;
}
