import { ShapeMismatchError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { gridLevels, parameterCount } from './config.ts';
import { evaluateField, fieldOf, openField } from './field.ts';
import { initialParameters } from './init.ts';
import { extractMesh } from './isosurface/extract-mesh.ts';
import { meshTopology } from './isosurface/topology.ts';
import { referenceColor, referenceField } from './reference/reference-network.ts';
import { smallProblem } from './testing/small-problem.ts';

const { config, parameters } = smallProblem();
const bounds = { min: [10, 20, 30] as [number, number, number], max: [14, 24, 34] as [number, number, number] };
const field = fieldOf(config, initialParameters({ ...config, sphereRadius: 0.3 }), bounds);

describe('surface field', () => {
  it('starts as a sphere, in world units', async () => {
    const { sdf, rgb } = await evaluateField(field, Float32Array.from([12, 22, 32, 13.2, 22, 32, 12, 22, 33.9]));
    expect(sdf[0]).toBeCloseTo(-1.2, 1);
    expect(Math.abs(sdf[1])).toBeLessThan(0.08);
    expect(Math.abs(sdf[2] - 0.7)).toBeLessThan(0.15);
    expect(rgb.every((value) => value > 0 && value < 1)).toBe(true);
  });

  it('is what the reference network says, distance and colour', async () => {
    const points = [0.1, 0.2, 0.3, 0.5, 0.5, 0.5, 1, 1, 1, 0, 0, 0, 0.77, 0.31, 0.9];
    const unit = fieldOf(config, parameters, { min: [0, 0, 0], max: [1, 1, 1] });
    const { sdf, rgb } = await evaluateField(unit, Float32Array.from(points));
    const p = Float64Array.from(parameters);
    for (let i = 0; i < 5; i++) {
      const sample = referenceField(p, gridLevels(config), 8, points.slice(i * 3, i * 3 + 3));
      expect(sdf[i]).toBeCloseTo(sample.output[0], 5);
      referenceColor(p, sample).rgb.forEach((value, c) => {
        expect(rgb[i * 3 + c]).toBeCloseTo(value, 4);
      });
    }
  });

  it('is marched into a closed sphere with outward normals, the same with any brick', async () => {
    const reader = await openField(field);
    const mesh = await extractMesh(reader, { resolution: 37 });
    const { closed, euler, volume } = meshTopology(mesh.positions, mesh.indices);
    expect({ closed, euler }).toEqual({ closed: true, euler: 2 });
    expect(Math.abs(volume / ((4 / 3) * Math.PI * 1.2 ** 3) - 1)).toBeLessThan(0.1);
    for (let i = 0; i < mesh.positions.length; i += 3) {
      const out = [12, 22, 32].map((centre, c) => mesh.positions[i + c] - centre);
      expect(out.reduce((sum, value, c) => sum + value * mesh.normals![i + c], 0)).toBeGreaterThan(0.8);
    }
    expect(mesh.colors?.length).toBe(mesh.positions.length);
  });

  it('stays inside its support', async () => {
    const cells = new Uint8Array(8);
    cells[0] = 1;
    const mesh = await extractMesh(await openField(field), { resolution: 25, support: { edge: 2, cells } });
    const { closed, components } = meshTopology(mesh.positions, mesh.indices);
    expect({ closed, components }).toEqual({ closed: true, components: 1 });
    expect(Math.max(...mesh.positions.filter((_, i) => i % 3 === 0))).toBeLessThan(12.2);
  });

  it('refuses data of another length', async () => {
    await expect(openField({ ...field, data: new Float32Array(parameterCount(config) - 4) })).rejects.toThrow(ShapeMismatchError);
  });
});
