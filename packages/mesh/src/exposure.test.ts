import { createRng } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { ExposureMatcher, NO_EXPOSURE } from './exposure.ts';

/** Three pictures side by side along x of colours that change along y and z: the second darker, the third with a veil; neighbours overlap, the first and the third do not. */
function match(change: (rgb: number, picture: number) => number, noise = 0, fixed = [true, false, false]) {
  const matcher = new ExposureMatcher(fixed, [0, 0, 0], 1);
  const rng = createRng(3);
  for (let i = 0; i < 20_000; i++) {
    const place = [rng.uniform(), rng.uniform(), rng.uniform()];
    const seen = place[0]! < 0.5 ? [0, 1] : [1, 2];
    const rgb = seen.flatMap((picture) =>
      [0, 1, 2].map((k) => change(60 + 110 * [place[1]!, place[2]!, 1 - place[1]!][k]!, picture) + noise * rng.normal()),
    );
    matcher.add(place, 2, Int32Array.from(seen), Float32Array.from(rgb), Float32Array.of(1, 1));
  }
  return matcher.solve();
}

describe('ExposureMatcher', () => {
  const change = (value: number, picture: number) => (picture === 0 ? value : picture === 1 ? value * 0.85 : value * 0.9 + 15);

  it.each([
    ['without noise', 0],
    ['under noise of 20 of 255', 20],
  ])('undoes gains and offsets over a chain of overlaps, %s', (_, noise) => {
    const [first, second, third] = match(change, noise);
    expect(first).toEqual(NO_EXPOSURE);
    for (const value of [70, 110, 160])
      for (let k = 0; k < 3; k++) {
        expect(Math.abs(change(value, 1) * second!.gain[k]! + second!.offset[k]! - value)).toBeLessThan(4);
        expect(Math.abs(change(value, 2) * third!.gain[k]! + third!.offset[k]! - value)).toBeLessThan(4);
      }
  });

  it('leaves pictures that agree as they are', () => {
    expect(match((value) => value)).toEqual([NO_EXPOSURE, NO_EXPOSURE, NO_EXPOSURE]);
  });

  it('without an anchor meets in the middle and keeps the contrast', () => {
    const [first, second] = match(change, 20, [false, false, false]);
    expect(first!.gain[0] * 128 + first!.offset[0]).toBeLessThan(128);
    expect(second!.gain[0] * 128 + second!.offset[0]).toBeGreaterThan(128);
    for (const { gain } of [first!, second!]) expect(gain[0]).toBeGreaterThan(0.9);
  });

  it('does nothing without an overlap', () => {
    const matcher = new ExposureMatcher([true, false], [0, 0, 0], 1);
    matcher.add([0.5, 0.5, 0.5], 1, Int32Array.of(1), Float32Array.of(9, 9, 9), Float32Array.of(1));
    expect(matcher.solve()).toEqual([NO_EXPOSURE, NO_EXPOSURE]);
  });
});
