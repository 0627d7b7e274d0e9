import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NodeIO } from '@gltf-transform/core';
import { expect, test } from 'vitest';
import type { CatalogueEntry } from '../catalogue.ts';
import { TRAINING_PACKAGES } from '../packages.ts';
import { designOf, drawObjects, EVALUATION_DRAW, excludedFromEvaluation } from './choose-objects.ts';
import { findDefaultMaterials } from './default-materials.ts';
import { EVALUATION_PACKAGE } from './package.ts';

const SOURCE = fileURLToPath(new URL('..', import.meta.url));
const entry = (name: string, more: Record<string, string> = {}): CatalogueEntry => ({ name, model: `/m/${name}.obj`, ...more });

test('the draw is seeded, takes one object a design, and leaves out what is no body', () => {
  const entries = [
    'Bed 140x190',
    'Bed 90x190',
    'Bed',
    'Sofa',
    'Sofa',
    'Door frame',
    'Staircase',
    'Frame',
    'White light source',
    'Lamp',
  ].map((name) => entry(name));
  entries.push(entry('Box', { model: '/io/resources/texturableBox.obj' }));
  const names = drawObjects(entries, 3).map(({ name }) => name);
  expect([...names].sort()).toEqual(['Bed 140x190', 'Lamp', 'Sofa']);
  expect(drawObjects(entries, 3).map(({ name }) => name)).toEqual(names);
  expect(designOf(entry('Loft bed 140x190'))).toBe('loft bed');
  expect(excludedFromEvaluation(entry('Venetian blind'))).toBe('no body');
});

test('different seeds draw different orders', () => {
  const entries = Array.from({ length: 30 }, (_, i) => entry(`Thing ${i}`));
  const order = (seed: number) => drawObjects(entries, seed).map(({ name }) => name);
  expect(order(1)).not.toEqual(order(2));
  expect([...order(1)].sort()).toEqual([...order(2)].sort());
});

test('finds the materials inside a class file', () => {
  const text = 'newmtl amber\nKd 1 0 0\n';
  const bytes = new Uint8Array([0xca, 0xfe, 1, 0, text.length, ...new TextEncoder().encode(text), 9, 9]);
  expect(findDefaultMaterials(bytes)).toBe(text);
  expect(findDefaultMaterials(new Uint8Array(40))).toBe('');
});

/** Modules of this app that a module imports, directly or not. */
async function reach(path: string, seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const [, target] of (await readFile(path, 'utf8')).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g))
    await reach(resolve(dirname(path), target!), seen);
  return seen;
}

test('no training step can reach the evaluation: neither its modules nor its package', async () => {
  const files = (await readdir(SOURCE, { recursive: true })).filter(
    (file) => /^(training|page|model)[\\/]/.test(file) && file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  expect(files.length).toBeGreaterThan(20);
  for (const file of files)
    for (const found of await reach(join(SOURCE, file))) {
      expect(relative(SOURCE, found), `imported by ${file}`).not.toMatch(/^evaluation/);
      // the jar is where the catalogue lies
      expect(await readFile(found, 'utf8'), found).not.toMatch(/sweethome3d\.jar|DefaultFurnitureCatalog/);
    }
  expect(Object.values(TRAINING_PACKAGES).map(({ name }) => name as string)).not.toContain(EVALUATION_PACKAGE.name);
  // the walk itself works: from the command line the evaluation is reached
  const all = [...(await reach(join(SOURCE, 'main.ts')))].map((path) => relative(SOURCE, path));
  expect(all).toContain(join('evaluation', 'make-objects.ts'));
});

test('the committed objects are thirty, attributed, and of the frame that is promised', async () => {
  const folder = fileURLToPath(new URL('../../../../assets/evaluation/', import.meta.url));
  const { objects } = JSON.parse(await readFile(join(folder, 'objects.json'), 'utf8'));
  expect(objects).toHaveLength(EVALUATION_DRAW.count);
  for (const { file, licence, author, triangles } of objects) {
    expect([licence, author]).toEqual(['CC-BY-3.0', 'Emmanuel Puybaret / eTeks']);
    const document = await new NodeIO().read(join(folder, file));
    const min = [Infinity, Infinity, Infinity];
    const max = [-Infinity, -Infinity, -Infinity];
    let count = 0;
    for (const primitive of document.getRoot().listMeshes()[0]!.listPrimitives()) {
      const position = primitive.getAttribute('POSITION')!;
      const [low, high] = [position.getMin([]), position.getMax([])];
      for (let k = 0; k < 3; k++) [min[k], max[k]] = [Math.min(min[k]!, low[k]!), Math.max(max[k]!, high[k]!)];
      count += primitive.getIndices()!.getCount() / 3;
    }
    expect(Math.max(...max.map((value, k) => value - min[k]!)), file).toBeCloseTo(1, 3);
    for (let k = 0; k < 3; k++) expect(max[k]! + min[k]!, file).toBeCloseTo(0, 3);
    // welding may only drop slivers
    expect(count, file).toBeGreaterThan(triangles * 0.95);
    expect(count, file).toBeLessThanOrEqual(triangles);
  }
});
