#!/usr/bin/env node
// Two .onnx files of one network in turn: `node packages/networks/bench/graphs.mjs OLD.onnx NEW.onnx [ROUNDS]`. Prints how far apart their answers are, the
// medians of their seconds on one thread, and their sizes.
import { statSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { createRng } from '../../core/dist/index.js';

const [first, second, rounds = '15'] = process.argv.slice(2);
if (!second) {
  console.error('usage: graphs.mjs OLD.onnx NEW.onnx [ROUNDS]');
  process.exit(2);
}
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const sessions = await Promise.all([first, second].map((file) => InferenceSession.create(file, { intraOpNumThreads: 1 })));
const rng = createRng(1);
const feeds = Object.fromEntries(
  sessions[0].inputMetadata.map(({ name, shape }) => {
    const dims = shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1));
    return [name, new Tensor('float32', rng.fillNormal(new Float32Array(dims.reduce((a, b) => a * b, 1))), dims)];
  }),
);
const times = [[], []];
const answers = [];
for (let round = 0; round <= Number(rounds); round++)
  for (const [i, session] of sessions.entries()) {
    const started = performance.now();
    const [answer] = Object.values(await session.run(feeds));
    // the first round warms up
    if (round > 0) times[i].push(performance.now() - started);
    answers[i] = answer.data;
  }
let difference = 0;
let norm = 0;
for (let i = 0; i < answers[0].length; i++) {
  difference += (answers[1][i] - answers[0][i]) ** 2;
  norm += answers[0][i] ** 2;
}
const [a, b] = times.map(median);
const [small, large] = [first, second].map((file) => (statSync(file).size / 1e6).toFixed(1));
console.log(
  `${a.toFixed(1)} / ${b.toFixed(1)} ms, ${small} / ${large} MB, relative difference ${Math.sqrt(difference / norm).toExponential(1)}`,
);
