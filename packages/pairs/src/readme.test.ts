import { readFileSync } from 'node:fs';
import * as core from '@gestalt3d/core';
import * as pairs from '@gestalt3d/pairs';
import { describe, expect, it } from 'vitest';
import { testScene } from './test-scene.test-helper.ts';

describe('README', () => {
  const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

  it('names what the package exports, and nothing else', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('| `'));
    const names = rows.flatMap((row) => [...row.split(' | ')[0]!.matchAll(/`(\w+)`/g)].map((match) => match[1]!));
    expect(names.sort()).toEqual(Object.keys(pairs).sort());
  });

  it('has an example that runs', () => {
    const code = /```ts\n([\s\S]*?)```/
      .exec(text)![1]!
      .replace(/^import .*$/gm, '')
      .replace(/^if .*$/m, 'return pair;');
    const example = new Function('scene', 'amodal', 'createRng', 'OCCLUSION_BANDS', 'shapeOccluder', 'superimpose', code);
    const { scene, amodal } = testScene(3);
    const pair = example(scene, amodal, core.createRng, pairs.OCCLUSION_BANDS, pairs.shapeOccluder, pairs.superimpose);
    expect(pairs.bandOf(pair.hidden)).toBe(pairs.OCCLUSION_BANDS[1]);
  });
});
