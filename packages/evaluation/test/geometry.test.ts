import { alphaOf, createImage, createRng, type Mask, orbitCamera, rigCameras } from '@gestalt3d/core';
import {
  alignRigid,
  alignScaled,
  chamferDistance,
  convexHull,
  fitSimilarity,
  occupancyIou,
  Solid,
  transformPoints,
  visiblePoints,
} from '@gestalt3d/evaluation';
import { boxMesh, rasteriseView, renderMesh, sphereMesh } from '@gestalt3d/mesh';
import { describe, expect, it } from 'vitest';
import { distanceToOutside, inflatedPlanes } from '../src/baselines/inflate.ts';
import { FRAME_WIDTH, layeredViews } from '../src/baselines/layered-views.ts';
import { farthestDepth, trueDepthPlanes } from '../src/baselines/true-depth.ts';
import { placeInPhoto } from '../src/placement.ts';

/** Something without symmetry: an L of two boxes with a knob. */
const lShape = (() => {
  const positions: number[] = [];
  const indices: number[] = [];
  for (const [w, h, d, x, y, z] of [
    [0.9, 0.2, 0.3, 0, -0.2, 0],
    [0.2, 0.5, 0.3, -0.35, 0.1, 0],
    [0.12, 0.12, 0.5, 0.3, -0.1, 0.15],
  ] as const) {
    const box = boxMesh(w, h, d);
    for (const index of box.indices) indices.push(index + positions.length / 3);
    positions.push(...box.positions.map((value, i) => value + [x, y, z][i % 3]!));
  }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
})();

const turn = (angle: number, axis: readonly [number, number, number]) => {
  const [x, y, z] = axis;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const k = 1 - c;
  return [
    c + x * x * k,
    x * y * k - z * s,
    x * z * k + y * s,
    x * y * k + z * s,
    c + y * y * k,
    y * z * k - x * s,
    x * z * k - y * s,
    y * z * k + x * s,
    c + z * z * k,
  ];
};

describe('alignment', () => {
  const points = visiblePoints(lShape);

  it('fits a known similarity exactly to paired points', () => {
    const known = { scale: 1.7, rotation: turn(2.1, [0.6, 0, 0.8]), translation: [0.3, -0.2, 0.9] as const };
    const found = fitSimilarity(points, transformPoints(points, known), true);
    expect(found.scale).toBeCloseTo(1.7, 9);
    found.rotation.forEach((value, i) => {
      expect(value).toBeCloseTo(known.rotation[i]!, 9);
    });
    found.translation.forEach((value, i) => {
      expect(value).toBeCloseTo(known.translation[i]!, 9);
    });
  });

  it.each([20, 75, 130, 180, 250, 340])('finds a turn of %i degrees with a little tilt and shift, without pairs', (degrees) => {
    const yaw = { scale: 1, rotation: turn((degrees * Math.PI) / 180, [0, 1, 0]), translation: [0.06, -0.04, 0.05] as const };
    const tilt = { scale: 1, rotation: turn(0.12, [0, 0, 1]), translation: [0, 0, 0] as const };
    const target = transformPoints(transformPoints(points, yaw), tilt);
    expect(chamferDistance(points, target)).toBeGreaterThan(0.02);
    const moved = transformPoints(points, alignRigid(points, target));
    expect(chamferDistance(moved, target)).toBeLessThan(0.004);
  });

  it('finds a scale on top', () => {
    const target = transformPoints(points, { scale: 0.8, rotation: turn(0.3, [0, 1, 0]), translation: [0.05, 0, 0] });
    const rigid = alignRigid(points, target);
    const scaled = alignScaled(points, target, rigid);
    expect(scaled.scale).toBeCloseTo(0.8, 2);
    expect(chamferDistance(transformPoints(points, scaled), target)).toBeLessThan(0.004);
  });

  it('leaves what fits as it is', () => {
    const found = alignRigid(points, points);
    expect(found.scale).toBe(1);
    found.rotation.forEach((value, i) => {
      expect(value).toBeCloseTo(i % 4 === 0 ? 1 : 0, 6);
    });
  });
});

describe('placement in the photograph', () => {
  it('is no change for the true camera, and undoes a scaled and shifted world', () => {
    const camera = orbitCamera(0, 25, 256, { distance: 2.2, focalPerWidth: 1.6 });
    const same = placeInPhoto(camera, camera);
    expect(same.scale).toBeCloseTo(1, 12);
    same.translation.forEach((value) => {
      expect(value).toBeCloseTo(0, 12);
    });
    // the same picture of a world 0.4 times as large whose origin is elsewhere at the same depth: right is (1, 0, 0) at azimuth 0
    const pose = [...camera.worldFromCamera];
    for (let r = 0; r < 3; r++) pose[12 + r] = (pose[12 + r]! - (r === 0 ? 0.3 : 0)) * 0.4;
    const { scale, translation } = placeInPhoto({ ...camera, worldFromCamera: pose }, camera);
    // poses are computed in single precision
    expect(scale).toBeCloseTo(2.5, 6);
    [0.3, 0, 0].forEach((value, r) => {
      expect(translation[r]).toBeCloseTo(value, 6);
    });
  });
});

describe('convex hull of a mask', () => {
  const maskOf = (rows: string[]): Mask => ({
    ...createImage(rows[0]!.length, rows.length, 1),
    data: Uint8Array.from(rows.join(''), (char) => (char === '#' ? 255 : 0)),
  });
  const show = ({ width, data }: Mask): string[] =>
    Array.from({ length: data.length / width }, (_, y) =>
      Array.from(data.subarray(y * width, (y + 1) * width), (v) => (v ? '#' : '.')).join(''),
    );

  it.each([
    [
      ['.....', '.#.#.', '.....', '.#.#.', '.....'],
      ['.....', '.###.', '.###.', '.###.', '.....'],
    ],
    [
      ['#....', '.....', '....#'],
      ['#....', '..#..', '....#'],
    ],
    [
      ['..#..', '.....', '#...#', '.....', '..#..'],
      ['..#..', '.###.', '#####', '.###.', '..#..'],
    ],
    [
      ['.....', '..#..'],
      ['.....', '..#..'],
    ],
    [
      ['...', '...'],
      ['...', '...'],
    ],
  ])('by hand %#', (mask, hull) => expect(show(convexHull(maskOf(mask)))).toEqual(hull));

  it('holds the mask and is its own hull (seeded, 40 masks)', () => {
    const rng = createRng(5);
    for (let k = 0; k < 40; k++) {
      const mask = createImage(24, 18, 1);
      for (let n = 0; n < 3 + rng.integer(9); n++) mask.data[rng.integer(mask.data.length)] = 255;
      const hull = convexHull(mask);
      mask.data.forEach((value, i) => {
        if (value > 127) expect(hull.data[i]).toBe(255);
      });
      expect(convexHull(hull).data).toEqual(hull.data);
    }
  });
});

describe('bodies from depths', () => {
  it('distance to the outside is Euclidean', () => {
    const inside = new Uint8Array(81).fill(1);
    inside[4 * 9 + 1] = 0;
    const distance = distanceToOutside(inside, 9);
    for (let y = 0; y < 9; y++)
      for (let x = 0; x < 9; x++) {
        const border = Math.min(x + 1, y + 1, 9 - x, 9 - y);
        expect(distance[y * 9 + x]).toBeCloseTo(Math.min(border, Math.hypot(x - 1, y - 4)), 9);
      }
  });

  it('a disc is inflated to a ball', () => {
    const size = 256;
    const picture = createImage(size, size, 4);
    for (let i = 0; i < size * size; i++)
      if (Math.hypot((i % size) + 0.5 - 128, Math.floor(i / size) + 0.5 - 128) < 100) picture.data[i * 4 + 3] = 255;
    const { data } = inflatedPlanes(picture);
    const at = (x: number, plane: number) => data[plane * size * size + 128 * size + x]!;
    for (const x of [60, 100, 128, 180]) {
      const expected = (Math.sqrt(100 ** 2 - (x + 0.5 - 128) ** 2) * FRAME_WIDTH) / size;
      expect(Math.abs(at(x, 1) - expected)).toBeLessThan(0.012);
      expect(at(x, 0)).toBe(-at(x, 1));
    }
  });

  it('the farthest depth is that of the last surface', () => {
    const camera = orbitCamera(0, 0, 64, { distance: 3, focalPerWidth: 2 });
    const ball = sphereMesh(0.5, 96, 48);
    const [near, far] = [rasteriseView(ball, camera).depth, farthestDepth(ball, camera)];
    expect(Math.abs(near[32 * 64 + 32]! - 2.5)).toBeLessThan(0.005);
    expect(Math.abs(far[32 * 64 + 32]! - 3.5)).toBeLessThan(0.005);
    near.forEach((value, i) => {
      expect(Number.isFinite(value)).toBe(Number.isFinite(far[i]));
    });
    near.forEach((value, i) => {
      if (Number.isFinite(value)) expect(far[i]).toBeGreaterThanOrEqual(value - 1e-4);
    });
  });

  it('views of a box from its true depths are the rig views of the box: frames, sense of rotation, placement', () => {
    const box = boxMesh(1, 0.5, 0.7);
    const elevation = 25;
    // bodies assume that an object takes as wide an angle as this one does from here
    const camera = orbitCamera(0, elevation, 256, { distance: 2.29, focalPerWidth: 1.2 });
    const whole = renderMesh(box, camera, { mode: 'clay' });
    const input = { completion: whole, crop: { x: 0, y: 0, size: 256 }, photo: { width: 256, height: 256 } };
    const { views, photoCamera } = layeredViews(input, elevation, 64, (frame) => trueDepthPlanes(box, camera, frame));
    rigCameras(64).forEach((rigCamera, i) => {
      expect(views[i]!.camera).toEqual(rigCamera);
      const [made, known] = [alphaOf(views[i]!.image), alphaOf(renderMesh(box, rigCamera))];
      let both = 0;
      let either = 0;
      made.data.forEach((value, k) => {
        both += value > 127 && known.data[k]! > 127 ? 1 : 0;
        either += value > 127 || known.data[k]! > 127 ? 1 : 0;
      });
      // two layers hold all of a convex body
      expect(both / either, `view ${i}`).toBeGreaterThan(0.94);
    });
    const placed = placeInPhoto(photoCamera!, camera);
    expect(Math.abs(placed.scale - 1)).toBeLessThan(0.05);
    expect(Math.hypot(...placed.translation)).toBeLessThan(0.05);
    expect(occupancyIou(new Solid(box).occupancy(placed), new Solid(box).occupancy())).toBeGreaterThan(0.85);
  });
});
