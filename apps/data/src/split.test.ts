import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { emojiSplitOf, splitOf } from './split.ts';
import { listProcedural } from './training/list-procedural.ts';

const frozen = JSON.parse(await readFile(new URL('../split.json', import.meta.url), 'utf8')) as {
  objects: Record<string, string>;
  emoji: Record<string, string>;
};

test('the rule gives every object the split that it was frozen in', () => {
  const ids = Object.keys(frozen.objects);
  expect(ids.length).toBeGreaterThan(2500);
  expect(ids.filter((id) => splitOf(id) !== frozen.objects[id])).toEqual([]);
  const names = Object.keys(frozen.emoji);
  expect(names.length).toBeGreaterThan(1200);
  expect(names.filter((name) => emojiSplitOf(name) !== frozen.emoji[name])).toEqual([]);
});

test('every default procedural object is in the frozen file, and a larger number moves none', () => {
  const few = listProcedural(1300);
  expect(few.filter(({ id }) => !(id in frozen.objects))).toEqual([]);
  const many = new Map(listProcedural(2600).map((object) => [object.id, object]));
  expect(few.filter((object) => JSON.stringify(many.get(object.id)) !== JSON.stringify(object))).toEqual([]);
});

test('shares are near 90, 4 and 6 per cent', () => {
  const splits = Object.values(frozen.objects);
  const share = (name: string) => splits.filter((split) => split === name).length / splits.length;
  expect(share('train')).toBeCloseTo(0.9, 1);
  expect(share('val')).toBeGreaterThan(0.02);
  expect(share('test')).toBeGreaterThan(0.04);
});
