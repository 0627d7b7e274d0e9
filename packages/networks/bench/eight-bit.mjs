/**
 * What 8-bit weights do to samples: pix2gestalt's UNet of a full-size bundle in fp32 and of one in int8, the same noise, guidance 2, on the CPU.
 *
 *     node packages/networks/bench/eight-bit.mjs FP32-BUNDLE INT8-BUNDLE [STEPS]
 *
 * Each runs in a process of its own, one after the other. Prints seconds and processor seconds a step (batch 2, medians), peak memory (VmHWM, Linux) and the relative
 * error of the final latents. With random weights the latents are no picture; the error is that of the arithmetic all the same.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tensor } from 'onnxruntime-node';
import { createOrtBackend } from '../../../apps/host/dist/ort-backend.js';
import { createRng } from '../../core/dist/index.js';
import { ddimSteps, guide, linearSqrtSchedule, sample } from '../../diffusion/dist/index.js';

const LENGTH = 4 * 32 * 32;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function draw(bundle, steps) {
  const rng = createRng(1);
  const normal = (length) => rng.fillNormal(new Float32Array(length));
  const beside = normal(2 * LENGTH);
  const context = new Float32Array(2 * 768);
  context.set(normal(768));
  const backend = await createOrtBackend({ device: 'cpu', threads: 2 });
  const start = performance.now();
  const session = await backend.openFile(join(bundle, 'unet.onnx'));
  const openSeconds = (performance.now() - start) / 1000;
  const seconds = [];
  const cpuSeconds = [];
  const z = await sample({
    steps: ddimSteps(linearSqrtSchedule(), 'pix2gestalt', steps, 1),
    length: LENGTH,
    prediction: 'eps',
    noise: (target) => rng.fillNormal(target),
    async denoise(x, t) {
      const both = new Float32Array(2 * 3 * LENGTH);
      both.set(x);
      both.set(beside, LENGTH);
      both.set(x, 3 * LENGTH);
      const used = process.cpuUsage();
      const from = performance.now();
      const { eps } = await session.run({
        x: new Tensor('float32', both, [2, 12, 32, 32]),
        t: new Tensor('float32', Float32Array.of(t, t), [2]),
        context: new Tensor('float32', context, [2, 1, 768]),
      });
      seconds.push((performance.now() - from) / 1000);
      const { user, system } = process.cpuUsage(used);
      cpuSeconds.push((user + system) / 1e6);
      return guide(eps.data.subarray(0, LENGTH), eps.data.subarray(LENGTH), 2);
    },
  });
  const peakMegabytes = (1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])) / 1e6;
  return { z: [...z], openSeconds, secondsAStep: median(seconds), cpuSecondsAStep: median(cpuSeconds), peakMegabytes };
}

const [first, second, steps = '10'] = process.argv.slice(2);
if (second === 'alone') console.log(JSON.stringify(await draw(first, Number(steps))));
else {
  const [fp32, int8] = [first, second].map((bundle) =>
    JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), bundle, 'alone', steps])),
  );
  const norm = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const relativeError = norm(int8.z.map((value, i) => value - fp32.z[i])) / norm(fp32.z);
  const of = ({ z: _, ...rest }) => rest;
  console.log(JSON.stringify({ fp32: of(fp32), int8: of(int8), relativeError }));
}
