import { type MeshInput, orbitCamera } from '@gestalt3d/core';
import validator from 'gltf-validator';
import { describe, expect, it } from 'vitest';
import { ringViews, sameBytes, testCodec, testContext, withTestColors } from './mesh.test-helper.ts';
import { createMeshStage, MESH_DEFAULTS } from './mesh-stage.ts';
import { renderMesh } from './render.ts';
import { marchField } from './shapes.ts';

const truth = withTestColors(
  marchField((x, y, z) => Math.min(Math.hypot(x, y - 0.1, z) - 0.3, Math.max(Math.hypot(x, z) - 0.25, Math.abs(y + 0.25) - 0.1)), 32),
);
const camera = orbitCamera(0, 30, 160);
const image = renderMesh(truth, camera, { mode: 'unlit' });
const input: MeshInput = {
  surface: {
    field: { kind: 'hash-grid', config: {}, data: new Float32Array(0), bounds: { min: [0, 0, 0], max: [0, 0, 0] } },
    mesh: truth,
    stats: {},
  },
  views: ringViews(truth, 80),
  photo: { camera, image },
  completion: { camera, image },
};
const stage = createMeshStage({ codec: testCodec });
const options = { ...MESH_DEFAULTS, triangles: 3000, textureSize: 128, textureFormat: 'png' as const };

describe('mesh stage', () => {
  it('makes a valid, closed, textured asset that looks like its pictures, with events and a report', async () => {
    const context = testContext();
    const asset = await stage.run(input, options, context);
    expect(asset.report).toMatchObject({ closed: true, partsKept: 1 });
    expect(asset.report.triangles).toBeLessThanOrEqual(3000);
    expect(asset.report.photoPsnrDb).toBeGreaterThan(27);
    expect(asset.report.viewsPsnrDb).toBeGreaterThan(24);
    expect(asset.report.viewsIou).toBeGreaterThan(0.95);
    expect(Number(asset.report.seenByPhoto) + Number(asset.report.seenByCompletionOnly) + Number(asset.report.guessed)).toBeCloseTo(1, 4);
    const { issues } = await validator.validateBytes(asset.glb);
    expect([issues.numErrors, issues.numWarnings]).toEqual([0, 0]);
    const progress = context.events.filter((event) => event.kind === 'progress');
    expect(progress[0]).toMatchObject({ done: 0, unit: 'tile' });
    expect(progress.length).toBe(progress[0].kind === 'progress' && progress[0].total);
    expect(context.events.some((event) => event.kind === 'preview')).toBe(true);
    expect(context.events.filter((event) => event.kind === 'warning')).toEqual([]);
    // the same input gives the same bytes
    expect(sameBytes((await stage.run(input, options, testContext())).glb, asset.glb)).toBe(true);
  });

  it('keeps vertex colours at texture size 0', async () => {
    const asset = await stage.run(input, { ...options, textureSize: 0 }, testContext());
    expect(asset.mesh.texture).toBeUndefined();
    expect(asset.mesh.colors!.length).toBe(asset.mesh.positions.length);
  });

  it('stops within a tile of an abort, with its reason', async () => {
    const controller = new AbortController();
    const context = testContext(controller.signal);
    const emit = context.emit;
    context.emit = (event) => {
      emit(event);
      if (event.kind === 'progress' && event.done === 3) controller.abort(new Error('changed my mind'));
    };
    await expect(stage.run(input, options, context)).rejects.toThrow('changed my mind');
    expect(context.events.filter((event) => event.kind === 'progress').length).toBe(4);
  });

  it.each([
    ['triangles', { triangles: 3 }],
    ['textureSize', { textureSize: 100_000 }],
    ['compress', { compress: 'zip' as never }],
    ['smooth', { smooth: -1 }],
  ])('names a wrong option: %s', async (name, wrong) => {
    await expect(stage.run(input, { ...options, ...wrong }, testContext())).rejects.toThrow(`option ${name}:`);
  });
});
