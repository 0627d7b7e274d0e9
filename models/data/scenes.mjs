// node scenes.mjs --objects DIR --out DIR [--only NAME]: renders the sample scenes from objects of the TEST split.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle, startBrowser } from './browser.mjs';
import { readFurniture } from './catalogue.mjs';
import { serve } from './server.mjs';

const { values } = parseArgs({ options: { objects: { type: 'string' }, out: { type: 'string' }, only: { type: 'string' } } });
const here = dirname(fileURLToPath(import.meta.url));
const all = readFurniture(values.objects);
const find = (tail) => {
  const match = all.find((o) => o.id.endsWith(`/${tail}`));
  if (!match) throw new Error(`expected an object named ${tail}; the libraries have none`);
  if (match.split !== 'test') throw new Error(`${match.id} is in the ${match.split} split; scenes use the test split only`);
  return match;
};
/** The hidden object comes first. */
const scenes = {
  'armchair-box': {
    fov: 34,
    eye: [0, 1.5, 3.1],
    target: [0.05, 0.5, 0],
    light: [-2.2, 3.4, 2.2],
    floor: '#a98763',
    wall: '#d9d4c8',
    objects: [
      { job: find('armchair1'), yaw: -30, size: 1.25, x: 0.12, z: -0.25 },
      { job: find('cardboard-box'), yaw: 24, size: 0.72, x: -0.2, z: 0.5 },
    ],
  },
  'chicken-crate': {
    fov: 30,
    eye: [0, 1.25, 3.2],
    target: [0.05, 0.42, 0],
    light: [2.4, 3.2, 2.0],
    floor: '#8a8f86',
    wall: '#c9d3da',
    objects: [
      { job: find('chicken'), yaw: 50, size: 1.1, x: -0.05, z: -0.2 },
      { job: find('ammoBox'), yaw: -20, size: 0.95, x: 0.25, z: 0.42 },
    ],
  },
};

const { server, url } = await serve({
  objects: values.objects,
  script: await bundle(join(here, 'scene-page.js')),
  next: () => null,
  result: () => {},
});
const browser = await startBrowser(),
  page = await browser.newPage();
page.on('pageerror', (e) => console.error('page:', e.message));
await page.goto(url);
for (const [name, spec] of Object.entries(scenes)) {
  if (values.only && values.only !== name) continue;
  const made = await page.evaluate((s) => globalThis.makeScene(s), spec);
  const folder = join(values.out, name);
  mkdirSync(folder, { recursive: true });
  for (const [file, data] of [
    ['photo.jpg', made.photo],
    ['modal.png', made.modal],
    ['amodal.png', made.amodal],
    ['whole.png', made.whole],
  ])
    writeFileSync(join(folder, file), Buffer.from(data.slice(data.indexOf(',') + 1), 'base64'));
  writeFileSync(join(folder, 'mesh.glb'), Buffer.from(made.glb, 'base64'));
  const describe = ({ job }) => ({
    id: job.id,
    name: job.name,
    author: job.author,
    licence: job.licence,
    source: `Sweet Home 3D furniture library ${job.library}`,
  });
  writeFileSync(
    join(folder, 'scene.json'),
    `${JSON.stringify({ name, ...made.facts, hidden: describe(spec.objects[0]), occluder: describe(spec.objects[1]), mesh: 'longest side 1, box centred at the origin, +Y up, turned so that the camera stands at azimuth 0 (+Z side)' }, null, 2)}\n`,
  );
  console.log(name, JSON.stringify(made.facts));
}
await browser.close();
server.close();
