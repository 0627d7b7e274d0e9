import { createImage, type MultiView, type StageMessage } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { backend, contextOf, loadBundle } from '../../amodal/test/helpers.ts';
import { createViewsStage, type ViewsOptions } from '../src/index.ts';

const SIDE = 96;
const VIEW = 64;
const BALL = createImage(SIDE, SIDE, 4);
for (let i = 0; i < SIDE * SIDE; i++) {
  const r = Math.hypot((i % SIDE) + 0.5 - SIDE / 2, Math.floor(i / SIDE) + 0.5 - SIDE / 2) / 36;
  const shade = Math.sqrt(Math.max(1 - r * r, 0));
  BALL.data.set([80 + 140 * shade, 40 + 80 * shade, 30, r < 1 ? 255 : 0], i * 4);
}

async function viewsOf(member: ViewsOptions['member']): Promise<MultiView & { events: StageMessage[] }> {
  const bundle = await loadBundle(new URL('../../../models/views/', import.meta.url));
  const context = contextOf(1);
  const stage = createViewsStage(bundle!, backend);
  const input = { completion: BALL, crop: { x: 0, y: 0, size: SIDE }, photo: { width: SIDE, height: SIDE } };
  return { ...(await stage.run(input, { elevationDeg: 20, size: VIEW, member }, context)), events: context.events };
}
const covered = ({ views }: MultiView): number[] =>
  views.map(({ image }) => image.data.filter((value, i) => i % 4 === 3 && value > 127).length / (VIEW * VIEW));

describe('the views stage with the models that ship', () => {
  it('shows a ball as something round from everywhere, by the volume', async () => {
    const got = await viewsOf('volume');
    expect(got.views.length).toBe(16);
    expect(got.events.filter(({ kind }) => kind === 'progress').length).toBe(16);
    // a ball of diameter 1 fills a disk of radius 1.09375 / (2 sqrt(1.5^2 - 0.25)) of the width: 0.47 of the picture
    for (const share of covered(got)) expect(Math.abs(share - 0.47)).toBeLessThan(0.17);
    // the box of what is solid is centred, its longest side 1: every view has it near the middle
    for (const { image } of got.views) expect(image.data[((VIEW / 2) * VIEW + VIEW / 2) * 4 + 3]).toBe(255);
  });

  it('takes the member that its bundle recommends, which differs from the volume', async () => {
    const [auto, volume, body] = [await viewsOf('auto'), await viewsOf('volume'), await viewsOf('body')];
    expect(auto.views).toEqual(body.views);
    expect(covered(body)).not.toEqual(covered(volume));
  });
});
