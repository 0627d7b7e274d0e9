import { type Mesh, orbitCamera, type View } from '@gestalt3d/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { BAKE_DEFAULTS, type Baked, bakeTexture } from './bake.ts';
import type { BakeSource } from './bake-source.ts';
import { NO_EXPOSURE } from './exposure.ts';
import { onMagenta, ringViews, testColor, withTestColors } from './mesh.test-helper.ts';
import { rasteriseAtlas } from './rasterise.ts';
import { renderMesh } from './render.ts';
import { compareWithView } from './self-check.ts';
import { sphereMesh, torusMesh } from './shapes.ts';
import { seamSteps } from './testing/seam-steps.ts';
import { unwrapMesh } from './unwrap.ts';

const options = { ...BAKE_DEFAULTS, textureSize: 256 };
const generated = (views: View[]): BakeSource[] => views.map((view) => ({ kind: 'generated', view }));

/** PSNR of texels against the colour function, and the largest excess of magenta (min of red and blue above green). */
function judge(mesh: Mesh, { texture, origin }: Pick<Baked, 'texture' | 'origin'>, part: (x: number, y: number, z: number) => boolean) {
  const { triangle, weights, width } = rasteriseAtlas(mesh, texture.width);
  let error = 0;
  let count = 0;
  let magenta = 0;
  for (let at = 0; at < width * width; at++) {
    const t = triangle[at];
    if (t < 0 || origin.data[at * 3] + origin.data[at * 3 + 1] + origin.data[at * 3 + 2] < 128) continue;
    const w = [1 - weights[at * 2] - weights[at * 2 + 1], weights[at * 2], weights[at * 2 + 1]];
    const p = [0, 1, 2].map((k) => [0, 1, 2].reduce((sum, c) => sum + w[c] * mesh.positions[mesh.indices[t * 3 + c] * 3 + k], 0));
    if (!part(p[0], p[1], p[2])) continue;
    const want = testColor(p[0], p[1], p[2]);
    const got = texture.data.subarray(at * 3, at * 3 + 3);
    for (let k = 0; k < 3; k++) error += (want[k] - got[k]) ** 2;
    count += 3;
    magenta = Math.max(magenta, Math.min(got[0] - want[0], got[2] - want[2], want[1] - got[1]));
  }
  return { psnrDb: 10 * Math.log10(65_025 / (error / count)), texels: count / 3, magenta };
}

describe('bakeTexture from 16 consistent views', () => {
  const truth = withTestColors(sphereMesh(0.5, 160, 80));
  const views = ringViews(truth, 160);
  const { colors: _, ...bare } = sphereMesh(0.5, 96, 48);
  const { mesh } = unwrapMesh(bare, { textureSize: 256, paddingPx: 4, maxAngleDeg: 55 });
  let baked: Baked;
  beforeAll(async () => {
    baked = await bakeTexture(mesh, generated(views), options);
  });

  it('gives the colours back: at least 30 dB on texels and in the views', () => {
    const { psnrDb, texels } = judge(mesh, baked, () => true);
    expect(texels).toBeGreaterThan(20_000);
    expect(psnrDb).toBeGreaterThan(30);
    let mean = 0;
    for (const view of views) mean += compareWithView({ ...mesh, texture: baked.texture }, view).psnrDb / views.length;
    expect(mean).toBeGreaterThan(30);
  });

  it('lets no background in', () => {
    expect(judge(mesh, baked, () => true).magenta).toBeLessThan(25);
  });

  it('fills the gutters with neighbouring colours, never black', () => {
    let dark = 0;
    for (let i = 0; i < baked.texture.data.length; i += 3)
      if (baked.texture.data[i] + baked.texture.data[i + 1] + baked.texture.data[i + 2] < 30) dark++;
    expect(dark).toBe(0);
  });

  it('says that all of it is guessed when no photo is given', () => {
    expect(baked.seen).toEqual({ photo: 0, completion: 0, guessed: 1 });
    expect(baked.unseen).toBeLessThan(0.3);
  });
});

describe('bakeTexture with photo and completion', () => {
  const truth = withTestColors(torusMesh(0.35, 0.15, 128, 64));
  const { colors: _, ...bare } = truth;
  const { mesh } = unwrapMesh(bare, { textureSize: 256, paddingPx: 4, maxAngleDeg: 55 });
  const camera = orbitCamera(0, 30, 300);
  const whole = onMagenta(renderMesh(truth, camera, { mode: 'unlit' }));
  const completion: View = { camera, image: whole };
  // a magenta bar stands in front of the right part
  const photo: View = { camera, image: { ...whole, data: whole.data.slice() } };
  for (let y = 0; y < 300; y++) for (let x = 170; x < 215; x++) photo.image.data.set([255, 0, 255, 0], (y * 300 + x) * 4);
  // the views are too dark and too red
  const views = ringViews(truth, 128);
  for (const { image } of views)
    for (let i = 0; i < image.data.length; i += 4) {
      image.data[i + 1] *= 0.8;
      image.data[i + 2] *= 0.75;
    }
  let baked: Baked;
  beforeAll(async () => {
    baked = await bakeTexture(
      mesh,
      [{ kind: 'photo', view: photo }, { kind: 'completion', view: completion }, ...generated(views)],
      options,
    );
  });

  it('takes the visible part from the photo and the hidden one from the completion', () => {
    const { photo: byPhoto, completion: byCompletion, guessed } = baked.seen;
    expect(byPhoto + byCompletion + guessed).toBeCloseTo(1, 6);
    expect(byPhoto).toBeGreaterThan(0.15);
    expect(byCompletion).toBeGreaterThan(0.03);
    expect(compareWithView({ ...mesh, texture: baked.texture }, photo, 300).psnrDb).toBeGreaterThan(28);
  });

  it('lets neither the occluder nor the background in', () => {
    expect(judge(mesh, baked, () => true).magenta).toBeLessThan(30);
  });

  it('brings the generated views to the photo’s exposure', async () => {
    // the anchor keeps its colours; what stands for every view is undone in each
    expect(baked.exposures[0]).toEqual(NO_EXPOSURE);
    for (const { gain, offset } of baked.exposures.slice(2)) {
      const grey = gain.map((value, k) => value * 128 + offset[k]);
      expect(grey[1] / grey[0]).toBeGreaterThan(1.1);
      expect(grey[2] / grey[0]).toBeGreaterThan(1.15);
    }
    const back = (_: number, __: number, z: number) => z < -0.1;
    const off = await bakeTexture(mesh, generated(views), { ...options, matchExposure: false });
    expect(judge(mesh, baked, back).psnrDb).toBeGreaterThan(judge(mesh, off, back).psnrDb + 3);
  });
});

describe('bakeTexture of a photograph and views that no two were exposed alike', () => {
  const truth = withTestColors(torusMesh(0.35, 0.15, 96, 48));
  const { colors: _, ...bare } = truth;
  const { mesh, texelsPerUnit } = unwrapMesh(bare, { textureSize: 384, paddingPx: 4, maxAngleDeg: 55 });
  const camera = orbitCamera(0, 30, 400);
  const photo: View = { camera, image: onMagenta(renderMesh(truth, camera, { mode: 'unlit' })) };
  const views = ringViews(truth, 128);
  for (const [v, { image }] of views.entries())
    for (let i = 0; i < image.data.length; i++)
      if (i % 4 < 3)
        image.data[i] = Math.min(255, Math.max(0, image.data[i] * (1 + 0.15 * Math.sin(v * 2.3 + (i % 4))) + 6 * Math.cos(v * 1.7)));
  const sources: BakeSource[] = [{ kind: 'photo', view: photo }, ...generated(views)];
  let baked: Baked;
  let unmatched: Baked;
  beforeAll(async () => {
    baked = await bakeTexture(mesh, sources, { ...options, textureSize: 384 });
    unmatched = await bakeTexture(mesh, sources, { ...options, textureSize: 384, matchExposure: false });
  }, 60_000);

  it('has no larger steps of colour across the cuts of the atlas than inside charts', () => {
    const { border, inside, borderCount, insideCount } = seamSteps(mesh, baked.texture, 1 / texelsPerUnit);
    expect(Math.min(borderCount, insideCount)).toBeGreaterThan(500);
    expect(border / inside).toBeLessThan(1.1);
  });

  it('shows the photograph at 28 dB and more, the views at 24 dB and more in its exposure', () => {
    expect(compareWithView({ ...mesh, texture: baked.texture }, photo, 400).psnrDb).toBeGreaterThan(28);
    for (const [v, view] of views.entries())
      expect(compareWithView({ ...mesh, texture: baked.texture }, view, 128, baked.exposures[v + 1]).psnrDb).toBeGreaterThan(24);
  });

  it('has the colours of the truth all around, which it has not without matching', () => {
    const matched = judge(mesh, baked, () => true).psnrDb;
    expect(matched).toBeGreaterThan(32);
    expect(matched).toBeGreaterThan(judge(mesh, unmatched, () => true).psnrDb + 5);
  });
});

describe('the seam test', () => {
  it('finds a seam: charts of different brightness', async () => {
    const { mesh, texelsPerUnit, chartOfTriangle } = unwrapMesh(withTestColors(sphereMesh(0.5, 96, 48)), {
      textureSize: 256,
      paddingPx: 4,
      maxAngleDeg: 55,
    });
    const { texture } = await bakeTexture(mesh, [], options);
    const { triangle } = rasteriseAtlas(mesh, 256);
    const even = seamSteps(mesh, texture, 1 / texelsPerUnit);
    expect(even.border / even.inside).toBeLessThan(1.1);
    for (let at = 0; at < triangle.length; at++)
      if (triangle[at] >= 0 && chartOfTriangle[triangle[at]] % 2 === 0) for (let k = 0; k < 3; k++) texture.data[at * 3 + k] *= 0.9;
    const uneven = seamSteps(mesh, texture, 1 / texelsPerUnit);
    expect(uneven.border / uneven.inside).toBeGreaterThan(1.3);
  });
});

describe('bakeTexture of a surface that pictures show half of', () => {
  const truth = withTestColors(torusMesh(0.35, 0.15, 96, 48));
  const { colors: _, ...bare } = truth;
  const { mesh, texelsPerUnit } = unwrapMesh(bare, { textureSize: 256, paddingPx: 4, maxAngleDeg: 55 });
  const camera = orbitCamera(0, 30, 300);
  const sources: BakeSource[] = [{ kind: 'photo', view: { camera, image: renderMesh(truth, camera, { mode: 'unlit' }) } }];

  it('spreads the colours around it over the rest, without a step over the cuts of the atlas', async () => {
    const { texture, unseen, origin } = await bakeTexture(mesh, sources, options);
    expect(unseen).toBeGreaterThan(0.4);
    const hidden = (_x: number, y: number, z: number) => z < -0.02 && y < 0.05;
    const { border, inside, borderCount, insideCount } = seamSteps(mesh, texture, 1 / texelsPerUnit, hidden);
    expect(Math.min(borderCount, insideCount)).toBeGreaterThan(30);
    // of 255; rounding alone makes steps of 1
    expect(border).toBeLessThan(inside + 0.5);
    // colours between those that are seen, and not all the same
    let low = 255;
    let high = 0;
    for (let at = 0; at < 256 * 256; at++) {
      if (origin.data[at * 3] > 0) continue;
      low = Math.min(low, texture.data[at * 3]);
      high = Math.max(high, texture.data[at * 3]);
    }
    expect(low).toBeGreaterThan(20);
    expect(high - low).toBeGreaterThan(10);
  });

  it('believes vertex colours where they are in sight, and nowhere else', async () => {
    const nobodySaw = (y: number, z: number) => y < -0.05 && z < -0.1;
    // as a colour field that was fitted to the photograph: right around what it shows, black where nobody looked
    const colors = Uint8Array.from(truth.colors!, (value, i) =>
      nobodySaw(truth.positions[i - (i % 3) + 1], truth.positions[i - (i % 3) + 2]) ? 0 : value,
    );
    const dark = async (surface: Mesh) => {
      const { texture } = await bakeTexture(surface, sources, options);
      let count = 0;
      for (let i = 0; i < texture.data.length; i += 3) if (texture.data[i] + texture.data[i + 1] + texture.data[i + 2] < 30) count++;
      return count / (256 * 256);
    };
    const { mesh: cut } = unwrapMesh({ ...bare, colors }, { textureSize: 256, paddingPx: 4, maxAngleDeg: 55 });
    expect(await dark(cut)).toBe(0);
    // the surface's own colours, in contrast, are believed everywhere
    const own = await bakeTexture(cut, sources, options, {
      colorAt: (x, y, z, out) => {
        out.set(nobodySaw(y, z) ? [0, 0, 0] : testColor(x, y, z));
      },
    });
    expect(own.texture.data.filter((value) => value < 10).length / own.texture.data.length).toBeGreaterThan(0.01);
  });

  it('leaves what the photograph shows as it is, whatever lies under it', async () => {
    const plain = await bakeTexture(mesh, sources, options);
    const black = await bakeTexture({ ...mesh, colors: new Uint8Array(mesh.positions.length) }, sources, options);
    let shown = 0;
    let most = 0;
    for (let at = 0; at < 256 * 256; at++) {
      if (plain.origin.data[at * 3] < 255) continue;
      shown++;
      for (let k = 0; k < 3; k++) most = Math.max(most, Math.abs(plain.texture.data[at * 3 + k] - black.texture.data[at * 3 + k]));
    }
    expect(shown).toBeGreaterThan(2000);
    // a share of 254.5 of 255 is rounded to all of it
    expect(most).toBeLessThanOrEqual(1);
  });
});

describe('bakeTexture', () => {
  const { mesh } = unwrapMesh(withTestColors(sphereMesh()), { textureSize: 64, paddingPx: 2, maxAngleDeg: 55 });
  const small = { ...options, textureSize: 64 };

  it('falls back to vertex colours where nothing looks', async () => {
    const baked = await bakeTexture(mesh, [], small);
    expect(baked.unseen).toBeCloseTo(1, 6);
    const origin = { ...baked.origin, data: new Uint8Array(baked.origin.data.length).fill(255) };
    expect(judge(mesh, { texture: baked.texture, origin }, () => true).psnrDb).toBeGreaterThan(30);
  });

  it('stops when its tick throws, and needs texture coordinates', async () => {
    let ticks = 0;
    const tick = async () => {
      if (++ticks === 2) throw new Error('enough');
    };
    await expect(bakeTexture(mesh, [], small, { tick })).rejects.toThrow('enough');
    expect(ticks).toBe(2);
    await expect(bakeTexture(sphereMesh(), [], small)).rejects.toThrow(/tensor uvs/);
  });
});
