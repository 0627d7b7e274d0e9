import { createRng } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { finishWorkNow } from '../work.ts';
import { signedDistance } from './signed-distance.ts';

describe('signedDistance', () => {
  it('equals the nearest cell found by looking at all of them', () => {
    const edge = 7;
    for (const share of [0.05, 0.5, 0.9]) {
      const rng = createRng(Math.round(share * 100));
      const cells = Uint8Array.from({ length: edge ** 3 }, () => (rng.uniform() < share ? 1 : 0));
      const got = finishWorkNow(signedDistance(cells, edge));
      const at = (i: number) => [i % edge, Math.floor(i / edge) % edge, Math.floor(i / edge ** 2)];
      for (let i = 0; i < cells.length; i++) {
        let nearest = Infinity;
        for (let j = 0; j < cells.length; j++)
          if (cells[j] !== cells[i]) nearest = Math.min(nearest, Math.hypot(...at(i).map((value, c) => value - at(j)[c])));
        expect(got[i]).toBeCloseTo(cells[i] ? 0.5 - nearest : nearest - 0.5, 5);
      }
    }
  });

  it('of a half space is the distance to its face', () => {
    const edge = 8;
    const cells = Uint8Array.from({ length: edge ** 3 }, (_, i) => (Math.floor(i / edge) % edge < 3 ? 1 : 0));
    const got = finishWorkNow(signedDistance(cells, edge));
    for (let y = 0; y < edge; y++) expect(got[5 + edge * y]).toBeCloseTo(y + 0.5 - 3, 6);
  });

  it('stays finite where nothing or everything is set', () => {
    for (const value of [0, 1]) expect(finishWorkNow(signedDistance(new Uint8Array(64).fill(value), 4)).every(Number.isFinite)).toBe(true);
  });
});
