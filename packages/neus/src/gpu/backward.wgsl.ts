import {
  COLOR_IN,
  HIDDEN,
  OFFSET_B2,
  OFFSET_C1,
  OFFSET_C2,
  OFFSET_C3,
  OFFSET_D2,
  OFFSET_D3,
  OFFSET_W1,
  OFFSET_W2,
  SDF_IN,
  SDF_OUT,
} from '../config.ts';
import { constants, encodeSnippet, gridSnippet, networkSnippet, networkTransposedSnippet } from './field.wgsl.ts';
import { type Half, toHalf } from './half.wgsl.ts';
import type { KernelLayout } from './layout.ts';

/** Places of the fixed-point scales: layers in the order of the parameters, then the levels. */
const SCALE = { w1: 0, w2: 1, c1: 2, c2: 3, c3: 4, level: 5 };

interface Product {
  /** Groups of 4 inputs and outputs. */
  inputs: number;
  outputs: number;
  /** Weight rows that exist, the bias row that follows them included where it is among the inputs. */
  rows: number;
  offset: number;
  /** Offset of a bias that is not among the inputs. */
  bias?: number;
  scale: number;
}

/** How a workgroup's activations and gradients wait for the sums over its points. */
interface Memory {
  /** WGSL type of four. */
  element: string;
  activation(value: string): string;
  gradient(value: string): string;
  /** Of a stored gradient to the gradient, as WGSL. */
  gain: string;
}

const IN_F32: Memory = { element: 'vec4f', activation: (value) => value, gradient: (value) => value, gain: '' };

/**
 * Half the workgroup memory, so that twice as many workgroups fit. Gradients are shares of a mean over the rays: times their number, and by the weights of the
 * losses, they lie between 1e-4 and 1e3, where half precision has all of its digits. Sums stay f32.
 */
const inHalf = (half: Half, rays: number): Memory => {
  const gain = `${2 ** Math.floor(Math.log2(rays))}.0`;
  return {
    element: half.vec4,
    activation: (value) => toHalf(half, value),
    gradient: (value) => toHalf(half, `${gain} * ${value}`),
    gain: ` / ${gain}`,
  };
};

/**
 * Weight gradients of a layer over the workgroup's 64 points: every thread stores its input and its output gradient, then owns one tile of 4 x 4 weights
 * and sums over the points in order. One addition to memory a weight and workgroup.
 */
function product(name: string, memory: Memory, { inputs, outputs, rows, offset, bias, scale }: Product): string {
  const write = (array: string, groups: number, value: (g: number) => string) =>
    Array.from({ length: groups }, (_, g) => `  ${array}[local * ${groups}u + ${g}u] = ${value(g)};`).join('\n');
  return /* wgsl */ `
fn ${name}(local: u32, x: array<vec4f, ${inputs}>, d: array<vec4f, ${outputs}>) {
  workgroupBarrier();
${write('left', inputs, (g) => memory.activation(`x[${g}]`))}
${write('right', outputs, (g) => memory.gradient(`d[${g}]`))}
  workgroupBarrier();
  for (var tile = local; tile < ${inputs * outputs}u; tile += 64u) {
    let i = tile / ${outputs}u;
    let j = tile % ${outputs}u;
    var a0 = vec4f(0.0);
    var a1 = vec4f(0.0);
    var a2 = vec4f(0.0);
    var a3 = vec4f(0.0);
    var b = vec4f(0.0);
    for (var s = 0u; s < 64u; s++) {
      let l = vec4f(left[s * ${inputs}u + i]);
      let r = vec4f(right[s * ${outputs}u + j]);
      a0 += l.x * r;
      a1 += l.y * r;
      a2 += l.z * r;
      a3 += l.w * r;
      b += r;
    }
    // a loop, not five copies: the additions are most of the kernel's code
    let scale = scales[${scale}]${memory.gain};
    var sums = array<vec4f, 5>(a0, a1, a2, a3, b);
    for (var c = 0u; c < 5u; c++) {
      let exists = ${bias === undefined ? `c < 4u && i * 4u + c < ${rows}u` : 'c < 4u || i == 0u'};
      let at = ${bias === undefined ? '' : `select(`}${offset}u + (i * 4u + c) * ${4 * outputs}u${bias === undefined ? '' : `, ${bias}u, c == 4u)`} + j * 4u;
      if (exists) { add4(at, sums[c], scale); }
    }
  }
}`;
}

/** How neighbouring invocations share the additions to a dense level. `same`: once a level and point; `sum`: for each corner's two fixed-point values. */
interface Merging {
  same: string;
  sum: string;
}

/**
 * Up to four neighbours whose points lie in one cell add once: neighbours in the list are samples of a ray, or the taps of an eikonal point.
 * In each exchange one of two gives its sum to the other; which one does not matter, and neither does it whom a device makes neighbours.
 */
const IN_SUBGROUPS: Merging = {
  same: /* wgsl */ `
  let key = vec2u(corner(cell.base, level.y, 0u), local);
  let other1 = subgroupShuffleXor(key, 1u);
  let other2 = subgroupShuffleXor(key, 2u);
  let same = vec2<bool>(other1.x == key.x, other2.x == key.x) & vec2<bool>(level.z == 0u);
  let takes = vec2<bool>(local < other1.y, local < other2.y);`,
  sum: /* wgsl */ `
    let from1 = subgroupShuffleXor(fixed, 1u);
    fixed = select(fixed, select(vec2i(0), fixed + from1, takes.x), same.x);
    let from2 = subgroupShuffleXor(fixed, 2u);
    fixed = select(fixed, select(vec2i(0), fixed + from2, takes.y), same.y);`,
};
const NOT_MERGED: Merging = { same: '', sum: '' };

const H = HIDDEN / 4;
const S = SDF_OUT / 4;

/**
 * Gradients of all parameters from dL/dsdf and dL/d(colour before the logistic function) of each point, which is evaluated again instead of remembered.
 * Thread i owns row i of the list of points with a gradient. Reads points, rows, rowOffsets, mlp, table, shade, scales; adds to gradients [P], i32 in
 * units of 1 / scale of its group. Integer sums do not depend on their order, and everything that is summed in f32 before (64 points, a workgroup) has
 * a fixed order: the same input gives the same bits. Uses all of the guaranteed 16 KiB of workgroup memory, in half precision half of it.
 */
const backwardText = (layout: KernelLayout, merging: Merging, memory: Memory) => /* wgsl */ `
${constants({ RAYS: { u32: layout.rays } })}
${gridSnippet()}
${encodeSnippet(layout.levels)}
${networkSnippet()}
${networkTransposedSnippet()}
var<workgroup> left: array<${memory.element}, ${64 * H}>;
var<workgroup> right: array<${memory.element}, ${64 * H}>;

fn toFixed(value: f32, scale: f32) -> i32 { return i32(round(clamp(value * scale, -1073741824.0, 1073741824.0))); }
fn addFixed(index: u32, fixed: i32) {
  if (fixed != 0) { atomicAdd(&gradients[index], fixed); }
}
fn add(index: u32, value: f32, scale: f32) { addFixed(index, toFixed(value, scale)); }
fn add4(index: u32, value: vec4f, scale: f32) {
  for (var k = 0u; k < 4u; k++) { add(index + k, value[k], scale); }
}
fn mask(d: array<vec4f, ${H}>, h: array<vec4f, ${H}>) -> array<vec4f, ${H}> {
  return array<vec4f, ${H}>(${Array.from({ length: H }, (_, j) => `select(vec4f(0.0), d[${j}], h[${j}] > vec4f(0.0))`).join(', ')});
}
${product('sdfHiddenGradient', memory, { inputs: 5, outputs: H, rows: SDF_IN + 1, offset: OFFSET_W1, scale: SCALE.w1 })}
${product('sdfOutputGradient', memory, { inputs: H, outputs: S, rows: HIDDEN, offset: OFFSET_W2, bias: OFFSET_B2, scale: SCALE.w2 })}
${product('colorHidden1Gradient', memory, { inputs: 5, outputs: H, rows: COLOR_IN + 1, offset: OFFSET_C1, scale: SCALE.c1 })}
${product('colorHidden2Gradient', memory, { inputs: H, outputs: H, rows: HIDDEN, offset: OFFSET_C2, bias: OFFSET_D2, scale: SCALE.c2 })}
${product('colorOutputGradient', memory, { inputs: H, outputs: 1, rows: HIDDEN, offset: OFFSET_C3, bias: OFFSET_D3, scale: SCALE.c3 })}
fn scatter(local: u32, p: vec3f, level: vec3u, d: vec2f, scale: f32) {
  let cell = cellAt(p, level.y);${merging.same}
  for (var c = 0u; c < 8u; c++) {
    let w = cornerWeight(c, cell.fraction);
    var fixed = vec2i(toFixed(w * d.x, scale), toFixed(w * d.y, scale));${merging.sum}
    let at = 2u * (level.x + corner(cell.base + cornerOffset(c), level.y, level.z));
    addFixed(at, fixed.x);
    addFixed(at + 1u, fixed.y);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = group.x * 64u + local;
  // a thread behind the end of the list does the last row again with gradients of 0
  let count = rowOffsets[2u * RAYS];
  let inside = i < count;
  let point = rows[min(i, count - 1u)];
  let p = points[point].xyz;
  let g = select(vec4f(0.0), shade[point], inside);

  // rows with colour come first
  let coloring = group.x * 64u < rowOffsets[RAYS];
  let x = encode(p, u.levelCount);
  let h = relu(sdfHidden(x));
  var dOutput: array<vec4f, ${S}>;
  dOutput[0].x = g.w;
  if (coloring) {
    let q = 2.0 * p - 1.0;
    let y = colorInput(sdfOutput(h), q);
    let h1 = relu(colorHidden1(y));
    let h2 = relu(colorHidden2(h1));
    let dColor = array<vec4f, 1>(vec4f(g.xyz, 0.0));
    colorOutputGradient(local, h2, dColor);
    let d2 = mask(colorOutputT(dColor), h2);
    colorHidden2Gradient(local, h1, d2);
    let d1 = mask(colorHidden2T(d2), h1);
    colorHidden1Gradient(local, y, d1);
    let dy = colorHidden1T(d1);
    dOutput[0] = vec4f(g.w, dy[0].xyz);
    dOutput[1] = vec4f(dy[0].w, dy[1].xyz);
    dOutput[2] = vec4f(dy[1].w, dy[2].xyz);
    dOutput[3] = vec4f(dy[2].w, dy[3].xyz);
  }
  sdfOutputGradient(local, h, dOutput);
  let dh = mask(sdfOutputT(dOutput), h);
  sdfHiddenGradient(local, x, dh);
  var dx = sdfHiddenT(dh);
  for (var l = 0u; l < u.levelCount; l++) {
    let k = 3u + 2u * l;
    scatter(local, p, gridLevel(l), vec2f(dx[k >> 2u][k & 3u], dx[(k + 1u) >> 2u][(k + 1u) & 3u]), scales[${SCALE.level}u + l]);
  }
}`;

/**
 * @param subgroups merge additions to memory: fewer of them, the same bits
 * @param half what the sums over points read, in half precision
 */
export const backwardWgsl = (layout: KernelLayout, { subgroups, half }: { subgroups: boolean; half?: Half | undefined }) =>
  backwardText(layout, subgroups ? IN_SUBGROUPS : NOT_MERGED, half ? inHalf(half, layout.rays) : IN_F32);
