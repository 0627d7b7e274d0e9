import { writeFile } from 'node:fs/promises';
import { marchingCubes } from '../dist/index.js';
import { SCENES } from '../dist/testing/scene.js';
import { fitAndMeasure, openScene } from './accuracy.mjs';
import { imageCodec, makeContactSheet, orbitCamera, renderMesh, renderModel } from './host.mjs';
import { LIGHT, renderPainted } from './painted.mjs';

/** Two round bodies, a box with a hole, and two pieces of furniture, with a pattern and as shipped. */
const SHEET_NAMES = ['torus', 'hole', 'touching', 'armchair+pattern', 'bath'];
/** From between the views, and from below, where none of them looks from. */
const CAMERAS = [
  ['between the views', 33.75, 25],
  ['from below', 210, -20],
];
const TILE = 224;

/** The truth as a mesh with the scene's colours. */
function meshOf(scene) {
  const n = 160;
  const edge = 1.1;
  const place = (k) => (k / (n - 1) - 0.5) * edge;
  const data = new Float32Array(n ** 3);
  for (let z = 0, i = 0; z < n; z++)
    for (let y = 0; y < n; y++) for (let x = 0; x < n; x++, i++) data[i] = scene.sdf(place(x), place(y), place(z));
  const { positions, indices } = marchingCubes({ size: [n, n, n], data }, 0);
  const world = positions.map(place);
  const colors = new Uint8Array(world.length);
  for (let i = 0; i < world.length; i += 3)
    colors.set(
      scene.rgb(world[i], world[i + 1], world[i + 2]).map((value) => Math.round(255 * value)),
      i,
    );
  return { positions: world, indices, colors };
}

function picture(name, model, truth, camera) {
  if (!model) return renderMesh(truth, camera, { mode: 'unlit' });
  return name.includes('+') ? renderPainted(model, camera, SCENES.sphere.rgb) : renderModel(model, camera, LIGHT);
}

/** Writes a sheet of five standard fits beside their truth, in colour and as clay. @returns the figures of each */
export async function writeSheet(file, { threads = 2, preset = 'standard', progress = () => {} } = {}) {
  const rows = [];
  const figures = [];
  for (const name of SHEET_NAMES) {
    progress(name);
    const scene = await openScene(name);
    const { surface, ...measured } = await fitAndMeasure(scene, { preset }, { threads });
    const truth = scene.mesh ?? meshOf(SCENES[name]);
    const images = CAMERAS.flatMap(([, azimuth, elevation]) => {
      const camera = orbitCamera(azimuth, elevation, TILE);
      return [
        { image: picture(name, scene.mesh, truth, camera), caption: 'truth' },
        { image: renderMesh(surface.mesh, camera, { mode: 'unlit' }), caption: 'fit' },
        { image: renderMesh(truth, camera, { mode: 'clay' }), caption: 'truth' },
        { image: renderMesh(surface.mesh, camera, { mode: 'clay' }), caption: 'fit' },
      ];
    });
    const { meshPx, iou, genus, components } = measured;
    rows.push({
      title: `${name}: ${meshPx.toFixed(2)} px, IoU ${iou.toFixed(3)}, genus ${genus}, ${components} component${components === 1 ? '' : 's'}`,
      images,
    });
    figures.push({ name, ...measured });
  }
  const title = `16 views of 256 px, ${preset}; left four ${CAMERAS[0][0]}, right four ${CAMERAS[1][0]}`;
  await writeFile(file, await imageCodec.encodePng(makeContactSheet(rows, { tile: TILE, title })));
  return figures;
}
