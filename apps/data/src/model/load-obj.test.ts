import { expect, test } from 'vitest';
import { loadObj } from './load-obj.ts';
import { parseMtl } from './parse-mtl.ts';

const MTL = `newmtl red
Kd 1 0 0
newmtl wood
Kd .5 .5 .5
d 0.3
map_Kd -s 2 2 1 textures\\oak.jpg
newmtl ghost
Tr 0.99
newmtl broken
Kd a b c
`;

test('materials: colours, opacity either way, textures behind options', () => {
  const materials = parseMtl(MTL);
  expect(materials.get('red')).toEqual({ colour: [1, 0, 0], opacity: 1 });
  expect(materials.get('wood')).toEqual({ colour: [0.5, 0.5, 0.5], opacity: 0.3, texture: 'textures/oak.jpg' });
  expect(materials.get('ghost')!.opacity).toBeCloseTo(0.01);
  expect(materials.get('broken')!.colour).toEqual([0.7, 0.7, 0.7]);
});

const OBJ = `v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
usemtl red
f 1 2 3 4
usemtl ghost
f 1 2 3
usemtl wood
f 1/1 2/2 3/3
l 1 3
p 2
`;

test('triangles by material: quads split, invisible parts and lines left out, rotation applied', () => {
  // x -> y -> z -> x
  const batches = loadObj(OBJ, parseMtl(MTL), [0, 0, 1, 1, 0, 0, 0, 1, 0]);
  expect(batches.map(({ name, position }) => [name, position.length / 9])).toEqual([
    ['red', 2],
    ['wood', 1],
  ]);
  expect([...batches[1]!.position]).toEqual([0, 0, 0, 0, 1, 0, 0, 1, 1]);
  expect([...batches[1]!.uv]).toEqual([0, 0, 1, 0, 1, 1]);
  // the texture's own colours count
  expect(batches[1]!.colour).toEqual([1, 1, 1]);
  expect(Math.abs(batches[0]!.normal[0]!)).toBeCloseTo(1);
});
