import { ByteBudgetError, createImage, type MeshInput, orbitCamera, resample } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { type FittedTexture, fitGeometry, fitTexture } from './fit-bytes.ts';
import { readGlb } from './gltf.ts';
import { ringViews, testCodec, testContext, withTestColors } from './mesh.test-helper.ts';
import { createMeshStage, MESH_DEFAULTS } from './mesh-stage.ts';
import { renderMesh } from './render.ts';
import { torusMesh } from './shapes.ts';

const meshOf = (triangles: number) => ({ mesh: { positions: new Float32Array(9), indices: new Uint32Array(triangles * 3) } });

describe('fitGeometry', () => {
  const bytesOf = async ({ mesh }: ReturnType<typeof meshOf>) => 1000 + mesh.indices.length * 10;
  const build = async (triangles: number) => meshOf(triangles);

  it('keeps what fits, and else takes about as many triangles as fit', async () => {
    expect((await fitGeometry(build, bytesOf, { triangles: 900, bytes: 50_000, textured: true })).mesh.indices.length).toBe(2700);
    const few = await fitGeometry(build, bytesOf, { triangles: 9000, bytes: 50_000, textured: true });
    expect(await bytesOf(few)).toBeLessThanOrEqual(30_000);
    expect(await bytesOf(few)).toBeGreaterThan(25_000);
    expect(await bytesOf(await fitGeometry(build, bytesOf, { triangles: 9000, bytes: 50_000, textured: false }))).toBeGreaterThan(42_000);
  });

  it('says no where simplification ends too early', async () => {
    const stubborn = async () => meshOf(5000);
    await expect(fitGeometry(stubborn, bytesOf, { triangles: 9000, bytes: 50_000, textured: true })).rejects.toBeInstanceOf(
      ByteBudgetError,
    );
    await expect(fitGeometry(build, bytesOf, { triangles: 9000, bytes: 3000, textured: true })).rejects.toThrow('at most 3000 bytes');
  });
});

describe('fitTexture', () => {
  const texture = createImage(1024, 1024, 3);
  const bytesOf = async ({ texture: { width }, quality, format }: FittedTexture) => (width ** 2 * (format === 'png' ? 300 : quality)) / 100;

  it.each([
    [1e6, 1024, 92],
    [900_000, 1024, 85],
    [800_000, 1024, 75],
    [700_000, 512, 92],
    [20_000, 128, 92],
    [9000, 64, 92],
    [800, 32, 75],
  ])('in %i bytes: %i px of quality %i', async (bytes, width, quality) => {
    const fitted = await fitTexture(texture, bytesOf, { quality: 92, bytes, format: 'auto' });
    expect([fitted.texture.width, fitted.quality, fitted.format]).toEqual([width, quality, 'auto']);
  });

  it.each([
    [4e6, 1024, 'png'],
    [50_000, 128, 'png'],
    [49_000, 128, 'auto'],
    [48_000, 128, 'auto'],
    [5000, 64, 'auto'],
  ] as const)('a PNG in %i bytes: %i px as %s', async (bytes, width, format) => {
    const fitted = await fitTexture(resample(texture, 128 * Math.ceil(width / 128), 128 * Math.ceil(width / 128)), bytesOf, {
      quality: 92,
      bytes,
      format: 'png',
    });
    expect([fitted.texture.width, fitted.format]).toEqual([width, format]);
  });

  it('never raises the quality, and says no below its smallest', async () => {
    expect((await fitTexture(texture, bytesOf, { quality: 60, bytes: 1e6, format: 'auto' })).quality).toBe(60);
    for (const format of ['auto', 'png'] as const)
      await expect(fitTexture(texture, bytesOf, { quality: 92, bytes: 700, format })).rejects.toThrow(/32 texels, the smallest/);
  });
});

describe('mesh stage under a byte budget', () => {
  const truth = withTestColors(torusMesh(0.3, 0.15, 96, 48));
  const camera = orbitCamera(0, 30, 128);
  const field = { kind: 'hash-grid', config: {}, data: new Float32Array(0), bounds: { min: [0, 0, 0], max: [0, 0, 0] } };
  const input = {
    surface: { field, mesh: truth, stats: {} },
    views: ringViews(truth, 64),
    photo: { camera, image: renderMesh(truth, camera, { mode: 'unlit' }) },
  } as unknown as MeshInput;
  const stage = createMeshStage({ codec: testCodec });
  const options = { ...MESH_DEFAULTS, triangles: 6000, textureSize: 256, textureFormat: 'png' as const };

  it.each([400_000, 200_000])('makes a file of at most %i bytes and says what it took', async (maxBytes) => {
    const { glb, report } = await stage.run(input, { ...options, maxBytes }, testContext());
    expect(glb.length).toBeLessThanOrEqual(maxBytes);
    const back = await readGlb(glb, testCodec);
    expect([back.indices.length / 3, back.texture!.width]).toEqual([report.triangles, report.textureSize]);
    const less = Number(report.triangles) < 6000 || Number(report.textureSize) < 256;
    expect(String(report.budgetTook) !== '').toBe(less);
    // the room is used
    if (less) expect(glb.length).toBeGreaterThan(maxBytes * 0.4);
  });

  it('is refused what cannot be', async () => {
    await expect(stage.run(input, { ...options, maxBytes: 12_000 }, testContext())).rejects.toBeInstanceOf(ByteBudgetError);
    await expect(stage.run(input, { ...options, maxBytes: 5 }, testContext())).rejects.toThrow('option maxBytes:');
  });
});
