import type { StageMessage } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { fieldOf, openField } from '../field.ts';
import { initialParameters } from '../init.ts';
import { meshTopology } from '../isosurface/topology.ts';
import { smallProblem } from '../testing/small-problem.ts';
import { depthBuffer } from './depth-buffer.ts';
import { previewCamera } from './preview-camera.ts';
import { createPreviewer } from './previewer.ts';
import { renderPreview } from './render-preview.ts';

const never = new AbortController().signal;
const RADIUS = 0.3;
const problem = smallProblem();
problem.support.fill(1);
/** A ball in the middle of the cube. */
const ball = initialParameters({ ...problem.config, sphereRadius: RADIUS });
const camera = previewCamera(problem, 96);

describe('previewCamera', () => {
  it('projects what its rays run through, and shows the whole cube', () => {
    for (const [x, y] of [
      [0, 0],
      [31.5, 80.25],
      [96, 12],
    ]) {
      const d = camera.direction(x, y);
      const [px, py, s] = camera.project(camera.origin[0] + 1.3 * d[0], camera.origin[1] + 1.3 * d[1], camera.origin[2] + 1.3 * d[2]);
      expect(Math.hypot(px - x, py - y)).toBeLessThan(1e-3);
      expect(s).toBeGreaterThan(0);
    }
    for (let i = 0; i < 8; i++) {
      const [x, y] = camera.project(i & 1, (i >> 1) & 1, i >> 2);
      expect(Math.min(x, y, 96 - x, 96 - y)).toBeGreaterThan(0);
    }
  });

  it('is cropped to the hull', () => {
    const support = problem.support.map((_, at) => (at % problem.config.occupancyEdge < 8 ? 1 : 0));
    const near = previewCamera({ ...problem, support }, 96);
    const middle = near.project(4 / problem.config.occupancyEdge, 0.5, 0.5);
    expect(Math.hypot(middle[0] - 48, middle[1] - 48)).toBeLessThan(12);
  });
});

describe('depthBuffer', () => {
  it('holds the distance along the ray to the nearest triangle', () => {
    // two walls across the cube; the nearer one covers the middle of the picture
    const wall = (share: number, reach: number) =>
      [
        [-reach, -reach],
        [96 + reach, -reach],
        [48, 96 + 3 * reach + 96],
      ].flatMap(([x, y]) => {
        const d = camera.direction(x, y);
        return d.map((value, c) => camera.origin[c] + (share * value) / axial(d));
      });
    const axial = (d: readonly number[]) => camera.project(camera.origin[0] + d[0], camera.origin[1] + d[1], camera.origin[2] + d[2])[2];
    const depth = depthBuffer(Float32Array.from([...wall(2, 200), ...wall(1.5, -20)]), Uint32Array.from([0, 1, 2, 3, 4, 5]), camera);
    for (const [x, y, distance] of [
      [48, 48, 1.5],
      [2, 2, 2],
    ]) {
      const d = camera.direction(x + 0.5, y + 0.5);
      expect(depth[y * 96 + x]).toBeCloseTo(distance / axial(d), 4);
    }
  });
});

describe('renderPreview', () => {
  it('shows a ball as a shaded disc and as a closed mesh', async () => {
    const reader = await openField(fieldOf(problem.config, ball, problem.bounds));
    const { image, mesh } = (await renderPreview(reader, problem, camera, never))!;
    expect(meshTopology(mesh.positions, mesh.indices)).toMatchObject({ closed: true, euler: 2, components: 1 });
    expect(mesh.colors?.length).toBe(mesh.positions.length);
    const { min, max } = problem.bounds;
    const edge = max[0] - min[0];
    for (let i = 0; i < mesh.positions.length; i += 3) {
      const r = Math.hypot(...[0, 1, 2].map((c) => (mesh.positions[i + c] - min[c]) / edge - 0.5));
      expect(Math.abs(r - RADIUS)).toBeLessThan(0.03);
    }
    let both = 0;
    let either = 0;
    const shades = new Set<number>();
    for (let at = 0; at < 96 * 96; at++) {
      const d = camera.direction((at % 96) + 0.5, Math.floor(at / 96) + 0.5);
      const to = camera.origin.map((value) => 0.5 - value);
      const along = to.reduce((sum, value, c) => sum + value * d[c], 0);
      const inside = Math.hypot(...to.map((value, c) => value - along * d[c])) < RADIUS;
      const opaque = image.data[at * 4 + 3] === 255;
      if (opaque) shades.add(image.data[at * 4]);
      if (inside && opaque) both++;
      if (inside || opaque) either++;
    }
    expect(both / either).toBeGreaterThan(0.94);
    expect(shades.size).toBeGreaterThan(20);
  });

  it('has nothing to show where nothing is solid', async () => {
    const reader = await openField(fieldOf(problem.config, ball, problem.bounds));
    const nothing = { ...problem, support: new Uint8Array(problem.support.length) };
    expect(await renderPreview(reader, nothing, camera, never)).toBeUndefined();
  });
});

describe('createPreviewer', () => {
  it('shows the first after 0.8 s, then one a second, but never takes more than its share', async () => {
    let time = 0;
    let cost = 10;
    const events: StageMessage[] = [];
    const emit = (event: StageMessage) => {
      events.push(event);
      time += cost;
    };
    const previewer = createPreviewer(problem, emit, never, () => time);
    const nextAfter = async () => {
      await previewer.show(ball);
      const shown = time;
      while (!previewer.due()) time += 10;
      return time - shown;
    };
    expect(previewer.due()).toBe(false);
    time = 790;
    expect(previewer.due()).toBe(false);
    time = 800;
    expect(previewer.due()).toBe(true);
    expect(await nextAfter()).toBe(1000);
    // a slow machine: pictures of 0.4 s
    cost = 400;
    await nextAfter();
    await nextAfter();
    expect(previewer.spentMs).toBe(810);
    expect(previewer.spentMs / time).toBeLessThan(0.05);
    expect(events.map((event) => event.kind === 'preview' && event.name)).toEqual(['surface', 'surface', 'surface']);
  });
});
