import { createImage } from '@gestalt3d/core';
import { expect, it } from 'vitest';
import { voteOf } from './vote.ts';

it('takes the majority, the mean in a tie, and always the visible part', () => {
  const image = (...alphas: number[]) => {
    const out = createImage(alphas.length, 1, 4);
    for (const [i, alpha] of alphas.entries()) out.data[i * 4 + 3] = alpha;
    return out;
  };
  const visible = createImage(5, 1, 1);
  visible.data[4] = 255;
  const vote = voteOf([image(255, 140, 0, 255, 0), image(255, 140, 0, 255, 0), image(0, 0, 0, 100, 0), image(255, 0, 0, 100, 0)], visible);
  expect([...vote.data]).toEqual([255, 0, 0, 255, 255]);
});
