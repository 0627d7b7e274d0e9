import { createImage, EmptyMaskError, type Mask, type Prompt, type RgbaImage } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { plain } from '../test-scene.test-helper.ts';
import { frontByDepth, frontByOutline } from './front-cues.ts';
import { maskIou, solidity, touchedBorders } from './mask-measures.ts';
import { proposeObjects, type Segment } from './propose-objects.ts';

const W = 160;
const H = 120;
type Inside = (x: number, y: number) => boolean;
const disc =
  (cx: number, cy: number, r: number): Inside =>
  (x, y) =>
    Math.hypot(x - cx, y - cy) < r;

/** Regions painted in order, each of a colour of its own, over grey. */
function paint(regions: { inside: Inside; colour: number[] }[]): RgbaImage {
  const image = plain(W, H, 4, 120, 120, 120, 255);
  for (const { inside, colour } of regions)
    for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) if (inside(x + 0.5, y + 0.5)) image.data.set(colour, (y * W + x) * 4);
  return image;
}
const maskOf = (inside: Inside): Mask => {
  const mask = createImage(W, H, 1);
  for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) if (inside(x + 0.5, y + 0.5)) mask.data[y * W + x] = 255;
  return mask;
};
/** Pixels of the colour under the point: what a perfect segmenter of flat pictures says. */
const byColour: Segment = async (photo, { points: [point] }: Prompt) => {
  const { width, height, data } = photo;
  const at = (Math.floor(point!.y) * width + Math.floor(point!.x)) * 4;
  const mask = createImage(width, height, 1);
  for (let i = 0; i < width * height; i++) if ([0, 1, 2].every((c) => Math.abs(data[i * 4 + c]! - data[at + c]!) < 30)) mask.data[i] = 255;
  return mask;
};
const signal = new AbortController().signal;

const near = { inside: disc(70, 70, 26), colour: [220, 40, 40] };
const far = { inside: disc(100, 45, 24), colour: [40, 60, 220] };

describe('proposeObjects', () => {
  it('finds the disc in front, not the one that it hides, and not the ground', async () => {
    const events: number[] = [];
    const { objects, others, refused } = await proposeObjects(paint([far, near]), { segment: byColour }, {}, signal, (done, total) => {
      expect(done).toBeLessThanOrEqual(total);
      events.push(done);
    });
    expect(objects).toHaveLength(1);
    expect(maskIou(objects[0]!.mask, maskOf(near.inside))).toBeGreaterThan(0.95);
    expect(objects[0]!.front).toMatchObject({ inFront: true, cue: 'outline' });
    expect(objects[0]!.clicks).toBeGreaterThan(2);
    expect(others).toHaveLength(1);
    expect(refused).toEqual({ 'too large': 1, 'not surely in front': 1 });
    expect(events).toEqual([...events].sort((a, b) => a - b));
  });

  it('believes a depth map where the outline misleads: half a disc behind the straight edge of a bar that leaves the picture', async () => {
    const bar = { inside: ((_, y) => y > 70) as Inside, colour: [30, 160, 60] };
    const photo = paint([{ inside: disc(80, 70, 34), colour: [220, 40, 40] }, bar]);
    const outline = await proposeObjects(photo, { segment: byColour }, {}, signal);
    expect(outline.objects).toHaveLength(1);
    const at = (barNearness: number) => async () => ({
      width: W,
      height: H,
      nearness: Float32Array.from({ length: W * H }, (_, i) => (i >= 70 * W ? barNearness : disc(80, 70, 34)(i % W, i / W) ? 2 : 1)),
    });
    const hidden = await proposeObjects(photo, { segment: byColour, depth: at(3) }, {}, signal);
    expect(hidden.objects).toEqual([]);
    expect(hidden.others[0]!.front.cue).toBe('depth');
    const standing = await proposeObjects(photo, { segment: byColour, depth: at(1) }, {}, signal);
    expect(standing.objects).toHaveLength(1);
  });

  it('refuses what is cut by the border, too small, too large, scattered or not stable', async () => {
    const count = async (region: Inside) =>
      (await proposeObjects(paint([{ inside: region, colour: [200, 30, 30] }]), { segment: byColour }, {}, signal)).refused;
    expect(await count(disc(0, 60, 30))).toEqual({ 'cut by the border': 1, 'too large': 1 });
    expect(
      await count((x, y) => (Math.floor(x / 12) + Math.floor(y / 12)) % 2 === 0 && x > 10 && x < 150 && y > 10 && y < 110),
    ).toHaveProperty('scattered');
    const shaky: Segment = async (photo, prompt, stop) => (prompt.box ? maskOf(disc(30, 30, 20)) : byColour(photo, prompt, stop));
    expect((await proposeObjects(paint([near]), { segment: shaky }, {}, signal)).refused).toMatchObject({ unstable: 1 });
    const nothing: Segment = async () => {
      throw new EmptyMaskError('a test');
    };
    const empty = await proposeObjects(paint([near]), { segment: nothing }, {}, signal);
    expect(empty.objects).toEqual([]);
    expect(empty.refused.unstable).toBeGreaterThan(10);
  });

  it('stops when told, and passes on what it does not expect', async () => {
    const controller = new AbortController();
    const reason = new DOMException('enough', 'AbortError');
    let calls = 0;
    const segment: Segment = async (...args) => {
      if (++calls === 3) controller.abort(reason);
      return byColour(...args);
    };
    await expect(proposeObjects(paint([near]), { segment }, {}, controller.signal)).rejects.toBe(reason);
    expect(calls).toBe(3);
    const failure = new TypeError('defect');
    await expect(proposeObjects(paint([near]), { segment: () => Promise.reject(failure) }, {}, signal)).rejects.toBe(failure);
  });
});

describe('front cues', () => {
  const photo = paint([far, near]);
  const part = maskOf((x, y) => far.inside(x, y) && !near.inside(x, y));

  it('prefer the whole disc to the bitten one', () => {
    const whole = frontByOutline(photo, maskOf(near.inside), [part]);
    const bitten = frontByOutline(photo, part, [maskOf(near.inside)]);
    expect(whole.inFront).toBe(true);
    expect(bitten.inFront).toBe(false);
    expect(bitten.confidence).toBeLessThan(whole.confidence - 0.3);
    expect(bitten.evidence.behind).toBeGreaterThan(0.5);
  });

  it('do not trust an outline that lies on no edge', () => {
    const verdict = frontByOutline(photo, maskOf(disc(40, 25, 15)), []);
    expect(verdict.evidence.edgeShare).toBe(0);
    expect(verdict.inFront).toBe(false);
  });

  it('read the share of the outline that owns its border from depth of another size', () => {
    const depth = { width: 16, height: 12, nearness: new Float32Array(16 * 12).fill(1) };
    // flat: nothing is nearer
    expect(frontByDepth(maskOf(near.inside), depth).confidence).toBe(1);
    for (let i = 0; i < depth.nearness.length; i++) depth.nearness[i] = i % 16 < 7 ? 0 : 5;
    // the right half of the picture is nearer, and the border between lies inside the disc: only its own sides meet
    expect(frontByDepth(maskOf(disc(55, 60, 16)), depth).confidence).toBeLessThan(0.92);
  });
});

describe('mask measures', () => {
  it('solidity of a square, a disc and an L', () => {
    expect(solidity(maskOf((x, y) => x > 20 && x < 60 && y > 20 && y < 60))).toBeCloseTo(1, 6);
    expect(solidity(maskOf(disc(60, 60, 30)))).toBeGreaterThan(0.97);
    // three of four quarters, the hull cuts the fourth in half: 3 / 3.5
    expect(solidity(maskOf((x, y) => x > 20 && x < 60 && y > 20 && y < 60 && !(x > 40 && y > 40)))).toBeCloseTo(3 / 3.5, 2);
    expect(solidity(createImage(5, 5, 1))).toBe(0);
  });
  it('intersection over union, and borders', () => {
    expect(
      maskIou(
        maskOf((x) => x < 60),
        maskOf((x) => x < 120),
      ),
    ).toBeCloseTo(0.5, 6);
    expect(maskIou(createImage(3, 3, 1), createImage(3, 3, 1))).toBe(0);
    expect(touchedBorders(maskOf(() => true))).toBe(4);
    expect(touchedBorders(maskOf(disc(80, 60, 20)))).toBe(0);
    expect(touchedBorders(maskOf(disc(0, 0, 20)))).toBe(2);
  });
});
