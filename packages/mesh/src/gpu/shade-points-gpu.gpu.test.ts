import { orbitCamera, type View } from '@gestalt3d/core';
import { afterAll, describe, expect, it } from 'vitest';
import { openTestGpu } from '../../../../apps/host/src/software-vulkan.ts';
import { BAKE_DEFAULTS, bakeTexture } from '../bake.ts';
import { type BakeSource, prepareSource } from '../bake-source.ts';
import { onMagenta, ringViews, withTestColors } from '../mesh.test-helper.ts';
import { computeNormals } from '../normals.ts';
import { renderMesh } from '../render.ts';
import { createCpuShader, POINT_FLOATS, SHADE_FLOATS } from '../shade-points.ts';
import { torusMesh } from '../shapes.ts';
import { UNWRAP_DEFAULTS, unwrapMesh } from '../unwrap.ts';
import { createGpuShader } from './shade-points-gpu.ts';

const gpu = await openTestGpu();
afterAll(() => gpu?.close());

describe.skipIf(!gpu)('baking on the GPU', () => {
  const truth = withTestColors(torusMesh(0.35, 0.15, 64, 32));
  const camera = orbitCamera(0, 30, 200);
  const whole = onMagenta(renderMesh(truth, camera, { mode: 'unlit' }));
  const photo: View = { camera, image: { ...whole, data: whole.data.slice() } };
  for (let y = 0; y < 200; y++) for (let x = 110; x < 145; x++) photo.image.data.set([255, 0, 255, 0], (y * 200 + x) * 4);
  const sources: BakeSource[] = [
    { kind: 'photo', view: photo },
    { kind: 'completion', view: { camera, image: whole } },
    ...ringViews(truth, 96).map((view): BakeSource => ({ kind: 'generated', view })),
  ];

  it('says of points what the CPU says: within 0.02 of 255, 0.0002 of a share and 1 / 255 of confidence, but for one in a thousand', async () => {
    const prepared = sources.map((source) => prepareSource(truth, source, BAKE_DEFAULTS)!);
    prepared[3].exposure = { gain: [1.1, 0.9, 1], offset: [-3, 4, 0] };
    const normals = computeNormals(truth);
    const count = truth.positions.length / 3;
    const points = new Float32Array(count * POINT_FLOATS);
    for (let v = 0; v < count; v++) {
      points.set(truth.positions.subarray(v * 3, v * 3 + 3), v * POINT_FLOATS);
      points.set(normals.subarray(v * 3, v * 3 + 3), v * POINT_FLOATS + 3);
      points.set([2, -1, 0.5], v * POINT_FLOATS + 6);
    }
    const want = await createCpuShader(prepared, BAKE_DEFAULTS.angleExponent).shade(points);
    const shader = await createGpuShader(gpu!.device, prepared, BAKE_DEFAULTS.angleExponent);
    const got = await shader.shade(points);
    shader.dispose();
    const parts = [0, 0, 0];
    let off = 0;
    for (let n = 0; n < count; n++) {
      const at = n * SHADE_FLOATS;
      for (let k = 0; k < 3; k++) if (want[at + 4 + k] > 0.5) parts[k]++;
      const far = (k: number) => Math.abs(got[at + k] - want[at + k]);
      // a colour that is hardly known is a quotient of small numbers
      const colour = Math.max(far(0), far(1), far(2)) * Math.min(1, want[at + 3] * 4);
      // confidence holds the root of a difference of large numbers
      if (colour > 0.02 || [3, 4, 5, 6].some((k) => far(k) > 2e-4) || far(7) > 1 / 255) off++;
    }
    // every layer takes part
    expect(Math.min(...parts)).toBeGreaterThan(30);
    expect(off / count).toBeLessThan(1e-3);
  }, 180_000);

  it('makes the texture that the CPU makes: within 1 of 255, but for one texel in a thousand', async () => {
    const { colors: _, ...bare } = truth;
    const { mesh } = unwrapMesh(bare, { ...UNWRAP_DEFAULTS, textureSize: 128 });
    const options = { ...BAKE_DEFAULTS, textureSize: 128 };
    const cpu = await bakeTexture(mesh, sources, options);
    const onGpu = await bakeTexture(mesh, sources, options, { gpu: gpu!.device });
    for (const name of ['texture', 'origin', 'confidence'] as const) {
      const { data } = cpu[name];
      let off = 0;
      for (let i = 0; i < data.length; i++) if (Math.abs(data[i] - onGpu[name].data[i]) > 1) off++;
      expect([name, off / data.length < 1e-3]).toEqual([name, true]);
    }
    for (const name of ['photo', 'completion', 'guessed'] as const) expect(onGpu.seen[name]).toBeCloseTo(cpu.seen[name], 3);
  }, 180_000);
});
