import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import asc from 'assemblyscript/asc';
import { encodeGraph, GraphBuilder } from './host.mjs';
import { interleave } from './median.mjs';

const BATCH = 4096;
/** Widths in and out: the references' layer, and the fit's own. */
const LAYERS = [
  [64, 64],
  [32, 32],
];
/** Least time of one measurement. */
const MEASURE_MS = 120;

const ENTRY = `import { dense4 } from './dense';
export function layer(x: usize, w: usize, bias: usize, y: usize, rows: i32, ins: i32, outs: i32): void {
  for (let r = 0; r < rows; r += 4)
    dense4(x + <usize>(r * ins) * 4, <usize>ins * 4, w, ins, outs, bias, y + <usize>(r * outs) * 4, <usize>outs * 4, true);
}
`;

/** The fit's dense layer (assembly/dense.ts) as a module of its own, with the flags of scripts/build-wasm.mjs. */
async function compileLayer() {
  let binary;
  const root = new URL('../', import.meta.url);
  const { error, stderr } = await asc.main(
    [
      'assembly/layer.ts',
      '--outFile',
      'layer.wasm',
      '-O3',
      '--converge',
      '--noAssert',
      '--runtime',
      'stub',
      '--enable',
      'simd',
      '--initialMemory',
      '256',
    ],
    {
      readFile: (file) => (file === 'assembly/layer.ts' ? ENTRY : readFile(new URL(file, root), 'utf8').catch(() => null)),
      writeFile: (_file, contents) => {
        binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  const { instance } = await WebAssembly.instantiate(binary, { env: { abort: () => {} } });
  return instance.exports;
}

/** Numbers in [-1, 1) that are the same for all. */
const filled = (count, scale) => Float32Array.from({ length: count }, (_, i) => (((i * 7919) % 1009) / 504.5 - 1) * scale);

async function ourLayer(ins, outs, data) {
  const { memory, layer } = await compileLayer();
  const at = [1 << 16];
  for (const array of [data.x, data.w, data.bias]) {
    new Float32Array(memory.buffer, at.at(-1), array.length).set(array);
    at.push(Math.ceil((at.at(-1) + array.byteLength) / 64) * 64);
  }
  const [x, w, bias, y] = at;
  return { run: () => layer(x, w, bias, y, BATCH, ins, outs), result: () => new Float32Array(memory.buffer, y, BATCH * outs) };
}

async function onnxLayer(folder, ins, outs, data) {
  const ort = await import(pathToFileURL(join(folder, 'node_modules/onnxruntime-web/dist/ort.node.min.mjs')).href);
  ort.env.wasm.numThreads = 1;
  const graph = new GraphBuilder('layer', { name: 'none', shapeOf: () => undefined });
  const x = graph.exactInput('x', 'float32', [BATCH, ins]);
  const product = graph.node('Gemm', [x, graph.floats(data.w, [ins, outs]), graph.floats(data.bias, [outs])], [BATCH, outs]);
  // the builder's own naming of outputs would add a copy
  const y = graph.node('Relu', [product], [BATCH, outs]);
  graph.outputs.push(y);
  const session = await ort.InferenceSession.create(encodeGraph(graph, 'layer').model, { executionProviders: ['wasm'] });
  const feeds = { x: new ort.Tensor('float32', data.x, [BATCH, ins]) };
  let last;
  return {
    run: async () => {
      last = await session.run(feeds);
    },
    result: () => last[y.name].data,
  };
}

async function tensorflowLayer(folder, ins, outs, data) {
  const load = createRequire(join(resolve(folder), 'package.json'));
  const tf = load('@tensorflow/tfjs-core');
  const { setWasmPaths } = load('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(join(resolve(folder), 'node_modules/@tensorflow/tfjs-backend-wasm/dist') + sep);
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  await tf.setBackend('wasm');
  const a = tf.tensor2d(data.x, [BATCH, ins]);
  const b = tf.tensor2d(data.w, [ins, outs]);
  const bias = tf.tensor1d(data.bias);
  const multiply = () => tf.fused.matMul({ a, b, bias, activation: 'relu' });
  return { run: () => multiply().dispose(), result: () => multiply().dataSync() };
}

/** A dense layer with bias and ReLU, GFLOP/s on one thread, beside the engines that are found in `peers` (a folder with node_modules). @returns rows */
export async function benchDenseLayer({ peers, rounds }) {
  const rows = [];
  for (const [ins, outs] of LAYERS) {
    const data = { x: filled(BATCH * ins, 1), w: filled(ins * outs, 0.2), bias: filled(outs, 0.1) };
    const engines = { ours: await ourLayer(ins, outs, data) };
    const missing = [];
    for (const [name, open] of [
      ['onnxruntime-web', onnxLayer],
      ['@tensorflow/tfjs-backend-wasm', tensorflowLayer],
    ])
      try {
        if (!peers) throw new Error('no folder');
        engines[name] = await open(peers, ins, outs, data);
      } catch (error) {
        missing.push([name, error.message.split('\n')[0]]);
      }
    // whoever is wrong must not be timed
    await engines.ours.run();
    const expected = engines.ours.result().slice();
    const tasks = {};
    for (const [name, { run, result }] of Object.entries(engines)) {
      await run();
      const got = result();
      if (!expected.every((value, i) => Math.abs(value - got[i]) < 1e-3)) throw new Error(`${name}: the layer's result differs`);
      tasks[name] = async () => {
        let count = 0;
        const started = performance.now();
        for (; performance.now() - started < MEASURE_MS; count += 8) for (let k = 0; k < 8; k++) await run();
        return (count * 2 * BATCH * ins * outs) / (performance.now() - started) / 1e6;
      };
    }
    const figures = await interleave(tasks, rounds);
    const title = `layer ${ins} x ${outs}, batch ${BATCH}, 1 thread`;
    rows.push({ name: title, value: figures.ours, unit: 'GFLOP/s' });
    for (const name of Object.keys(engines).slice(1))
      rows.push({
        name: `  ${name}`,
        value: figures[name],
        unit: 'GFLOP/s',
        ratio: figures.ours / figures[name],
        target: 'ratio >= 1, goal 1.4',
      });
    for (const [name, reason] of missing)
      rows.push({ name: `  ${name}`, note: `not there (${reason}): npm install it in a folder and name that with --peers` });
  }
  return rows;
}
