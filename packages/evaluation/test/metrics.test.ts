import { readFileSync } from 'node:fs';
import { createImage, type Mesh, type RgbImage } from '@gestalt3d/core';
import {
  chamferDistance,
  iouOf,
  maskOverlap,
  occupancyByParity,
  occupancyIou,
  pooledIou,
  psnr,
  Solid,
  ssim,
  visiblePoints,
} from '@gestalt3d/evaluation';
import { boxMesh, sphereMesh } from '@gestalt3d/mesh';
import { describe, expect, it } from 'vitest';

const reference = JSON.parse(readFileSync(new URL('./fixtures/reference.json', import.meta.url), 'utf8')) as {
  images: { name: string; psnr: number; ssim: number }[];
  meshes: { nodesInA: number; nodesInB: number; iou: number; vertexChamfer: number };
};

const moved = (mesh: Mesh, x: number, y: number, z: number): Mesh => ({
  ...mesh,
  positions: mesh.positions.map((value, i) => value + [x, y, z][i % 3]),
});
const joined = (...meshes: Mesh[]): Mesh => {
  const indices: number[] = [];
  const positions: number[] = [];
  for (const mesh of meshes) {
    for (const index of mesh.indices) indices.push(index + positions.length / 3);
    positions.push(...mesh.positions);
  }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
};
const count = (occupancy: Uint8Array): number => occupancy.reduce((sum, value) => sum + value, 0);
const NODE_VOLUME = 1 / 32 ** 3;

/** The same formulas as in fixtures/make-reference.py. */
const picture = (width: number, height: number, [a, b, c]: number[]): RgbImage => {
  const image = createImage(width, height, 3);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++) for (let k = 0; k < 3; k++, i++) image.data[i] = (x * x * a! + y * b! + x * y * (k + 1) + k * c!) % 256;
  return image;
};
const bumpy = (rings: number, around: number, scale: number, shift: number[]): Mesh => {
  const radius = (theta: number, phi: number) => 1 + 0.25 * Math.sin(3 * phi) * Math.sin(theta) ** 2 + 0.1 * Math.cos(2 * theta);
  const mesh = sphereMesh(1, around, rings);
  const positions = mesh.positions.slice();
  for (let v = 0; v < positions.length / 3; v++) {
    const j = v === 0 ? 0 : v === positions.length / 3 - 1 ? rings : 1 + Math.floor((v - 1) / around);
    const theta = (Math.PI * j) / rings;
    const phi = j === 0 || j === rings ? 0 : (2 * Math.PI * ((v - 1) % around)) / around;
    const r = radius(theta, phi);
    positions[v * 3] = r * Math.sin(theta) * Math.sin(phi) * scale + shift[0]!;
    positions[v * 3 + 1] = r * Math.cos(theta) * scale + shift[1]!;
    positions[v * 3 + 2] = r * Math.sin(theta) * Math.cos(phi) * scale + shift[2]!;
  }
  return { positions, indices: mesh.indices };
};

describe('PSNR and SSIM', () => {
  it('PSNR by hand: one level of 255 off everywhere', () => {
    const a = picture(16, 16, [1, 1, 1]);
    const b = { ...a, data: a.data.map((value) => (value < 255 ? value + 1 : value - 1)) };
    expect(psnr(a, b)).toBeCloseTo(20 * Math.log10(255), 10);
    expect(psnr(a, a)).toBe(Infinity);
  });

  it('SSIM by hand: flat pictures but for two corner pixels', () => {
    const flat = (value: number): RgbImage => {
      const image = { ...createImage(20, 20, 3), data: new Uint8Array(1200).fill(value) };
      image.data.fill(0, 0, 3);
      image.data.fill(0, 1197);
      return image;
    };
    const [p, q] = [100 / 255, 200 / 255];
    const [c1, c2] = [((0.01 * 200) / 255) ** 2, ((0.03 * 200) / 255) ** 2];
    // the black corner has this weight in the one window of a hundred that holds it: then means are p (1 - w), variances p^2 w (1 - w)
    const kernel = Array.from({ length: 11 }, (_, k) => Math.exp(-((k - 5) ** 2) / 4.5));
    const w = (kernel[0]! / kernel.reduce((sum, value) => sum + value, 0)) ** 2;
    const window = (share: number) => {
      const [mp, mq] = [p * (1 - share), q * (1 - share)];
      const spread = share * (1 - share);
      const means = (2 * mp * mq + c1) / (mp * mp + mq * mq + c1);
      return (means * (2 * p * q * spread + c2)) / ((p * p + q * q) * spread + c2);
    };
    expect(ssim(flat(100), flat(200))).toBeCloseTo((98 * window(0) + 2 * window(w)) / 100, 12);
    expect(ssim(flat(100), flat(100))).toBe(1);
  });

  it.each([
    ['texture', picture(40, 32, [3, 5, 40]), picture(40, 32, [3, 6, 40])],
    [
      'dark',
      { ...createImage(33, 47, 3), data: picture(33, 47, [1, 2, 9]).data.map((value) => value >> 2) },
      {
        ...createImage(33, 47, 3),
        data: picture(33, 47, [1, 2, 9]).data.map((value, i) => {
          const pixel = Math.floor(i / 3);
          return Math.floor(value / (((pixel % 33) + Math.floor(pixel / 33)) % 7 === 0 ? 3 : 4));
        }),
      },
    ],
  ] as const)('agree with scikit-image on %s', (name, a, b) => {
    const expected = reference.images.find((image) => image.name === name)!;
    expect(psnr(a, b)).toBeCloseTo(expected.psnr, 9);
    expect(ssim(a, b)).toBeCloseTo(expected.ssim, 9);
  });

  it('SSIM of pictures that differ in a corner counts every window', () => {
    // cropping to the box of differences must not change the mean: here by the definition on the whole picture
    const a = picture(48, 48, [3, 5, 40]);
    const b = { ...a, data: a.data.slice() };
    for (let y = 40; y < 48; y++) for (let at = (y * 48 + 40) * 3; at < (y + 1) * 48 * 3; at++) b.data[at] = 255 - b.data[at]!;
    const far = { ...b, data: b.data.slice() };
    // a change of nothing but one far pixel widens the box to the whole; its windows are near 1
    far.data[0] = far.data[0]! ^ 1;
    expect(Math.abs(ssim(a, b) - ssim(a, far))).toBeLessThan(1e-4);
    expect(ssim(a, b)).toBeLessThan(0.99);
  });
});

describe('mask IoU', () => {
  const mask = (...inside: number[]) => ({
    ...createImage(4, 1, 1),
    data: Uint8Array.from([0, 1, 2, 3], (i) => (inside.includes(i) ? 255 : 127)),
  });
  it('per object and pooled, by hand', () => {
    const first = maskOverlap(mask(0, 1), mask(1, 2));
    const second = maskOverlap(mask(3), mask(3));
    expect(first).toEqual({ both: 1, either: 3 });
    expect((iouOf(first) + iouOf(second)) / 2).toBeCloseTo(2 / 3, 12);
    expect(pooledIou([first, second])).toBeCloseTo(1 / 2, 12);
    expect(iouOf(maskOverlap(mask(), mask()))).toBe(1);
  });
});

describe('Chamfer distance', () => {
  it('of two parallel planes is their distance', () => {
    const plane = (z: number) =>
      Float64Array.from({ length: 300 }, (_, i) => (i % 3 === 2 ? z : Math.floor(i / 3 / (i % 3 === 0 ? 10 : 1)) % 10) / 10);
    expect(chamferDistance(plane(0), plane(0.37))).toBeCloseTo(0.037, 12);
  });

  it('of concentric spheres is the difference of their radii', () => {
    // what each camera sees of the two differs a little in extent, not in distance along the radius
    const [inner, outer] = [visiblePoints(sphereMesh(0.4, 96, 48)), visiblePoints(sphereMesh(0.45, 96, 48))];
    expect(Math.abs(chamferDistance(inner, outer) - 0.05)).toBeLessThan(0.002);
    expect(chamferDistance(inner, inner)).toBe(0);
  });

  it('is symmetric, unsquared, and infinite only where one side is empty', () => {
    const a = Float64Array.of(0, 0, 0, 1, 0, 0);
    const b = Float64Array.of(0, 0, 0.3);
    expect(chamferDistance(a, b)).toBeCloseTo(((0.3 + Math.hypot(1, 0.3)) / 2 + 0.3) / 2, 12);
    expect(chamferDistance(a, b)).toBe(chamferDistance(b, a));
    expect(chamferDistance(a, new Float64Array(0))).toBe(Infinity);
  });

  it('agrees with scipy on the vertices of two meshes', () => {
    const [a, b] = [bumpy(24, 48, 0.4, [0, 0, 0]), bumpy(20, 40, 0.33, [0.05, -0.03, 0.08])];
    // float32 vertices here, float64 there
    expect(chamferDistance(Float64Array.from(a.positions), Float64Array.from(b.positions))).toBeCloseTo(reference.meshes.vertexChamfer, 6);
  });

  it('sees only what the rig sees: the floor under a box has no points', () => {
    const points = visiblePoints(boxMesh(0.6, 0.4, 0.5));
    let low = 0;
    let inside = 0;
    for (let i = 0; i < points.length; i += 3) {
      if (points[i + 1]! < -0.199 && Math.abs(points[i]!) < 0.28 && Math.abs(points[i + 2]!) < 0.23) low++;
      inside += Math.abs(points[i]!) < 0.29 && Math.abs(points[i + 1]!) < 0.19 && Math.abs(points[i + 2]!) < 0.24 ? 1 : 0;
    }
    expect(points.length).toBeGreaterThan(3 * 5000);
    expect(low).toBe(0);
    expect(inside).toBe(0);
  });
});

describe('volumetric IoU', () => {
  const lens = (r: number, d: number) => (Math.PI * (4 * r + d) * (2 * r - d) ** 2) / 12;
  const ball = (4 / 3) * Math.PI * 0.45 ** 3;

  it.each([
    ['parity', (mesh: Mesh) => occupancyByParity(mesh)],
    ['sight', (mesh: Mesh) => new Solid(mesh).occupancy()],
  ])('by %s: volumes, and a ball against a shifted ball', (_, occupancyOf) => {
    const mesh = sphereMesh(0.45, 96, 48);
    const here = occupancyOf(mesh);
    expect(Math.abs(count(here) * NODE_VOLUME - ball) / ball).toBeLessThan(0.03);
    expect(occupancyIou(here, here)).toBe(1);
    for (const d of [0.1, 0.3]) {
      const expected = lens(0.45, d) / (2 * ball - lens(0.45, d));
      expect(Math.abs(occupancyIou(here, occupancyOf(moved(mesh, d * 0.6, 0, d * 0.8))) - expected)).toBeLessThan(0.02);
    }
  });

  it('by parity agrees with trimesh, node by node in number', () => {
    const [a, b] = [bumpy(24, 48, 0.4, [0, 0, 0]), bumpy(20, 40, 0.33, [0.05, -0.03, 0.08])].map(occupancyByParity) as [
      Uint8Array,
      Uint8Array,
    ];
    // nodes closer to the surface than float32 is fine may fall on either side
    expect(Math.abs(count(a) - reference.meshes.nodesInA)).toBeLessThanOrEqual(4);
    expect(Math.abs(count(b) - reference.meshes.nodesInB)).toBeLessThanOrEqual(4);
    expect(Math.abs(occupancyIou(a, b) - reference.meshes.iou)).toBeLessThan(0.001);
  });

  it('by parity has no seam where a node line runs along edges and diagonals', () => {
    // nodes lie at multiples of 1/32: faces, edges and face diagonals of this box do too; half-open it holds 32 x 16 x 24 of them
    expect(count(occupancyByParity(boxMesh(1, 0.5, 0.75)))).toBe(32 * 16 * 24);
  });

  it('by sight fills what parity gets wrong: overlaps, inner walls, open bottoms, turned triangles', () => {
    const box = boxMesh(0.8, 0.6, 0.7);
    const truth = count(new Solid(box).occupancy());
    const turned: Mesh = { ...box, indices: box.indices.slice().reverse() };
    // without the triangles of the lower side
    const open: number[] = [];
    for (let t = 0; t < box.indices.length; t += 3) {
      const corners = [...box.indices.subarray(t, t + 3)];
      if (!corners.every((v) => box.positions[v * 3 + 1]! < 0)) open.push(...corners);
    }
    expect(open.length).toBe(box.indices.length - 6);
    const cases: [string, Mesh][] = [
      ['overlap', joined(box, moved(boxMesh(0.4, 0.3, 0.35), 0.1, 0, 0))],
      ['open bottom', { ...box, indices: Uint32Array.from(open) }],
      ['turned', turned],
    ];
    for (const [name, mesh] of cases) expect(count(new Solid(mesh).occupancy()), name).toBe(truth);
    expect(count(occupancyByParity(cases[0]![1]))).toBeLessThan(0.9 * truth);
    expect(Math.abs(truth * NODE_VOLUME - 0.8 * 0.6 * 0.7)).toBeLessThan(0.04);
  });

  it('by sight leaves a hollow empty that can be looked into', () => {
    const wall = (w: number, h: number, d: number, x: number, y: number, z: number) => moved(boxMesh(w, h, d), x, y, z);
    const crate = joined(
      wall(0.8, 0.1, 0.8, 0, -0.35, 0),
      ...[-0.35, 0.35].flatMap((at) => [wall(0.1, 0.8, 0.8, at, 0, 0), wall(0.8, 0.8, 0.1, 0, 0, at)]),
    );
    const filled = 0.8 ** 3;
    const hollow = 0.6 * 0.6 * 0.7;
    expect(Math.abs(count(new Solid(crate).occupancy()) * NODE_VOLUME - (filled - hollow))).toBeLessThan(0.07);
  });

  it('of a moved solid is the solid of the moved mesh', () => {
    const mesh = boxMesh(0.5, 0.3, 0.4);
    const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
    const rotation = [c, 0, s, 0, 1, 0, -s, 0, c];
    const translation = [0.1, -0.05, 0.2] as const;
    const positions = mesh.positions.slice();
    for (let i = 0; i < positions.length; i += 3)
      for (let r = 0; r < 3; r++)
        positions[i + r] =
          1.3 *
            (rotation[r * 3]! * mesh.positions[i]! +
              rotation[r * 3 + 1]! * mesh.positions[i + 1]! +
              rotation[r * 3 + 2]! * mesh.positions[i + 2]!) +
          translation[r]!;
    const direct = new Solid({ ...mesh, positions }).occupancy();
    expect(occupancyIou(new Solid(mesh).occupancy({ scale: 1.3, rotation, translation }), direct)).toBeGreaterThan(0.97);
  });
});
