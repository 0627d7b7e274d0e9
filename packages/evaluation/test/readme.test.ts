import { chamferDistance, occupancyIou, Solid, visiblePoints } from '@gestalt3d/evaluation';
import { boxMesh, sphereMesh } from '@gestalt3d/mesh';
import { expect, it } from 'vitest';

it('the example of the README', () => {
  const [a, b] = [sphereMesh(0.5), boxMesh(0.8, 0.8, 0.8)];
  const iou = occupancyIou(new Solid(a).occupancy(), new Solid(b).occupancy());
  // a ball of radius 0.5 without its six caps of height 0.1, over the box and these caps
  const cap = (Math.PI * 0.1 ** 2 * (1.5 - 0.1)) / 3;
  const both = (4 / 3) * Math.PI * 0.125 - 6 * cap;
  expect(Math.abs(iou - both / (0.8 ** 3 + 6 * cap))).toBeLessThan(0.03);
  expect(chamferDistance(visiblePoints(a), visiblePoints(b))).toBeGreaterThan(0.02);
});
