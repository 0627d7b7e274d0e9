#!/usr/bin/env node
// The benchmark of the reconstruct stage: `npm run bench -- neus`. What the rows mean: docs/benchmarks.md.
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { extractMesh, openField, RECONSTRUCT_PRESETS } from '../dist/index.js';
import { prepareProblem } from '../dist/prepare/prepare-problem.js';
import {
  ANALYTIC_NAMES,
  cpuContext,
  FIGURES_HEADING,
  figuresLine,
  fitAndMeasure,
  GOAL_PX,
  openScene,
  REAL_NAMES,
  watchFit,
} from './accuracy.mjs';
import { benchDenseLayer } from './dense-layer.mjs';
import { benchVariants } from './gpu-variants.mjs';
import { openGpuDevice, useSoftwareVulkan } from './host.mjs';
import { benchMarching } from './marching.mjs';
import { median } from './median.mjs';
import { benchScatter } from './scatter.mjs';
import { writeSheet } from './sheet.mjs';
import { benchThroughput } from './throughput.mjs';

const RESULTS = fileURLToPath(new URL('../../../docs/benchmarks.jsonl', import.meta.url));
const ROWS = ['fit', 'warped', 'real', 'throughput', 'gpu', 'layer', 'marching', 'memory'];

const HELP = `npm run bench -- neus [options]
  --quick        fewer scenes, one thread count, fewer rounds
  --rows NAMES   of ${ROWS.join(', ')}; default: all
  --python PATH  interpreter with torch, scikit-image, vtk as peers; repeat it; default: python3
  --peers DIR    folder whose node_modules has onnxruntime-web, @tensorflow/tfjs-core, @tensorflow/tfjs-backend-wasm, surface-nets
  --gpu auto|software   software: also on a software driver, to see that the code runs
  --sheet FILE   only writes a PNG of five reconstructions beside their truth
  --no-record    does not append to docs/benchmarks.jsonl`;

/** Fits, one row each, said as they come; then what was summed up about them. */
function fitTable(row, say) {
  const fits = [];
  const sums = [];
  say(FIGURES_HEADING);
  return {
    put({ surface, curve, ...figures }, about) {
      const record = { row, seed: 1, ...about, ...figures };
      fits.push(record);
      say(`${figuresLine(record)}   ${record.preset}, ${record.threads} thread${record.threads > 1 ? 's' : ''}`);
      return record;
    },
    sum: (name, value, unit, target, met) => sums.push({ row, name, value, unit, target, met }),
    rows: () => [...fits, ...sums],
  };
}

/** Errors, shapes and seconds on the analytic scenes. */
async function fitRows({ quick, say }) {
  const { put, sum, rows } = fitTable('fit', say);
  const names = quick ? ['torus', 'plate'] : ANALYTIC_NAMES;
  const scenes = [];
  for (const name of names) scenes.push(await openScene(name));
  const of = `median of ${names.length} scenes`;
  for (const [preset, limit] of quick ? [['draft', 10]] : Object.entries({ draft: 10, standard: 40 })) {
    const records = [];
    for (const scene of scenes) records.push(put(await watchFit(scene, { preset }), { scene: scene.name, preset, threads: 2 }));
    const all = (key) => records.flatMap((record) => record[key] ?? []);
    const seconds = median(all('seconds'));
    sum(`${preset}: seconds, ${of}, 2 threads`, seconds, 's', `<= ${limit}${preset === 'standard' ? ', goal 20' : ''}`, seconds <= limit);
    sum(`${preset}: CPU seconds of both threads, ${of}`, median(all('cpuSeconds')), 's');
    const reached = `median of the ${all('cpuToGoal').length} of ${names.length} scenes that reach it`;
    if (all('cpuToGoal').length > 0) {
      sum(
        `${preset}: seconds to ${GOAL_PX} px, ${reached}`,
        median(all('secondsToGoal')),
        's',
        preset === 'standard' ? '<= 40, goal 20' : undefined,
      );
      sum(`${preset}: CPU seconds to ${GOAL_PX} px`, median(all('cpuToGoal')), 's');
    }
    // the bounds are those of the standard preset
    const bound = (target, met) => (preset === 'standard' ? [target, met] : []);
    const worst = Math.max(...all('meshPx'));
    sum(`${preset}: mesh error, ${of}`, median(all('meshPx')), 'px');
    sum(`${preset}: mesh error, worst`, worst, 'px', ...bound(`<= ${GOAL_PX}`, worst <= GOAL_PX));
    const iou = Math.min(...all('iou'));
    sum(`${preset}: IoU, worst`, iou, '', ...bound('>= 0.95', iou >= 0.95));
    const right = records.filter((record) => record.topologyRight).length;
    sum(`${preset}: right genus, closed, one component`, right, `of ${names.length} scenes`, ...bound('all', right === names.length));
    const alone = put(await watchFit(scenes[0], { preset }, { threads: 1 }), { scene: names[0], preset, threads: 1 });
    sum(`${preset}: seconds, ${names[0]}, 1 thread`, alone.seconds, 's');
  }
  return rows();
}

/** Standard fits to views that do not agree. */
async function warpedRows({ quick, say }) {
  const { put, sum, rows } = fitTable('warped', say);
  const errors = [];
  for (const name of quick ? ['torus'] : ANALYTIC_NAMES) {
    const scene = await openScene(name, { warp: 1 });
    const about = { scene: name, preset: 'standard', threads: 2, warp: 1 };
    errors.push(put(await fitAndMeasure(scene, { preset: 'standard' }), about).meshPx);
  }
  sum('standard, each view warped by 1 px: mesh error, median', median(errors), 'px');
  sum('standard, each view warped by 1 px: mesh error, worst', Math.max(...errors), 'px', '<= 1.2', Math.max(...errors) <= 1.2);
  return rows();
}

/** Standard fits to pictures of furniture. */
async function realRows({ quick, say }) {
  const { put, sum, rows } = fitTable('real', say);
  const errors = [];
  for (const name of quick ? REAL_NAMES.slice(0, 1) : REAL_NAMES) {
    const record = put(await fitAndMeasure(await openScene(name), { preset: 'standard' }), { scene: name, preset: 'standard', threads: 2 });
    if (name.includes('+')) errors.push(record.meshPx);
  }
  sum('standard, patterned furniture: mesh error, median', median(errors), 'px');
  sum('standard, patterned furniture: mesh error, worst', Math.max(...errors), 'px', `<= ${GOAL_PX}`, Math.max(...errors) <= GOAL_PX);
  return rows();
}

/** The fit on a real GPU, and scatter-adds. */
async function gpuRows({ gpu, rounds, say }) {
  if (gpu === 'software') await useSoftwareVulkan();
  let why = 'no adapter';
  const opened = await openGpuDevice(gpu === 'software' ? 'webgpu' : 'auto', (reason) => {
    why = reason;
  });
  if (!opened) return [{ row: 'gpu', name: 'GPU', note: `none: ${why}` }];
  try {
    const label = `${opened.label}${opened.software ? ' (software: only shows that the code runs)' : ''}`;
    const rows = [{ row: 'gpu', name: 'adapter', note: label }];
    for (const row of await benchScatter(opened.device, { rounds, groups: opened.software ? 128 : 32768 }))
      rows.push({ row: 'gpu', ...row });
    const scene = await openScene('torus', opened.software ? { size: 32 } : {});
    const options = opened.software ? { preset: 'draft', steps: 4, rays: 64, meshResolution: 24 } : { preset: 'standard' };
    const records = [];
    // the first run compiles the pipelines
    for (let run = 0; run <= (opened.software ? 0 : rounds); run++) {
      const { surface, ...figures } = await fitAndMeasure(scene, options, { threads: 2, gpu: opened.device });
      records.push(figures);
    }
    const warm = opened.software ? records : records.slice(1);
    const first = warm[0];
    say(`${FIGURES_HEADING}\n${figuresLine({ scene: scene.name, seed: 1, ...first })}`);
    const target = opened.software ? undefined : '<= 2 on a data-centre GPU, 5 on a laptop';
    rows.push({
      row: 'gpu',
      name: `fit of the torus, ${options.preset}`,
      value: median(warm.map(({ seconds }) => seconds)),
      unit: 's',
      target,
    });
    rows.push({ row: 'gpu', name: 'training', value: median(warm.map(({ samplesPerSecond }) => samplesPerSecond)), unit: 'M samples/s' });
    rows.push({ row: 'gpu', name: 'mesh error', value: first.meshPx, unit: 'px' });
    const sizes = opened.software ? { rounds: 1, steps: 1, options } : { rounds, steps: 100 };
    for (const row of await benchVariants(opened.device, { views: scene.views, ...sizes })) rows.push({ row: 'gpu', ...row });
    return rows;
  } finally {
    opened.close();
  }
}

/** The marcher alone, and a fitted field at 512^3. */
async function marchingRows({ quick, rounds, python, peers }) {
  const rows = [];
  const has = (module) => (path) => spawnSync(path, ['-c', `import ${module}`]).status === 0;
  const interpreter = python.find(has('vtk')) ?? python.find(has('skimage')) ?? python[0];
  const marched = await benchMarching({ size: 256, runs: rounds, python: interpreter, ...(peers && { peers }) });
  const ours = (threads) => marched.find((row) => row.name === 'gestalt3d' && row.threads === threads).mvoxelsPerSecond;
  const targets = { 'VTK flying edges': 'ratio >= 0.9', 'scikit-image': 'ratio >= 4', gestalt3d: 'goal 1000 a thread' };
  for (const { name, threads, mvoxelsPerSecond: value } of marched) {
    const title = `marching cubes of 256^3, ${name}, ${threads} thread${threads > 1 ? 's' : ''}`;
    if (value === null) rows.push({ row: 'marching', name: title, note: 'not installed: see docs/benchmarks.md' });
    else {
      const ratio = name === 'gestalt3d' ? undefined : ours(threads) / value;
      rows.push({ row: 'marching', name: title, value, unit: 'Mvoxel/s', ratio, target: targets[name] });
    }
  }
  const scene = await openScene('torus');
  const { surface } = await fitAndMeasure(scene, { preset: 'standard', ...(quick && { steps: 200 }) });
  const { config, support } = await prepareProblem(scene.views, undefined, RECONSTRUCT_PRESETS.standard, 1, () => {});
  const reader = await openField(surface.field);
  for (const threads of [1, 2]) {
    const { spawnWorker } = cpuContext(threads);
    const seconds = [];
    let triangles = 0;
    for (let run = 0; run < rounds; run++) {
      const started = performance.now();
      const mesh = await extractMesh(reader, {
        resolution: 512,
        support: { edge: config.occupancyEdge, cells: support },
        spawnWorker,
        threads,
      });
      seconds.push((performance.now() - started) / 1000);
      triangles = mesh.indices.length / 3;
    }
    const target = threads === 2 ? '< 1' : undefined;
    const name = `fitted torus to a 512^3 mesh with normals and colours, ${threads} thread${threads > 1 ? 's' : ''} (${triangles} triangles)`;
    rows.push({ row: 'marching', name, value: median(seconds), unit: 's', target, met: target && median(seconds) < 1 });
  }
  return rows;
}

function memoryRows() {
  const program = fileURLToPath(new URL('memory.mjs', import.meta.url));
  const { before, peak, gpu } = JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' }));
  return [
    {
      row: 'memory',
      name: 'peak of a process with a standard fit, 2 threads',
      value: peak,
      unit: 'MB',
      target: '<= 600',
      met: peak <= 600,
    },
    { row: 'memory', name: '  before the fit (Node, modules, the views)', value: before, unit: 'MB' },
    { row: 'memory', name: 'buffers of the GPU fit (counted, not measured)', value: gpu, unit: 'MB', target: '<= 300', met: gpu <= 300 },
  ];
}

const BENCHES = {
  fit: fitRows,
  warped: warpedRows,
  real: realRows,
  throughput: async (options) => (await benchThroughput(options)).map((row) => ({ row: 'throughput', ...row })),
  gpu: gpuRows,
  layer: async (options) => (await benchDenseLayer(options)).map((row) => ({ row: 'layer', ...row })),
  marching: marchingRows,
  memory: async () => memoryRows(),
};

/** A row of the table. */
function lineOf({ row, name, value, unit, ratio, target, met, note }) {
  const digits = value === undefined ? '' : Number.isInteger(value) ? String(value) : value.toPrecision(3);
  const verdict = met === undefined ? '' : met ? 'met' : 'NOT MET';
  return `${row.padEnd(11)}${name.padEnd(78)} ${digits.padStart(7)} ${(unit ?? '').padEnd(18)}${ratio === undefined ? '' : `ours/peer ${ratio.toFixed(2)}`.padEnd(16)}${target ?? ''} ${verdict}${note ?? ''}`.trimEnd();
}

function machine() {
  const git = (...args) => {
    try {
      return execFileSync('git', args, {
        encoding: 'utf8',
        cwd: fileURLToPath(new URL('.', import.meta.url)),
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    } catch {
      return undefined;
    }
  };
  const revision = git('rev-parse', '--short', 'HEAD');
  const changed = git('status', '--porcelain', '--', 'packages', 'apps');
  return {
    date: new Date().toISOString(),
    revision: revision && (changed ? `${revision}+changes` : revision),
    machine: {
      cpu: os.cpus()[0].model.trim(),
      cores: os.cpus().length,
      memoryGB: Math.round(os.totalmem() / 1e9),
      node: process.version,
      os: `${os.type()} ${os.arch()}`,
    },
  };
}

async function main() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rows: { type: 'string', default: ROWS.join() },
      python: { type: 'string', multiple: true, default: ['python3'] },
      peers: { type: 'string' },
      gpu: { type: 'string', default: 'auto' },
      sheet: { type: 'string' },
      'no-record': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const say = (text) => process.stderr.write(`${text}\n`);
  if (values.help) return say(HELP);
  if (values.sheet) {
    say(FIGURES_HEADING);
    for (const { surface, ...figures } of await writeSheet(values.sheet)) say(figuresLine({ scene: figures.name, seed: 1, ...figures }));
    return say(`written: ${values.sheet}`);
  }
  const names = values.rows.split(',');
  const unknown = names.find((name) => !BENCHES[name]);
  if (unknown !== undefined) {
    say(`--rows: expected names of ${ROWS.join(', ')}, got "${unknown}"`);
    process.exitCode = 2;
    return;
  }
  const about = machine();
  const { cpu, cores, node } = about.machine;
  say(`${cpu}, ${cores} threads, Node ${node}, revision ${about.revision ?? 'unknown'}`);
  const options = { quick: values.quick, rounds: values.quick ? 3 : 5, python: values.python, peers: values.peers, gpu: values.gpu, say };
  const rounded = (_key, value) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value);
  // a line a group, so that a run that is cut short has left what it had
  for (const name of names) {
    const loadBefore = os.loadavg();
    say(`\n${name}: load ${loadBefore[0].toFixed(1)}`);
    const rows = await BENCHES[name](options);
    for (const row of rows) if (row.name) say(lineOf(row));
    const record = JSON.stringify({ ...about, loadBefore, loadAfter: os.loadavg(), quick: values.quick, rows }, rounded);
    if (!values['no-record']) await appendFile(RESULTS, `${record}\n`);
    process.stdout.write(`${record}\n`);
  }
}

await main();
