import { createRng } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { evaluateField, fieldOf } from '../field.ts';
import { smallProblem } from '../testing/small-problem.ts';
import { finishWorkNow } from '../work.ts';
import { signedDistance } from './signed-distance.ts';
import { startFromHull } from './start-from-hull.ts';

describe('startFromHull', () => {
  const problem = smallProblem();
  const edge = problem.config.occupancyEdge;
  const never = new AbortController().signal;

  it('gives a field whose inside is the hull without its excess', async () => {
    const parameters = await startFromHull(problem, never);
    const distance = finishWorkNow(signedDistance(problem.support, edge));
    const rng = createRng(3);
    const cells = Array.from({ length: 2000 }, () => rng.integer(edge ** 3));
    const points = Float32Array.from(
      cells.flatMap((i) => [i % edge, Math.floor(i / edge) % edge, Math.floor(i / edge ** 2)].map((c) => (c + 0.5) / edge)),
    );
    const { sdf } = await evaluateField(fieldOf(problem.config, parameters, { min: [0, 0, 0], max: [1, 1, 1] }), points);
    let error = 0;
    let wrong = 0;
    cells.forEach((cell, i) => {
      const expected = (distance[cell] + Math.sqrt(0.75)) / edge;
      error += Math.abs(sdf[i] - expected) / cells.length;
      if (Math.abs(expected) > 2.5 / edge && Math.sign(sdf[i]) !== Math.sign(expected)) wrong++;
    });
    // within a cell on average, and no part of the hull is missing
    expect(error * edge).toBeLessThan(1);
    expect(wrong / cells.length).toBeLessThan(0.01);
  });

  it('is the same for the same seed, and leaves the levels that join later as they were', async () => {
    const [a, b] = [await startFromHull(problem, never), await startFromHull(problem, never)];
    expect(a).toEqual(b);
    expect(a.at(-1)).toBe(problem.parameters.at(-1));
  });

  it('ends with the signal', async () => {
    await expect(startFromHull(problem, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
