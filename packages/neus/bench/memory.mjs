#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { openGpuFitter } from '../dist/gpu/fit-gpu.js';
// A standard fit in a process of its own; prints its peak memory in MB as JSON. Started by neus.mjs.
import { fitSurface, RECONSTRUCT_PRESETS } from '../dist/index.js';
import { prepareProblem } from '../dist/prepare/prepare-problem.js';
import { rigViews, SCENES } from '../dist/testing/scene.js';
import { cpuContext } from './accuracy.mjs';
import { GUARANTEED, gpuRunner } from './host.mjs';

/** Peak resident memory so far. Linux carries a parent's peak over into `maxRSS` when it starts a program; VmHWM is the program's own. */
function megabytes() {
  const own = existsSync('/proc/self/status') && /VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  return (own ? Number(own[1]) : process.resourceUsage().maxRSS) / 1024;
}

/** A device that computes nothing and whose buffers are only counted. */
function countingDevice() {
  const nothing = () => ({});
  return {
    limits: GUARANTEED,
    features: new Set(),
    lost: new Promise(() => {}),
    queue: { writeBuffer: nothing },
    addEventListener: nothing,
    pushErrorScope: nothing,
    popErrorScope: async () => null,
    createShaderModule: nothing,
    createBindGroupLayout: nothing,
    createPipelineLayout: nothing,
    createComputePipelineAsync: async () => ({}),
    createBuffer: ({ size, usage }) => ({ size, usage, destroy: nothing }),
  };
}

const views = rigViews(SCENES.torus, 256);
const before = megabytes();
await fitSurface(views, { preset: 'standard' }, cpuContext(2));
const peak = megabytes();
const device = countingDevice();
await openGpuFitter(device, await prepareProblem(views, undefined, RECONSTRUCT_PRESETS.standard, 1, () => {}));
console.log(JSON.stringify({ before, peak, gpu: gpuRunner(device).pool.sizeBytes / 1e6 }));
