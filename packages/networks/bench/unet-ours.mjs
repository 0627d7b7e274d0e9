/**
 * Our side of unet.mjs: a graph of an imported bundle, through the backend that the stages use. Reads lines of steps to run, answers with seconds.
 *
 *     node unet-ours.mjs BUNDLE ROLE THREADS FOLDER
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Tensor } from 'onnxruntime-node';
import { createOrtBackend } from '../../../apps/host/dist/ort-backend.js';

const [bundle, role, threads, folder] = process.argv.slice(2);
const feeds = {};
for (const { name, shape } of JSON.parse(readFileSync(join(folder, 'inputs.json'), 'utf8')))
  feeds[name] = new Tensor('float32', new Float32Array(new Uint8Array(readFileSync(join(folder, `${name}.bin`))).buffer), shape);

const start = performance.now();
const backend = await createOrtBackend({ device: 'cpu', threads: Number(threads) });
const session = await backend.openFile(join(bundle, `${role}.onnx`));
console.log(JSON.stringify({ ready: (performance.now() - start) / 1000 }));
for await (const _ of createInterface({ input: process.stdin })) {
  const from = performance.now();
  const used = process.cpuUsage();
  const [output] = Object.values(await session.run(feeds));
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(used);
  console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6 }));
  writeFileSync(join(folder, 'ours.bin'), new Uint8Array(output.data.buffer, output.data.byteOffset, output.data.byteLength));
}
