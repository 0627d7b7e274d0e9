// What a bake keeps of its pictures, on ground-truth views of objects painted with a pattern through space:
//   npx tsc -b && node packages/mesh/scripts/measure-texture.mjs [--objects armchair,bath,...] [--exposure 0.15] [--triangles 20000] [--out DIR]
// The object is made one solid of even triangles, as a fit is, the photograph 1024 px from 20 degrees above, the views the rig's 16 at 256 px. --exposure: every view gets a gain
// within that share and an offset within 40 of 255 times it; the photograph keeps its colours. --out: PNGs of texture and renderings.
//   photo, views: PSNR in dB of the asset in the photograph and in the views (each brought to the photograph's exposure by what the bake found)
//   truth: PSNR against the pattern, under the photograph's exposure, of texels that some picture shows
//   cut/in: steps of colour across the atlas's cuts and inside charts, of 255; source: the same over borders of photograph and views, 12 texels wide
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createImage, createRng, orbitCamera, reframeCamera, rigCameras } from '@gestalt3d/core';
import {
  BAKE_DEFAULTS,
  bakeTexture,
  compareWithView,
  computeNormals,
  rasteriseAtlas,
  rasteriseView,
  renderMesh,
  SHAPE_DEFAULTS,
  shapeMesh,
  torusMesh,
  UNWRAP_DEFAULTS,
  unwrapMesh,
} from '@gestalt3d/mesh';
import { imageCodec, loadEvaluationInput } from '../../../apps/host/dist/index.js';
import { seamSteps } from '../dist/testing/seam-steps.js';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: 'torus,armchair,bath,cooker,filled-bookcase,mannequin' },
    exposure: { type: 'string', default: '0' },
    triangles: { type: 'string', default: '20000' },
    size: { type: 'string', default: '1024' },
    out: { type: 'string' },
  },
});
const SIZE = Number(values.size);
/** Texels on either side of a border between sources. */
const LAG = 6;

/** sRGB of a place: slow hues, stripes of a few millimetres on an object of half a metre. */
function paint(x, y, z) {
  const stripe = 0.72 + 0.28 * Math.sin(60 * x + 25 * y) * Math.sin(40 * z - 30 * y + 1);
  return [150 + 130 * x, 140 + 140 * y, 150 - 130 * z].map((value) => Math.min(255, Math.max(0, value * stripe)));
}

function picture(mesh, camera) {
  const fine = reframeCamera(camera, { scale: 3, dx: 0, dy: 0, width: camera.width * 3, height: camera.height * 3 });
  const { depth } = rasteriseView(mesh, fine);
  const m = fine.worldFromCamera;
  const out = createImage(camera.width, camera.height, 4);
  for (let y = 0, i = 0; y < out.height; y++)
    for (let x = 0; x < out.width; x++, i += 4) {
      const sum = [0, 0, 0, 0];
      for (let k = 0; k < 9; k++) {
        const [column, row] = [x * 3 + (k % 3), y * 3 + Math.floor(k / 3)];
        const z = depth[row * fine.width + column];
        if (z === Infinity) continue;
        const right = ((column + 0.5 - fine.cx) / fine.flX) * z;
        const up = -((row + 0.5 - fine.cy) / fine.flY) * z;
        const color = paint(...[0, 1, 2].map((r) => m[r] * right + m[4 + r] * up - m[8 + r] * z + m[12 + r]));
        for (let c = 0; c < 3; c++) sum[c] += color[c];
        sum[3]++;
      }
      if (sum[3] === 0) continue;
      for (let c = 0; c < 3; c++) out.data[i + c] = Math.round(sum[c] / sum[3]);
      out.data[i + 3] = Math.round((255 * sum[3]) / 9);
    }
  return out;
}

/** PSNR of texels that a picture shows, and the step over borders of sources against that elsewhere in the same charts. */
function texels(mesh, { texture, origin }) {
  const { triangle, weights } = rasteriseAtlas(mesh, SIZE);
  const chart = chartIds(mesh);
  const { positions: p, indices } = mesh;
  const difference = new Float32Array(SIZE * SIZE * 3);
  let error = 0;
  let count = 0;
  for (let at = 0; at < SIZE * SIZE; at++) {
    const t = triangle[at];
    if (t < 0) continue;
    const w = [1 - weights[at * 2] - weights[at * 2 + 1], weights[at * 2], weights[at * 2 + 1]];
    const place = [0, 1, 2].map((k) => w.reduce((sum, part, c) => sum + part * p[indices[t * 3 + c] * 3 + k], 0));
    const want = paint(...place);
    for (let c = 0; c < 3; c++) difference[at * 3 + c] = texture.data[at * 3 + c] - want[c];
    if (origin.data[at * 3] + origin.data[at * 3 + 1] + origin.data[at * 3 + 2] < 128) continue;
    for (let c = 0; c < 3; c++) error += difference[at * 3 + c] ** 2;
    count += 3;
  }
  // steps of what is wrong: the pattern's own are no seams
  const step = { source: 0, same: 0 };
  const steps = { source: 0, same: 0 };
  for (let y = 0; y < SIZE; y += 2)
    for (let x = 0; x + 2 * LAG < SIZE; x += 2) {
      const [a, b] = [y * SIZE + x, y * SIZE + x + 2 * LAG];
      if (triangle[a] < 0 || triangle[b] < 0 || chart[triangle[a]] !== chart[triangle[b]]) continue;
      const kinds = [a, b].map((at) => [0, 1, 2].findIndex((c) => origin.data[at * 3 + c] > 127));
      if (kinds[0] < 0 || kinds[1] < 0) continue;
      const kind = kinds[0] === kinds[1] ? 'same' : 'source';
      for (let c = 0; c < 3; c++) step[kind] += Math.abs(difference[a * 3 + c] - difference[b * 3 + c]) / 3;
      steps[kind]++;
    }
  return {
    psnr: 10 * Math.log10(65025 / (error / count)),
    source: step.source / Math.max(1, steps.source),
    same: step.same / Math.max(1, steps.same),
  };
}

/** Connected parts of the atlas. */
function chartIds({ indices, positions }) {
  const parent = Int32Array.from({ length: positions.length / 3 }, (_, v) => v);
  const root = (v) => {
    while (parent[v] !== v) v = parent[v] = parent[parent[v]];
    return v;
  };
  for (let i = 0; i < indices.length; i += 3) for (const k of [1, 2]) parent[root(indices[i + k])] = root(indices[i]);
  return Int32Array.from({ length: indices.length / 3 }, (_, t) => root(indices[t * 3]));
}

const { objects } = await loadEvaluationInput();
console.log('object            photo  views  worst  truth   cut /  in  ratio  source / same  seconds');
for (const id of values.objects.split(',')) {
  const model = id === 'torus' ? torusMesh(0.35, 0.15, 200, 50) : await objects.find((one) => one.id === id).load();
  // in the frame of every view, and one surface of even triangles as a fit gives it
  const radius = model.positions.reduce((most, _, i, p) => (i % 3 ? most : Math.max(most, Math.hypot(p[i], p[i + 1], p[i + 2]))), 0);
  const { mesh: shape } = await shapeMesh(
    { positions: model.positions.map((value) => (value * 0.6) / radius), indices: model.indices },
    { ...SHAPE_DEFAULTS, smooth: 0, minVolumeShare: 0, colorWeight: 0, triangles: Number(values.triangles), solid: true },
  );
  const unwrapped = unwrapMesh(shape, { ...UNWRAP_DEFAULTS, textureSize: SIZE });
  const mesh = { ...unwrapped.mesh, normals: computeNormals(unwrapped.mesh) };
  const camera = orbitCamera(10, 20, 1024);
  const photo = { camera, image: picture(shape, camera) };
  const rng = createRng(5);
  const views = rigCameras(256).map((one) => {
    const image = picture(shape, one);
    const share = Number(values.exposure);
    const change = [0, 1, 2].map(() => [1 + share * (rng.uniform() * 2 - 1), 40 * share * (rng.uniform() * 2 - 1)]);
    for (let i = 0; i < image.data.length; i++)
      if (i % 4 < 3 && image.data[i - (i % 4) + 3] > 0)
        image.data[i] = Math.min(255, Math.max(0, Math.round(image.data[i] * change[i % 4][0] + change[i % 4][1])));
    return { camera: one, image };
  });
  const start = process.cpuUsage().user;
  const baked = await bakeTexture(mesh, [{ kind: 'photo', view: photo }, ...views.map((view) => ({ kind: 'generated', view }))], {
    ...BAKE_DEFAULTS,
    textureSize: SIZE,
  });
  const seconds = (process.cpuUsage().user - start) / 1e6;
  const textured = { ...mesh, texture: baked.texture };
  const byView = views.map((view, v) => compareWithView(textured, view, 256, baked.exposures[v + 1]).psnrDb);
  const seams = seamSteps(mesh, baked.texture, 1 / unwrapped.texelsPerUnit);
  const { psnr, source, same } = texels(mesh, baked);
  console.log(
    `${id.padEnd(16)} ${compareWithView(textured, photo, 1024).psnrDb.toFixed(1).padStart(6)} ${(byView.reduce((a, b) => a + b) / 16).toFixed(1).padStart(6)} ${Math.min(
      ...byView,
    )
      .toFixed(1)
      .padStart(
        6,
      )} ${psnr.toFixed(1).padStart(6)} ${seams.border.toFixed(2).padStart(6)} ${seams.inside.toFixed(2).padStart(5)}  ${(seams.border / seams.inside).toFixed(2)}  ${source.toFixed(2).padStart(6)} ${same.toFixed(2).padStart(6)} ${seconds.toFixed(1).padStart(8)}`,
  );
  if (values.out) {
    mkdirSync(values.out, { recursive: true });
    const write = async (name, image) => writeFileSync(join(values.out, `${id}-${name}.png`), await imageCodec.encodePng(image));
    await write('texture', baked.texture);
    for (const [name, azimuth] of [
      ['front', 10],
      ['left', 75],
      ['right', -60],
      ['back', 190],
    ])
      await write(name, renderMesh(textured, orbitCamera(azimuth, 25, 512), { mode: 'unlit', background: [255, 255, 255] }));
  }
}
