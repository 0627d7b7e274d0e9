/**
 * Writes the graph of one of the project's own networks with trained weights into a single .onnx file.
 *
 *     node packages/networks/scripts/build-embedded.mjs NETWORK FOLDER FILE.onnx
 *
 * NETWORK: a name of EMBEDDED_NETWORKS. FOLDER: safetensors with their index, as models/common/weights.py writes them; the network's configuration is in there.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkpointWeights, encodeWholeGraph, memoryByteSource, openCheckpoint } from '../../onnx/dist/index.js';
import { EMBEDDED_NETWORKS } from '../dist/index.js';

const INDEX = 'model.safetensors.index.json';

const [network, folder, file] = process.argv.slice(2);
const build = EMBEDDED_NETWORKS[network];
if (!build || !folder || !file) {
  console.error(`usage: build-embedded.mjs ${Object.keys(EMBEDDED_NETWORKS).join('|')} FOLDER FILE.onnx`);
  process.exit(2);
}
const { metadata, weight_map: shardOf } = JSON.parse(readFileSync(path.join(folder, INDEX), 'utf8'));
const shards = new Map();
for (const name of new Set(Object.values(shardOf)))
  shards.set(name, checkpointWeights(await openCheckpoint(memoryByteSource(readFileSync(path.join(folder, name)), name))));
const weights = {
  name: folder,
  shapeOf: (key) => shards.get(shardOf[key])?.shapeOf(key),
  stream: (key, dtype, signal) => shards.get(shardOf[key]).stream(key, dtype, signal),
};
const bytes = await encodeWholeGraph(build(weights, JSON.parse(metadata.config)));
writeFileSync(`${file}.part`, bytes);
renameSync(`${file}.part`, file);
