// How many surfaces are solids as they are, after the mesh stage's geometry, and with --printable:
//   npx tsc -b && node packages/mesh/scripts/measure-solids.mjs [--meshes 200] [--seed 1] [--fields] [FOLDER ...]
// FOLDER: searched for GLB and OBJ files, default assets/evaluation/objects. All files of the first folder take part, the rest of the meshes is
// drawn from the others. --fields: the 50 adversarial fields as well, marched over
// --cells N (24) cells a side. One JSON line a surface, then one a group.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRng } from '@gestalt3d/core';
import { checkSolid, marchField, printModel, readAsset, SHAPE_DEFAULTS, shapeMesh } from '@gestalt3d/mesh';
import Module from 'manifold-3d';
import { adversarialFields } from '../dist/testing/adversarial-fields.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    meshes: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    fields: { type: 'boolean', default: false },
    cells: { type: 'string', default: '24' },
  },
});
/** As the mesh stage: a print that lacks more is refused. */
const MAX_LOST = 0.02;
/** More triangles than this are left out of the draw, so that a run ends within minutes. */
const MAX_TRIANGLES = 100_000;
const codec = { decode: async () => ({ width: 1, height: 1, channels: 4, data: new Uint8Array(4) }) };
const manifold = await Module();
manifold.setup();

const folders = positionals.length > 0 ? positionals : ['assets/evaluation/objects'];
const files = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => /\.(glb|obj)$/i.test(path) && statSync(path).isFile())
    .sort();
const rng = createRng(Number(values.seed));
const others = folders.slice(1).flatMap(files);
for (let i = others.length - 1; i > 0; i--) {
  const j = rng.integer(i + 1);
  [others[i], others[j]] = [others[j], others[i]];
}

const meshes = { taken: 0 };
for (const path of [...files(folders[0]), ...others]) {
  if (meshes.taken >= Number(values.meshes)) break;
  const mesh = await readAsset(readFileSync(path), path, codec).catch((error) => error);
  if (mesh instanceof Error) {
    console.log(JSON.stringify({ name: basename(path), unreadable: mesh.message }));
    continue;
  }
  const { positions, indices } = mesh;
  if (indices.length / 3 > MAX_TRIANGLES) continue;
  // as gestalt3d asset: nothing is smoothed and no small part is dropped
  await measure(basename(path), { positions, indices }, { ...SHAPE_DEFAULTS, smooth: 0, minVolumeShare: 0 }, meshes);
}
console.log(JSON.stringify({ group: 'meshes', ...meshes }));
if (values.fields) {
  const fields = { taken: 0 };
  for (const { name, field } of adversarialFields()) await measure(name, marchField(field, Number(values.cells)), SHAPE_DEFAULTS, fields);
  console.log(JSON.stringify({ group: 'fields', ...fields }));
}

async function measure(name, mesh, options, group) {
  const start = process.cpuUsage().user;
  const add = (key, yes = true) => {
    group[key] = (group[key] ?? 0) + (yes ? 1 : 0);
  };
  const closed = (check) => check.boundaryEdges + check.nonManifoldEdges + check.inconsistentEdges + check.nonManifoldVertices === 0;
  const line = { name, triangles: mesh.indices.length / 3 };
  add('taken');
  const came = checkSolid(mesh);
  add('cameManifold', closed(came));
  add('cameSound', came.sound);
  try {
    const { check } = await shapeMesh(mesh, { ...options, colorWeight: 0 });
    add('plainManifold', closed(check));
    add('plainSound', check.sound);
    line.plain = check.problems;
  } catch (error) {
    add('plainRefused');
    line.plain = error.message;
  }
  try {
    const checker = (candidate, onDefect) => printModel(candidate, 100, onDefect).check;
    const shape = await shapeMesh(mesh, { ...options, colorWeight: 0, solid: true, checker });
    const print = printModel(shape.mesh);
    line.repair = shape.repair;
    line.lost = shape.lost;
    line.printed = print.check.problems;
    if (!print.check.sound) add('refusedUnsound');
    else if (shape.lost > MAX_LOST) add('refusedLost');
    else {
      // a second opinion on what stands in the files
      const { Manifold, Mesh } = manifold;
      const body = Manifold.ofMesh(new Mesh({ numProp: 3, vertProperties: print.mesh.positions, triVerts: print.mesh.indices }));
      const agrees = body.status() === 'NoError' && Math.abs(body.volume() / print.check.volume - 1) < 1e-4;
      body.delete();
      add(agrees ? 'printable' : 'disputed');
      add(`by_${shape.repair}`);
    }
  } catch (error) {
    add('refusedError');
    line.printed = error.message;
  }
  line.cpuSeconds = Number(((process.cpuUsage().user - start) / 1e6).toFixed(1));
  console.log(JSON.stringify(line));
}
