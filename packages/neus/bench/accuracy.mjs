#!/usr/bin/env node
// Fits a scene and measures the result against its truth. Usage: node packages/neus/bench/accuracy.mjs --help
import os from 'node:os';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createCpuFitter } from '../dist/cpu/fit-cpu.js';
import { extractMesh, fieldOf, fitSurface, openField, RECONSTRUCT_PRESETS } from '../dist/index.js';
import { prepareProblem } from '../dist/prepare/prepare-problem.js';
import { cameraEyes } from '../dist/rays.js';
import { rigViews, SCENES } from '../dist/testing/scene.js';
import { createRng, loadEvaluationInput, occupancyIou, renderModel, rigCameras, spawnNodeWorker } from './host.mjs';
import { LIGHT, renderPainted } from './painted.mjs';
import { analyticTruth, distanceToMesh, footprint, meshTruth, shapeOf } from './truth.mjs';
import { warpView } from './warp.mjs';

/** The five analytic solids that this build has. */
export const ANALYTIC_NAMES = Object.keys(SCENES).filter((name) => name !== 'group');
/**
 * Three of assets/evaluation: a cushioned body, a thin hollow one, a box. Their materials are plain colours, so they come with a pattern
 * painted through their volume; the last one is as it is shipped.
 */
export const REAL_NAMES = ['armchair+pattern', 'bath+pattern', 'chest+pattern', 'armchair'];
/** A ball of 0.623 around the origin just fits into the rig's views. */
const REAL_RADIUS = 0.6;
/** The error that a fit must reach, in pixels. */
export const GOAL_PX = 0.6;

const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;

/** Context of a stage on `threads` threads without GPU. */
export function cpuContext(threads, seed = 1, emit = () => {}) {
  const spawnWorker = threads > 1 ? spawnNodeWorker : null;
  return { signal: new AbortController().signal, emit, rng: createRng(seed), gpu: null, spawnWorker, threads };
}

/**
 * Views of the rig and the truth of a scene by name: an analytic one, or the id of an object of assets/evaluation.
 * @returns {Promise<{ name: string, views: object[], truth: import('./truth.mjs').Truth, pixel: number, mesh?: object }>} pixel: a view's pixel at the object, world units
 */
export async function openScene(name, { size = 256, warp = 0, seed = 1 } = {}) {
  const rng = createRng(seed).fork(`warp/${name}`);
  let views;
  let truth;
  let mesh;
  if (SCENES[name]) {
    views = rigViews(SCENES[name], size);
    truth = analyticTruth(name, SCENES[name]);
  } else {
    const { objects } = await loadEvaluationInput();
    const [id, pattern] = name.split('+');
    const object = objects.find((one) => one.id === id);
    if (!object) throw new Error(`no scene "${name}"; there are ${[...Object.keys(SCENES), ...objects.map((one) => one.id)].join(', ')}`);
    mesh = inFrame(await object.load());
    const image = pattern ? (camera) => renderPainted(mesh, camera, SCENES.sphere.rgb) : (camera) => renderModel(mesh, camera, LIGHT);
    views = rigCameras(size).map((camera) => ({ camera, image: image(camera) }));
    truth = meshTruth(mesh, occupancyIou);
  }
  if (warp > 0) views = views.map((view, v) => warpView(view, warp, rng.fork(v)));
  return { name, views, truth, pixel: footprint(size), mesh };
}

/** The model so small that no view cuts it off: of longest side 1, as it is shipped, a deep one leaves the rig's frame at its corners. */
function inFrame(model) {
  let radius = 0;
  const { positions } = model;
  for (let i = 0; i < positions.length; i += 3) radius = Math.max(radius, Math.hypot(positions[i], positions[i + 1], positions[i + 2]));
  const scale = Math.min(1, REAL_RADIUS / radius);
  return { ...model, positions: positions.map((value) => value * scale) };
}

/** Mean |SDF| at the truth's points, in pixels. */
function fieldError(reader, truth, pixel) {
  const sdf = new Float32Array(truth.points.length / 3);
  reader.evaluate(truth.points, sdf);
  return mean(Array.from(sdf, Math.abs)) / pixel;
}

/** Error of a finished surface. Lengths in pixels. */
export async function measureSurface(surface, { truth, pixel }) {
  const distances = distanceToMesh(truth.points, surface.mesh);
  const sorted = distances.slice().sort();
  const { closed, components, genus } = shapeOf(surface.mesh);
  return {
    sdfPx: fieldError(await openField(surface.field), truth, pixel),
    meshPx: mean(distances) / pixel,
    meshP95Px: sorted[Math.floor(sorted.length * 0.95)] / pixel,
    iou: truth.iou(surface.mesh),
    closed,
    components,
    genus,
    topologyRight: truth.topology ? closed && genus === truth.topology[0] && components === truth.topology[1] : undefined,
  };
}

/**
 * One fit of a scene, timed and measured.
 * @param scene of `openScene`
 * @param options of `fitSurface`
 */
export async function fitAndMeasure(scene, options, { threads = 2, seed = 1, gpu = null } = {}) {
  const warnings = [];
  const context = { ...cpuContext(threads, seed, (event) => event.kind === 'warning' && warnings.push(event.code)), gpu };
  const started = performance.now();
  const cpu = process.cpuUsage();
  const surface = await fitSurface(scene.views, options, context);
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const cpuSeconds = (user + system) / 1e6;
  const { fitMs, meshMs, samples } = surface.stats;
  const figures = {
    seconds,
    cpuSeconds,
    fitSeconds: fitMs / 1000,
    meshSeconds: meshMs / 1000,
    samples,
    samplesPerSecond: samples / fitMs / 1000,
  };
  return { ...figures, ...(await measureSurface(surface, scene)), psnr: surface.stats.psnr, warnings, surface };
}

/** Wall and CPU seconds (all threads) between `start` and `stop`, added up. */
function stopwatch() {
  const total = { seconds: 0, cpuSeconds: 0 };
  let mark = 0;
  let cpu = process.cpuUsage();
  return {
    total,
    start: () => {
      mark = performance.now();
      cpu = process.cpuUsage();
    },
    stop: () => {
      const { user, system } = process.cpuUsage(cpu);
      total.seconds += (performance.now() - mark) / 1000;
      total.cpuSeconds += (user + system) / 1e6;
    },
  };
}

/**
 * The same fit step by step, without `fitSurface`'s events: its error is looked at after every 4 % of the steps while the clocks stand.
 * `secondsToGoal` and `cpuToGoal` are those (preparation and steps) at which it first falls below 0.6 px.
 * @param options a preset, single values of it, and `config`: values of FitConfig that replace what the preparation set
 */
export async function watchFit(scene, options, { threads = 2, seed = 1 } = {}) {
  const preset = { ...RECONSTRUCT_PRESETS[options.preset] };
  for (const key of Object.keys(preset)) if (options[key] !== undefined) preset[key] = options[key];
  const warnings = [];
  const context = cpuContext(threads, seed);
  const fitSeed = Math.floor(context.rng.fork('reconstruct').uniform() * 2 ** 32);
  const watch = stopwatch();
  watch.start();
  const problem = await prepareProblem(
    scene.views,
    undefined,
    preset,
    fitSeed,
    (event) => event.kind === 'warning' && warnings.push(event.code),
  );
  if (options.config) Object.assign(problem.config, options.config);
  const fitter = await createCpuFitter(problem, context);
  watch.stop();
  const prepared = watch.total.seconds;
  const { steps } = problem.config;
  const curve = [];
  let goal;
  let field;
  let samples = 0;
  try {
    for (let k = 1; k <= 25; k++) {
      watch.start();
      samples += (await fitter.run(Math.round((steps * k) / 25))).samples;
      watch.stop();
      field = fieldOf(problem.config, await fitter.parameters(), problem.bounds);
      const px = fieldError(await openField(field), scene.truth, scene.pixel);
      curve.push([watch.total.seconds, px]);
      if (px < GOAL_PX) goal ??= { secondsToGoal: watch.total.seconds, cpuToGoal: watch.total.cpuSeconds };
    }
  } finally {
    fitter.dispose();
  }
  const fitSeconds = watch.total.seconds - prepared;
  watch.start();
  // as fitSurface chooses it
  const resolution = Math.max(16, Math.min(preset.meshResolution, Math.round(1.25 / (problem.config.marchStep / 1.5))));
  const support = { edge: problem.config.occupancyEdge, cells: problem.support };
  const eyes = cameraEyes(problem.cameras, problem.bounds);
  const mesh = await extractMesh(await openField(field), { resolution, support, eyes, spawnWorker: context.spawnWorker, threads });
  watch.stop();
  const { seconds, cpuSeconds } = watch.total;
  const surface = { field, mesh };
  return {
    seconds,
    cpuSeconds,
    fitSeconds,
    meshSeconds: seconds - fitSeconds - prepared,
    samples,
    samplesPerSecond: samples / fitSeconds / 1e6,
    ...(await measureSurface(surface, scene)),
    warnings,
    ...goal,
    curve,
    surface,
  };
}

/** Heading of `figuresLine`. */
export const FIGURES_HEADING =
  'scene            seed   sdf px  mesh px   p95 px     IoU  genus comp closed   fit s  mesh s   CPU s  Msmp/s   psnr  to 0.6 px: s   CPU s';

/** One fit as a line of a table. */
export function figuresLine(r) {
  const digits = (value, count, width) => (value === undefined ? '-' : value.toFixed(count)).padStart(width);
  const plain = (value, width) => String(value ?? '-').padStart(width);
  return [
    r.scene.padEnd(16),
    plain(r.seed, 4),
    digits(r.sdfPx, 3, 8),
    digits(r.meshPx, 3, 8),
    digits(r.meshP95Px, 2, 8),
    digits(r.iou, 4, 7),
    plain(r.genus, 6),
    plain(r.components, 4),
    plain(r.closed, 6),
    digits(r.fitSeconds, 2, 7),
    digits(r.meshSeconds, 2, 7),
    digits(r.cpuSeconds, 2, 7),
    digits(r.samplesPerSecond, 2, 7),
    digits(r.psnr, 1, 6),
    digits(r.secondsToGoal, 2, 12),
    digits(r.cpuToGoal, 2, 7),
    ...(r.warnings ?? []),
  ].join(' ');
}

const HELP = `node packages/neus/bench/accuracy.mjs [scene ...] [options]
Scenes: ${Object.keys(SCENES).join(', ')}, ids of assets/evaluation; "analytic" and "real" stand for the benchmark's. Default: analytic.
  --preset draft|standard|fine   default standard
  --size N       pixels of the 16 views, default 256
  --warp PX      bend each view by a smooth random field of this RMS, default 0
  --threads N    default 2
  --seed N       of the fit; --seeds N runs seeds 1..N
  --set KEY=VALUE  an option of fitSurface (steps, rays, ...); repeat it
  --config KEY=VALUE  a value of FitConfig after preparation (maskWeight, sharpnessEnd, ...); repeat it
  --curve        seconds to ${GOAL_PX} px and the error over time too
  --json         one JSON line a fit`;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      preset: { type: 'string', default: 'standard' },
      size: { type: 'string', default: '256' },
      warp: { type: 'string', default: '0' },
      threads: { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string' },
      set: { type: 'string', multiple: true, default: [] },
      config: { type: 'string', multiple: true, default: [] },
      curve: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const groups = { analytic: ANALYTIC_NAMES, real: REAL_NAMES };
  const names = (positionals.length ? positionals : ['analytic']).flatMap((name) => groups[name] ?? [name]);
  const seeds = values.seeds ? Array.from({ length: Number(values.seeds) }, (_, i) => i + 1) : [Number(values.seed)];
  const pairs = (list) => Object.fromEntries(list.map((text) => [text.split('=')[0], Number(text.split('=')[1])]));
  const options = { preset: values.preset, ...pairs(values.set) };
  const config = pairs(values.config);
  const run = { threads: Number(values.threads) };
  console.error(
    `${os.cpus()[0].model}, load ${os.loadavg()[0].toFixed(1)}; ${JSON.stringify({ ...options, ...config, ...run, size: values.size, warp: values.warp })}`,
  );
  if (!values.json) console.log(FIGURES_HEADING);
  for (const name of names) {
    const scene = await openScene(name, { size: Number(values.size), warp: Number(values.warp) });
    for (const seed of seeds) {
      const extra = { ...run, seed };
      // events and previews are fitSurface's; a look at the curve or a changed FitConfig is not to be had through it
      const watched = values.curve || values.config.length > 0;
      const { surface, curve, ...figures } = watched
        ? await watchFit(scene, { ...options, config }, extra)
        : await fitAndMeasure(scene, options, extra);
      const record = { scene: name, seed, ...figures };
      console.log(values.json ? JSON.stringify({ ...record, curve }) : figuresLine(record));
      if (values.curve && !values.json) console.log(curve.map(([s, px]) => `    ${s.toFixed(2)} s ${px.toFixed(3)} px`).join('\n'));
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
