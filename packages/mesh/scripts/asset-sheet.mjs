// One picture an asset, to look at: the four sides and the underside, who showed what, triangles, and the atlas.
//   npx tsc -b && node packages/mesh/scripts/asset-sheet.mjs --out FOLDER asset.glb ...
// Seen or guessed: green the photograph, yellow the completion alone, blue generated views alone, grey nothing; paler where it is less sure.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createImage, orbitCamera, resample } from '@gestalt3d/core';
import { makeContactSheet, normaliseMesh, rasteriseAtlas, rasteriseView, readGlb, readGlbExtras, renderMesh } from '@gestalt3d/mesh';
import { imageCodec } from '../../../apps/host/dist/index.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string', default: '.' } } });
const SIDE = 360;
/** Azimuth and elevation in degrees. */
const SIDES = [
  ['front', 0, 15],
  ['side', 90, 15],
  ['back', 180, 15],
  ['other side', 270, 15],
  ['from below', 20, -55],
];
const KINDS = [
  [60, 160, 80],
  [235, 175, 40],
  [80, 120, 225],
];
const NOBODY = [120, 120, 120];

const cameraAt = (azimuth, elevation = 15, size = SIDE) => orbitCamera(azimuth, elevation, size, { distance: 1.9, focalPerWidth: 1.5 });

/** The origin texture in colours for people. */
function whoShowed({ width, height, data }) {
  const out = createImage(width, height, 3);
  for (let i = 0; i < width * height; i++) {
    const shares = KINDS.map((_, k) => data[i * 4 + k] / 255);
    const nobody = Math.max(0, 1 - shares.reduce((a, b) => a + b));
    const pale = 0.45 * (1 - data[i * 4 + 3] / 255) * (1 - nobody);
    for (let c = 0; c < 3; c++) {
      const color = shares.reduce((sum, share, k) => sum + share * KINDS[k][c], nobody * NOBODY[c]);
      out.data[i * 3 + c] = Math.round(color + (255 - color) * pale);
    }
  }
  return out;
}

/** Lines where a pixel shows another triangle than its neighbour. */
function wires({ width, height, triangle }, ground, fill) {
  const out = createImage(width, height, 3);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      const t = triangle[at];
      const edge = (x + 1 < width && triangle[at + 1] !== t) || (y + 1 < height && triangle[at + width] !== t);
      out.data.set(edge ? [40, 40, 40] : t < 0 ? ground : fill(t), at * 3);
    }
  return out;
}

/** Connected parts of the atlas. */
function chartColors({ indices, positions }) {
  const parent = Int32Array.from({ length: positions.length / 3 }, (_, v) => v);
  const root = (v) => {
    while (parent[v] !== v) v = parent[v] = parent[parent[v]];
    return v;
  };
  for (let i = 0; i < indices.length; i += 3) for (const k of [1, 2]) parent[root(indices[i + k])] = root(indices[i]);
  return (t) => {
    const hash = Math.imul(root(indices[t * 3]) + 1, 2654435761) >>> 0;
    return [0, 8, 16].map((shift) => 150 + ((hash >>> shift) % 100));
  };
}

mkdirSync(values.out, { recursive: true });
for (const path of positionals) {
  const bytes = new Uint8Array(readFileSync(path));
  const mesh = normaliseMesh(await readGlb(bytes, imageCodec)).mesh;
  const { originTexture } = await readGlbExtras(bytes, imageCodec);
  const coloured = originTexture && { ...mesh, texture: whoShowed(originTexture) };
  const sides = (title, model, mode) => ({
    title,
    images: SIDES.map(([caption, azimuth, elevation]) => ({
      image: renderMesh(model, cameraAt(azimuth, elevation), { mode, background: [255, 255, 255] }),
      caption,
    })),
  });
  const wired = (azimuth) => wires(rasteriseView(mesh, cameraAt(azimuth, 15, SIDE * 2)), [255, 255, 255], () => [225, 228, 235]);
  const triangles = mesh.indices.length / 3;
  const sheet = makeContactSheet(
    [
      sides('Asset', mesh, 'unlit'),
      ...(coloured ? [sides('Seen or guessed', coloured, 'unlit')] : []),
      sides('Shape', mesh, 'clay'),
      {
        title: `${triangles} triangles, atlas ${mesh.texture.width} px`,
        images: [
          { image: wired(0), caption: 'front' },
          { image: wired(180), caption: 'back' },
          { image: wires(rasteriseAtlas(mesh, SIDE * 2), [255, 255, 255], chartColors(mesh)), caption: 'charts' },
          { image: resample(mesh.texture, SIDE * 2, SIDE * 2), caption: 'texture' },
        ],
      },
    ],
    { tile: SIDE },
  );
  const name = basename(path) === 'asset.glb' ? basename(dirname(path)) : basename(path, '.glb');
  writeFileSync(join(values.out, `${name}.png`), await imageCodec.encodePng(sheet));
}
