import { gpuRunner, write } from './host.mjs';
import { median } from './median.mjs';

/** Vertices that an invocation adds to; two features each, as a level of the hash grid has. */
const VERTICES = 16;
const WORKGROUP = 64;

const FIXED = `fn add(at: u32, value: f32) { atomicAdd(&table[at], i32(value * 1048576.0)); }`;
const SWAP = `fn add(at: u32, value: f32) {
  var old = atomicLoad(&table[at]);
  loop {
    let next = bitcast<i32>(bitcast<f32>(old) + value);
    let tried = atomicCompareExchangeWeak(&table[at], old, next);
    if (tried.exchanged) { break; }
    old = tried.old_value;
  }
}`;

const kernel = (name, add) => ({
  name: `bench/${name}`,
  bindings: { table: write('atomic<i32>') },
  source: ({ entries }) => /* wgsl */ `
${add}
fn mix(value: u32) -> u32 {
  var x = value;
  x = (x ^ (x >> 16u)) * 0x21f0aaadu;
  x = (x ^ (x >> 15u)) * 0x735a2d97u;
  return x ^ (x >> 15u);
}
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
  for (var k = 0u; k < ${VERTICES}u; k++) {
    let at = (mix(id.x * ${VERTICES}u + k) & ${entries - 1}u) * 2u;
    add(at, 0.25);
    add(at + 1u, 0.5);
  }
}`,
});

/** Adds per second into random rows of a table: fixed-point atomicAdd, which the fit uses, beside a compare-and-swap loop on floats. @returns rows */
export async function benchScatter(device, { rounds, groups }) {
  const runner = gpuRunner(device);
  const rows = [];
  const adds = groups * WORKGROUP * VERTICES * 2;
  for (const bits of [15, 19]) {
    const entries = 2 ** bits;
    const table = runner.storage(entries * 8, 'bench/table');
    const figures = {};
    const kernels = { fixed: kernel('scatter-fixed', FIXED), swap: kernel('scatter-swap', SWAP) };
    for (const name of Object.keys(kernels)) {
      const compiled = await runner.compile(kernels[name], { entries });
      kernels[name] = async () => {
        runner.batch('bench/clear').clear(table).submit();
        await runner.done();
        const started = performance.now();
        runner.batch('bench/scatter').dispatch(compiled, { table }, {}, groups).submit();
        await runner.done();
        return adds / (performance.now() - started) / 1e6;
      };
      await kernels[name]();
      const words = await runner.read(table, Int32Array, entries * 2);
      const sum = (offset) => {
        const values = name === 'fixed' ? Array.from(words, (word) => word / 1048576) : new Float32Array(words.buffer);
        let total = 0;
        for (let i = offset; i < values.length; i += 2) total += values[i];
        return total;
      };
      if (Math.abs(sum(0) / (adds / 8) - 1) > 1e-6 || Math.abs(sum(1) / (adds / 4) - 1) > 1e-6)
        throw new Error(`scatter ${name}: wrong sums`);
      figures[name] = [];
    }
    for (let round = 0; round < rounds; round++) for (const name of Object.keys(kernels)) figures[name].push(await kernels[name]());
    runner.pool.release(table);
    const [fixed, swap] = [median(figures.fixed), median(figures.swap)];
    rows.push({ name: `scatter-add into 2^${bits} entries, fixed point`, value: fixed, unit: 'G adds/s' });
    rows.push({ name: '  compare-and-swap on floats', value: swap, unit: 'G adds/s', ratio: fixed / swap, target: 'ratio >= 3' });
  }
  return rows;
}
