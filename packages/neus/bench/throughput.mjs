import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { scheduleAt } from '../dist/config.js';
import { createCpuFitter } from '../dist/cpu/fit-cpu.js';
import { RECONSTRUCT_PRESETS } from '../dist/index.js';
import { prepareProblem } from '../dist/prepare/prepare-problem.js';
import { cpuContext, openScene } from './accuracy.mjs';
import { interleave, median } from './median.mjs';

/** Steps before the measurement: the surface is found then, all levels are on. */
const WARM_SHARE = 0.6;
const OUR_STEPS = 24;
const PEER_STEPS = 3;

/** A running peer_torch.py. */
function startTorch(python, args) {
  const process = spawn(python, [fileURLToPath(new URL('peer_torch.py', import.meta.url)), ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python}: the PyTorch peer ended`);
    return JSON.parse(value);
  };
  return {
    opened: answer(),
    run: (threads, steps) => {
      process.stdin.write(`${JSON.stringify({ threads, steps })}\n`);
      return answer();
    },
    end: () => process.stdin.end(),
  };
}

/**
 * Training throughput in M samples/s in the second half of a standard fit, beside a PyTorch graph with as many rays, samples and coloured samples a step.
 * @returns rows
 */
export async function benchThroughput({ python, rounds }) {
  const { views } = await openScene('torus');
  const first = await prepareProblem(views, undefined, RECONSTRUCT_PRESETS.standard, 1, () => {});
  const { config } = first;
  const warm = Math.round(config.steps * WARM_SHARE);
  const fitter = await createCpuFitter(first, cpuContext(2));
  await fitter.run(warm);
  const parameters = await fitter.parameters();
  fitter.dispose();
  // goes on from there with the schedule standing still
  const { sharpness, learningRate } = scheduleAt(config, warm);
  const still = {
    startLevels: config.resolutions.length,
    sharpnessStart: sharpness,
    sharpnessEnd: sharpness,
    lrStart: learningRate,
    lrEnd: learningRate,
  };
  const open = async (threads) => {
    const own = await createCpuFitter({ ...first, parameters: parameters.slice(), config: { ...config, ...still } }, cpuContext(threads));
    let at = 32;
    const report = await own.run(at);
    const run = async () => {
      const started = performance.now();
      const cpu = process.cpuUsage();
      const { samples: done } = await own.run((at += OUR_STEPS));
      const seconds = (performance.now() - started) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      return { samples: done, seconds, cpu: (user + system) / 1e6 };
    };
    return { report, run, dispose: () => own.dispose() };
  };
  const ours = { 1: await open(1), 2: await open(2) };
  const { samples, coloredSamples, rays } = ours[1].report;
  const shape = { samples: Math.round(samples / rays), colored: Math.max(1, Math.round(coloredSamples / rays)) };
  const args = [
    '--rays',
    config.rays,
    '--samples',
    shape.samples,
    '--colored',
    shape.colored,
    '--resolutions',
    config.resolutions.join(),
  ].map(String);
  const peers = [];
  const start = async (path, kind, extra, threads, steps) => {
    const peer = startTorch(path, [...args, ...extra]);
    peers.push({ name: `PyTorch ${(await peer.opened).torch}${kind}`, peer, threads, steps });
  };
  for (const path of python) {
    if (spawnSync(path, ['-c', 'import torch']).status !== 0) continue;
    await start(path, '', [], [1, 2], PEER_STEPS);
    // as such a model is usually written: slow enough to be measured in one of them, on one thread
    if (peers.length === 1) await start(path, ', usual embedding', ['--plain'], [1], 1);
  }
  // per CPU second too: on a machine with other work that is the steadier ratio
  const rates = { wall: {}, cpu: {} };
  const measure = (name, run) => async () => {
    const { samples: done, seconds, cpu } = await run();
    (rates.wall[name] ??= []).push(done / seconds / 1e6);
    (rates.cpu[name] ??= []).push(done / cpu / 1e6);
    return 0;
  };
  const tasks = {};
  for (const threads of [1, 2]) {
    tasks[`ours ${threads}`] = measure(`ours ${threads}`, ours[threads].run);
    for (const { name, peer, threads: run, steps } of peers)
      if (run.includes(threads)) tasks[`${name} ${threads}`] = measure(`${name} ${threads}`, () => peer.run(threads, steps));
  }
  await interleave(tasks, rounds);
  for (const { peer } of peers) peer.end();
  for (const threads of [1, 2]) ours[threads].dispose();
  const [wall, cpu] = ['wall', 'cpu'].map((kind) => (name) => median(rates[kind][name]));
  const target = 'ratio >= 5, goal 10';
  const rows = [];
  const add = (label, our, rate, unit) => {
    rows.push({ name: label, value: rate(our), unit });
    for (const { name } of peers) {
      // more threads slow this peer down on a busy machine: its best counts
      const second = our === 'ours 2' && `${name} 2` in rates.wall ? rate(`${name} 2`) : 0;
      const value = Math.max(rate(`${name} 1`), second);
      rows.push({ name: `  ${name}`, value, unit, ratio: rate(our) / value, target });
    }
  };
  add('training, 1 thread', 'ours 1', wall, 'M samples/s');
  add('training, 1 thread, CPU time', 'ours 1', cpu, 'M samples/CPU s');
  add('training, 2 threads (peers: the better of 1 and 2)', 'ours 2', wall, 'M samples/s');
  rows.push({ name: 'samples a ray, of these with a colour', value: shape.samples, unit: `and ${shape.colored}` });
  if (peers.length === 0)
    rows.push({ name: '  PyTorch', note: 'not installed: apt install python3-torch, or --python PATH of an interpreter that has it' });
  return rows;
}
