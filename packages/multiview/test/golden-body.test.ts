import { readFileSync } from 'node:fs';
import { alphaOf, createImage, orbitCamera, resample, SYNC_RIG, withAlpha } from '@gestalt3d/core';
import { bodyBounds, buildLayeredBody, buildVolumeBody, placeBody, placeCamera, placementOf, renderBody } from '@gestalt3d/multiview';
import { describe, expect, it } from 'vitest';

const FOLDER = new URL('../../../models/views/', import.meta.url);
const floats = (path: string): Float32Array => new Float32Array(new Uint8Array(readFileSync(new URL(path, FOLDER))).buffer);

interface BodyCase {
  elevation: number;
  inputDistance: number;
  scale: number;
  offset: [number, number, number];
  viewIndices: number[];
  normalisedPlacement: { scale: number; offset: [number, number, number] };
  inputs: Record<string, { path: string }>;
  outputs: { views: { path: string; dims: [number, number, number, number] } };
  tolerance: { alphaMean: number; colourMean: number };
  /** Of the volume's case only. */
  nearest: number;
  farthest: number;
  threshold: number;
}

describe.each(['body', 'volume-body'])('%s against the recipe that made the network (models/views/body.py)', (name) => {
  const golden = JSON.parse(readFileSync(new URL(`golden/${name}.json`, FOLDER), 'utf8')) as BodyCase;
  const size = 64;
  const plane = size * size;
  const image = floats(golden.inputs.image!.path);
  const frame = createImage(size, size, 4);
  for (let i = 0; i < plane; i++) for (let c = 0; c < 4; c++) frame.data[i * 4 + c] = Math.round(image[c * plane + i]! * 255);
  const rig = { distance: golden.inputDistance, focalPerWidth: (SYNC_RIG.focalPerWidth * golden.inputDistance) / SYNC_RIG.distance };
  // the recipe weighs colours by the mask, soft edges by nothing: the frame that a photograph would give at four times the size
  const hard = { ...frame, data: frame.data.map((value, i) => (i % 4 === 3 ? (value > 127 ? 255 : 0) : value)) };
  const large = withAlpha(resample(hard, 256, 256), alphaOf(resample(frame, 256, 256)));
  const planes = (names: string[]) => {
    const parts = names.map((input) => floats(golden.inputs[input]!.path));
    const data = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      data.set(part, at);
      at += part.length;
    }
    return { size, data };
  };
  const raw =
    name === 'body'
      ? buildLayeredBody(large, planes(['front', 'back', 'backRgb']), golden.inputDistance)
      : buildVolumeBody(large, planes(['volume']), golden, golden.inputDistance);
  const rawCamera = orbitCamera(0, (golden.elevation * 180) / Math.PI, size, rig);

  it('has the same box', () => {
    const { centre, scale } = placementOf(bodyBounds(raw, rawCamera));
    const { scale: longest, offset } = golden.normalisedPlacement;
    expect(Math.abs(1 / scale - longest)).toBeLessThan(0.02);
    // the recipe places bodies by scale * (world - offset)
    for (const [r, value] of centre.entries()) expect(Math.abs(value / longest + offset[r]!)).toBeLessThan(0.01);
  });

  it('gives the same views', () => {
    const placement = { centre: golden.offset.map((value) => -value * golden.scale) as [number, number, number], scale: 1 / golden.scale };
    const body = placeBody(raw, placement);
    const camera = placeCamera(rawCamera, placement);
    const expected = floats(golden.outputs.views.path);
    const [, , height, width] = golden.outputs.views.dims;
    const count = height * width;
    for (const [k, index] of golden.viewIndices.entries()) {
      const fine = orbitCamera(index * SYNC_RIG.azimuthStepDeg, SYNC_RIG.elevationDeg, width * 2);
      const got = resample(renderBody(body, camera, bodyBounds(body, camera), fine), width, height);
      let alpha = 0;
      let colour = 0;
      let opaque = 0;
      for (let i = 0; i < count; i++) {
        const at = k * 4 * count + i;
        alpha += Math.abs(got.data[i * 4 + 3]! / 255 - expected[at + 3 * count]!) / count;
        if (expected[at + 3 * count]! <= 0.5) continue;
        opaque++;
        for (let c = 0; c < 3; c++) colour += Math.abs(got.data[i * 4 + c]! / 255 - expected[at + c * count]!) / 3;
      }
      expect({ index, alpha: alpha <= golden.tolerance.alphaMean, value: alpha }).toMatchObject({ alpha: true });
      expect({ index, colour: colour / opaque <= golden.tolerance.colourMean, value: colour / opaque }).toMatchObject({ colour: true });
    }
  });
});
