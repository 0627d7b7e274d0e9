#!/usr/bin/env node
// Marching cubes of one volume, beside the peers that happen to be installed. Usage: node packages/neus/bench/marching.mjs --help
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createThreadedMarcher, extractMesh, fitSurface, marchingCubes, openField } from '../dist/index.js';
import { rigViews, SCENES } from '../dist/testing/scene.js';
import { createRng, spawnNodeWorker } from './host.mjs';

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** A torus with ripples: a quarter of a million triangles at 256^3. Shared, so that threads read it in place. */
export function torusVolume(size) {
  const data = new Float32Array(new SharedArrayBuffer(size ** 3 * 4));
  const at = (i) => (2 * i) / (size - 1) - 1;
  for (let z = 0, i = 0; z < size; z++)
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++, i++) {
        const ripple = 0.02 * Math.sin(14 * at(x)) * Math.cos(12 * at(y)) * Math.sin(13 * at(z));
        data[i] = Math.hypot(Math.hypot(at(x), at(z)) - 0.55, at(y)) - 0.24 + ripple;
      }
  return data;
}

/**
 * Mvoxel/s of ours on one thread and two, VTK's flying edges on one and two, scikit-image, and npm surface-nets. Runs are interleaved; the median counts.
 * @param {object} options size: samples along an edge; runs; python: interpreter that may have vtk and scikit-image; peers: folder from which surface-nets resolves
 * @returns {Promise<{ name: string, threads: number, mvoxelsPerSecond: number | null, bestMvoxelsPerSecond: number | null, triangles: number | null, note?: string }[]>} of the median and of the shortest run; null: not installed
 */
export async function benchMarching({ size = 256, runs = 7, python = process.env.PYTHON ?? 'python3', peers = process.cwd() } = {}) {
  const data = torusVolume(size);
  const grid = { size: [size, size, size], data };
  // on one thread nobody shares: plain memory, which is read faster
  const plain = { ...grid, data: new Float32Array(data) };
  const two = createThreadedMarcher({ spawnWorker: spawnNodeWorker, threads: 2 });
  const folder = await mkdtemp(join(tmpdir(), 'gestalt-march-'));
  let others;
  try {
    const file = join(folder, 'volume.f32');
    await writeFile(file, new Uint8Array(data.buffer));
    others = await openPeers(python, file, size);
    const nets = surfaceNets(peers, data, size);
    const timed = async (work) => {
      const start = performance.now();
      const surface = await work();
      return { milliseconds: performance.now() - start, triangles: surface.indices.length / 3 };
    };
    const versions = others.versions;
    const contestants = [
      { name: 'gestalt3d', threads: 1, run: () => timed(() => marchingCubes(plain, 0)) },
      { name: 'gestalt3d', threads: 2, run: () => timed(() => two.march(grid, 0)) },
      { name: 'VTK flying edges', threads: 1, run: versions.vtk && (() => others.ask('vtk 1')), note: versions.vtk },
      { name: 'VTK flying edges', threads: 2, run: versions.vtk && (() => others.ask('vtk 2')), note: versions.vtk },
      { name: 'scikit-image', threads: 1, run: versions.skimage && (() => others.ask('skimage')), note: versions.skimage },
      // a hundred times slower than the others: every third run is enough
      { name: 'surface-nets', threads: 1, run: nets, every: 3 },
    ].map((contestant) => ({ every: 1, times: [], triangles: null, ...contestant }));
    // the first round warms up
    for (let round = 0; round <= runs; round++)
      for (const contestant of contestants) {
        if (!contestant.run || (round > 0 && (round - 1) % contestant.every !== 0)) continue;
        const result = await contestant.run();
        if (!result) continue;
        contestant.triangles = result.triangles;
        if (round > 0) contestant.times.push(result.milliseconds);
      }
    return contestants.map(({ name, threads, times, triangles, note }) => ({
      name,
      threads,
      mvoxelsPerSecond: times.length > 0 ? size ** 3 / median(times) / 1e3 : null,
      bestMvoxelsPerSecond: times.length > 0 ? size ** 3 / Math.min(...times) / 1e3 : null,
      triangles,
      ...(note ? { note } : {}),
    }));
  } finally {
    two.dispose();
    others?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A fitted field to a mesh: seconds of wall time until the last slab is marched, then for joining, normals and colours; and of CPU time of all threads.
 * Workers start within the time. @param {object} options resolution: samples along the cube's edge; threads; runs: the median counts; field: fitted here if absent
 */
export async function benchFieldMesh({ resolution = 512, threads = [1, 2], runs = 5, field } = {}) {
  const reader = await openField(field ?? (await quickField()));
  const rows = [];
  for (const count of threads) {
    const results = [];
    let triangles = 0;
    // the first run warms up
    for (let run = 0; run <= runs; run++) {
      const cpu = process.cpuUsage();
      const start = performance.now();
      let marched = start;
      const onProgress = (done, total, doing) => {
        if (doing === 'march' && done === total) marched = performance.now();
      };
      const mesh = await extractMesh(reader, { resolution, threads: count, spawnWorker: spawnNodeWorker, onProgress });
      const end = performance.now();
      const { user, system } = process.cpuUsage(cpu);
      if (run > 0)
        results.push({
          march: (marched - start) / 1e3,
          rest: (end - marched) / 1e3,
          total: (end - start) / 1e3,
          cpu: (user + system) / 1e6,
        });
      triangles = mesh.indices.length / 3;
    }
    rows.push({ threads: count, triangles, results });
  }
  return rows.map(({ threads, triangles, results }) => {
    const pick = (key) => median(results.map((result) => result[key]));
    const best = Math.min(...results.map(({ total }) => total));
    return {
      name: `field to ${resolution}^3 mesh`,
      threads,
      triangles,
      march: pick('march'),
      rest: pick('rest'),
      total: pick('total'),
      best,
      cpu: pick('cpu'),
    };
  });
}

/** A torus in 16 views, fitted as the draft preset does. */
async function quickField() {
  const context = {
    signal: new AbortController().signal,
    emit() {},
    rng: createRng(1),
    gpu: null,
    spawnWorker: spawnNodeWorker,
    threads: 2,
  };
  return (await fitSurface(rigViews(SCENES.torus, 128, 1), { preset: 'draft', meshResolution: 64 }, context)).field;
}

/** The Python peers in one process, asked line by line. Without the interpreter or its packages there are none. */
async function openPeers(python, file, size) {
  const script = fileURLToPath(new URL('./marching-peers.py', import.meta.url));
  const child = spawn(python, [script, file, String(size), '0'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const failed = once(child, 'error').then(() => ({ done: true }));
  const next = async () => {
    const { value, done } = await Promise.race([lines.next(), failed]);
    return done ? undefined : JSON.parse(value);
  };
  const versions = (await next()) ?? {};
  return {
    versions,
    ask(command) {
      child.stdin.write(`${command}\n`);
      return next();
    },
    close: () => child.stdin.end(),
  };
}

/** npm surface-nets, if it resolves from a folder. It comes with ndarray. */
function surfaceNets(folder, data, size) {
  const load = createRequire(pathToFileURL(join(folder, 'package.json')));
  try {
    const nets = load('surface-nets');
    const ndarray = load('ndarray');
    return async () => {
      const start = performance.now();
      const { cells } = nets(ndarray(data, [size, size, size]), 0);
      return { milliseconds: performance.now() - start, triangles: cells.length };
    };
  } catch {
    return undefined;
  }
}

export function formatRow({ name, threads, mvoxelsPerSecond, bestMvoxelsPerSecond, triangles, note }) {
  const speed =
    mvoxelsPerSecond === null ? 'not installed' : `${mvoxelsPerSecond.toFixed(0)} Mvoxel/s, best ${bestMvoxelsPerSecond.toFixed(0)}`;
  return `${`${name}${note ? ` ${note}` : ''}`.padEnd(26)} ${threads} thread${threads > 1 ? 's' : ' '} ${speed.padStart(24)}  ${triangles ?? '-'} triangles`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({
    options: {
      size: { type: 'string', default: '256' },
      runs: { type: 'string', default: '7' },
      python: { type: 'string' },
      peers: { type: 'string' },
      field: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(
      'node packages/neus/bench/marching.mjs [--size 256] [--runs 7] [--python python3] [--peers FOLDER with node_modules/surface-nets] [--field: also a fitted field at 512^3]',
    );
  } else {
    const { python, peers } = values;
    const rows = await benchMarching({
      size: Number(values.size),
      runs: Number(values.runs),
      ...(python ? { python } : {}),
      ...(peers ? { peers } : {}),
    });
    console.log(
      `${cpus()[0]?.model.trim()}, ${cpus().length} threads, Node ${process.version}, ${values.size}^3, median of ${values.runs}`,
    );
    for (const row of rows) console.log(formatRow(row));
    if (values.field)
      for (const { name, threads, triangles, march, rest, total, best, cpu } of await benchFieldMesh({ runs: Number(values.runs) }))
        console.log(
          `${name} ${threads} thread${threads > 1 ? 's' : ' '} ${total.toFixed(2)} s (best ${best.toFixed(2)}): march ${march.toFixed(2)}, ` +
            `join + normals + colours ${rest.toFixed(2)}; CPU ${cpu.toFixed(2)} s; ${triangles} triangles`,
        );
  }
}
