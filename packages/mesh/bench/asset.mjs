#!/usr/bin/env node
// Compressed assets beside gltfpack's: `npm run bench -- asset [--objects a,b] [--triangles 20000] [--texture 1024]`. Each object of assets/evaluation
// goes through the mesh stage with a photograph and the 16 views of it, once plain and once with --compress; gltfpack -cc packs the plain file in the
// same run. Bytes of the streams of geometry as they lie in the files, and how far corners of triangles are from where the plain file has them:
// positions as a share of the longest side, normals in degrees, texture coordinates in texels. A table on stderr, one JSON line on stdout.
import { parseArgs } from 'node:util';
import { createRng, meshBounds, orbitCamera, rigCameras } from '@gestalt3d/core';
import { createMeshStage, materialColor, readGlb, renderMesh, SHAPE_DEFAULTS, shapeMesh } from '@gestalt3d/mesh';
import { pack } from 'gltfpack';
import { imageCodec, loadEvaluationInput } from '../../../apps/host/dist/index.js';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: 'armchair,bath,cooker,filled-bookcase,mannequin' },
    triangles: { type: 'string', default: '20000' },
    texture: { type: 'string', default: '1024' },
  },
});
const triangles = Number(values.triangles);
const textureSize = Number(values.texture);
const STREAMS = ['indices', 'POSITION', 'NORMAL', 'TEXCOORD_0'];

/** Plain and compressed GLB of an object seen in a photograph and 16 views. */
async function assetsOf(object) {
  const model = await object.load();
  const { min, max } = meshBounds(model.positions);
  const middle = min.map((value, k) => (value + max[k]) / 2);
  const scale = 1 / Math.max(...max.map((value, k) => value - min[k]));
  const original = { ...model, positions: model.positions.map((value, i) => (value - middle[i % 3]) * scale) };
  const colorAt = materialColor(original);
  // a surface as a fit gives one: even triangles, no inside
  const { mesh } = await shapeMesh(
    { positions: original.positions, indices: original.indices },
    { ...SHAPE_DEFAULTS, smooth: 0, minVolumeShare: 0, triangles: triangles * 2, solid: true },
  );
  const colors = new Uint8Array(mesh.positions.length);
  const rgb = new Float32Array(3);
  for (let i = 0; i < colors.length; i += 3) {
    colorAt(mesh.positions[i], mesh.positions[i + 1], mesh.positions[i + 2], rgb);
    colors.set(rgb, i);
  }
  const surface = { mesh: { ...mesh, colors } };
  const view = (camera) => ({ camera, image: renderMesh(surface.mesh, camera) });
  const input = { surface, views: rigCameras(256).map(view), photo: view(orbitCamera(10, 20, 1024)) };
  const stage = createMeshStage({ codec: imageCodec });
  const context = { signal: new AbortController().signal, emit: () => {}, rng: createRng(1) };
  const options = { ...stage.defaults, triangles, textureSize, smooth: 0, minVolumeShare: 0 };
  const { glb: plain } = await stage.run(input, options, context);
  const { glb: compressed } = await stage.run(input, { ...options, compress: 'meshopt' }, context);
  return { plain, compressed };
}

async function packed(glb) {
  const files = { 'in.glb': glb };
  await pack(['-i', 'in.glb', '-o', 'out.glb', '-cc'], {
    read: (path) => files[path],
    write: (path, bytes) => {
      files[path] = bytes;
    },
  });
  return files['out.glb'];
}

/** Bytes of each stream of the first primitive. */
function streamBytes(glb) {
  const length = new DataView(glb.buffer, glb.byteOffset).getUint32(12, true);
  const { meshes, accessors, bufferViews } = JSON.parse(new TextDecoder().decode(glb.subarray(20, 20 + length)));
  const { indices, attributes } = meshes[0].primitives[0];
  return Object.fromEntries(
    Object.entries({ indices, ...attributes }).map(([name, accessor]) => [
      name,
      bufferViews[accessors[accessor].bufferView].extensions.EXT_meshopt_compression.byteLength,
    ]),
  );
}

/** Largest and mean departure of the vertices of `is` from those of `was`; each belongs to the one that is nearest in all it holds. */
function departure(was, is) {
  const { min, max } = meshBounds(was.positions);
  const side = Math.max(...max.map((value, k) => value - min[k]));
  const cell = side / 4000;
  const at = (mesh, v, k) => Math.floor((mesh.positions[v * 3 + k] - min[k]) / cell);
  const cells = new Map();
  for (let v = 0; v < was.positions.length / 3; v++) {
    const key = [0, 1, 2].map((k) => at(was, v, k)).join();
    const list = cells.get(key);
    if (list) list.push(v);
    else cells.set(key, [v]);
  }
  const far = { position: [0, 0], normal: [0, 0], texel: [0, 0] };
  const count = is.positions.length / 3;
  for (let v = 0; v < count; v++) {
    let best;
    for (let n = 0; n < 27; n++) {
      const key = [0, 1, 2].map((k) => at(is, v, k) + (Math.floor(n / 3 ** k) % 3) - 1).join();
      for (const w of cells.get(key) ?? []) {
        const position = Math.hypot(...[0, 1, 2].map((k) => is.positions[v * 3 + k] - was.positions[w * 3 + k])) / side;
        const cosine = [0, 1, 2].reduce((sum, k) => sum + is.normals[v * 3 + k] * was.normals[w * 3 + k], 0);
        const normal = (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
        const texel = Math.hypot(...[0, 1].map((k) => is.uvs[v * 2 + k] - was.uvs[w * 2 + k])) * textureSize;
        const cost = position * 4000 + normal / 5 + texel;
        if (!best || cost < best.cost) best = { cost, position, normal, texel };
      }
    }
    if (!best) throw new Error(`a vertex is further than ${cell} from every one of the plain file`);
    for (const [name, pair] of Object.entries(far)) {
      pair[0] = Math.max(pair[0], best[name]);
      pair[1] += best[name] / count;
    }
  }
  return far;
}

const { objects } = await loadEvaluationInput();
const rows = [];
console.error(
  'object            by       triangles  indices positions  normals      uvs  geometry  position max / mean      normal max / mean  texels max / mean  _ORIGIN    file',
);
for (const id of values.objects.split(',')) {
  const object = objects.find((one) => one.id === id);
  if (!object) throw new Error(`no object "${id}"; there are ${objects.map((one) => one.id).join(', ')}`);
  const { plain, compressed } = await assetsOf(object);
  const was = await readGlb(plain);
  for (const [by, glb] of [
    ['ours', compressed],
    ['gltfpack', await packed(plain)],
  ]) {
    const bytes = streamBytes(glb);
    const geometry = STREAMS.reduce((sum, name) => sum + bytes[name], 0);
    const is = await readGlb(glb);
    const { position, normal, texel } = departure(was, is);
    rows.push({ object: id, by, triangles: is.indices.length / 3, bytes, geometry, position, normal, texel, file: glb.length });
    const pair = (values, digits) => values.map((value) => value.toExponential(digits)).join(' / ');
    const plainPair = (values) => values.map((value) => value.toFixed(2)).join(' / ');
    console.error(
      `${id.padEnd(17)} ${by.padEnd(8)} ${String(is.indices.length / 3).padStart(9)} ${STREAMS.map((name) => String(bytes[name]).padStart(8)).join(' ')} ${String(geometry).padStart(10)}  ${pair(position, 2)}  ${plainPair(normal).padStart(17)}  ${plainPair(texel).padStart(17)} ${String(bytes._ORIGIN ?? '-').padStart(8)} ${String(glb.length).padStart(7)}`,
    );
  }
}
const total = (by) => rows.filter((row) => row.by === by).reduce((sum, row) => sum + row.geometry, 0);
console.error(`geometry of all: ours ${total('ours')} bytes, gltfpack -cc ${total('gltfpack')}`);
console.log(JSON.stringify(rows));
