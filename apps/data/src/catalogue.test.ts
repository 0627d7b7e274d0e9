import { expect, test } from 'vitest';
import { parseCatalogue, rotationOf, unsuitable } from './catalogue.ts';

const TEXT = [
  'id=Some#Library',
  '# a comment',
  'name#1=Caf\\u00e9 chair',
  'model#1=/chairs/cafe/cafe.obj',
  'modelRotation#1=0 0 -1 0 1 0 1 0 0',
  'name#2=Tall window',
  'model#2=/w/w.obj',
  'name#3=Staircase',
  'model#3=/s/s.obj',
  'name#4=Gate',
  'model#4=/g/gate.obj',
  'doorOrWindow#4=true',
  'name#5=Old format',
  'model#5=/o/o.3ds',
  'name#6=A\\:b\\=c',
].join('\r\n');

test('reads entries, escapes and rotations', () => {
  const entries = parseCatalogue(TEXT);
  expect(entries).toHaveLength(6);
  expect(entries[0]!.name).toBe('Café chair');
  expect(rotationOf(entries[0]!)).toEqual([0, 0, -1, 0, 1, 0, 1, 0, 0]);
  expect(rotationOf(entries[1]!)).toBeUndefined();
  expect(entries[5]!.name).toBe('A:b=c');
});

test('says why an entry is no object', () => {
  expect(parseCatalogue(TEXT).map(unsuitable)).toEqual([
    undefined,
    'door or window',
    'staircase',
    'door or window',
    'no OBJ model',
    'no OBJ model',
  ]);
});
