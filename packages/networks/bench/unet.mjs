/**
 * One step of pix2gestalt's UNet, or one decode of its autoencoder, at full size on the CPU: our graph beside the original module in PyTorch eager.
 *
 *     node packages/networks/bench/unet.mjs BUNDLE --pix2gestalt CHECKOUT [--python python3] [--role unet|vaeDecoder] [--batch 2] [--steps 3] [--threads 2]
 *
 * BUNDLE: `import` of a checkpoint of full size in fp32 (scripts/make-checkpoint.mjs pix2gestalt FILE --full writes one). Both sides are processes of their
 * own, hold the same weights, get the same input and run in turn; the first step of each is not counted. Prints medians of seconds and of
 * processor seconds (which say more where others compute too), peak memory (VmHWM, Linux) and how far apart the outputs are.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pix2gestalt: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    role: { type: 'string', default: 'unet' },
    batch: { type: 'string', default: '2' },
    steps: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
  },
});
const [bundle] = positionals;
const { role, threads } = flags;
const batch = Number(flags.batch);
const folder = mkdtempSync(join(tmpdir(), 'gestalt3d-bench-'));
const beside = (name) => fileURLToPath(new URL(name, import.meta.url));

/** A process that answers every line. */
async function open(command, args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${command} ended`);
    return JSON.parse(value);
  };
  const status = () => readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return {
    ready: await answer(),
    step: async () => {
      child.stdin.write('step\n');
      return answer();
    },
    peakBytes: () => 1024 * Number(/VmHWM:\s+(\d+)/.exec(status())[1]),
    close: () => child.stdin.end(),
  };
}

const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const shapes = role === 'unet' ? { x: [batch, 12, 32, 32], t: [batch], context: [batch, 1, 768] } : { z: [batch, 4, 32, 32] };
for (const [name, shape] of Object.entries(shapes)) {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, name === 't' ? () => 981 : normal);
  writeFileSync(join(folder, `${name}.bin`), new Uint8Array(data.buffer));
}
writeFileSync(join(folder, 'inputs.json'), JSON.stringify(Object.entries(shapes).map(([name, shape]) => ({ name, shape }))));

const floats = (name) => new Float32Array(new Uint8Array(readFileSync(join(folder, name))).buffer);
const norm = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

try {
  const sides = {
    ours: await open(process.execPath, [beside('unet-ours.mjs'), bundle, role, threads, folder]),
    peer: await open(flags.python, [beside('unet_peer.py'), bundle, role, threads, folder, flags.pix2gestalt]),
  };
  const taken = { ours: [], peer: [] };
  for (let i = 0; i <= Number(flags.steps); i++)
    for (const [name, side] of Object.entries(sides)) {
      const step = await side.step();
      if (i > 0) taken[name].push(step);
    }
  const [ours, peer] = [floats('ours.bin'), floats('peer.bin')];
  const middle = (name, what) => median(taken[name].map((step) => step[what]));
  const report = (name) => ({
    seconds: middle(name, 'seconds'),
    cpuSeconds: middle(name, 'cpuSeconds'),
    all: taken[name].map(({ seconds }) => Number(seconds.toFixed(2))),
    openSeconds: sides[name].ready.ready,
    peakMegabytes: sides[name].peakBytes() / 1e6,
  });
  console.log(
    JSON.stringify({
      role,
      batch,
      threads: Number(threads),
      torch: sides.peer.ready.torch,
      parameters: sides.peer.ready.parameters,
      ours: report('ours'),
      peer: report('peer'),
      timeOverPeer: middle('ours', 'seconds') / middle('peer', 'seconds'),
      cpuTimeOverPeer: middle('ours', 'cpuSeconds') / middle('peer', 'cpuSeconds'),
      memoryOverPeer: sides.ours.peakBytes() / sides.peer.peakBytes(),
      relativeError: norm(ours.map((value, i) => value - peer[i])) / norm(peer),
    }),
  );
  for (const side of Object.values(sides)) side.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
