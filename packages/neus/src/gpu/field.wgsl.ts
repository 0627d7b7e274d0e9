import { float } from '@gestalt3d/gpu';
import {
  COLOR_IN,
  FEATURES,
  type GridLevel,
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

// Shared by every kernel that evaluates the field. They bind `mlp` (the networks' part of the parameters as vec4f) and `table` (the whole parameter
// array as vec2f, one vertex an element). All network widths are kept in vec4f; a network's input array ends with a 1 in the place whose weight row is the
// bias (biases follow their weights in the parameter array), so a layer of 19 or 18 inputs is a product with 5 vec4f and nothing else.

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/**
 * Corners of the cell around position p in one level: `corner(v, n, mask)` is the index of vertex v, dense for mask 0, else the spatial hash.
 */
export const gridSnippet = () => /* wgsl */ `
struct Cell { base: vec3u, fraction: vec3f }
fn cellAt(p: vec3f, n: u32) -> Cell {
  let g = clamp(p, vec3f(0.0), vec3f(1.0)) * f32(n);
  let base = min(vec3u(floor(g)), vec3u(n - 1u));
  return Cell(base, g - vec3f(base));
}
fn corner(v: vec3u, n: u32, mask: u32) -> u32 {
  if (mask == 0u) { return v.x + (n + 1u) * (v.y + (n + 1u) * v.z); }
  return (v.x ^ (v.y * 2654435761u) ^ (v.z * 805459861u)) & mask;
}
fn cornerOffset(c: u32) -> vec3u { return vec3u(c & 1u, (c >> 1u) & 1u, c >> 2u); }
fn cornerWeight(c: u32, f: vec3f) -> f32 {
  let w = select(1.0 - f, f, cornerOffset(c) == vec3u(1u));
  return w.x * w.y * w.z;
}
`;

/** encode(p, levelCount) -> the SDF network's input: 2 p - 1, trilinear features of the active levels, 1 for the bias. */
export const encodeSnippet = (levels: GridLevel[]) => /* wgsl */ `
// first element in the table, resolution, hash mask (0: dense)
fn gridLevel(l: u32) -> vec3u {
  switch l {
${levels.map(({ offset, resolution, dense, entries }, l) => `    case ${l}u: { return vec3u(${offset / FEATURES}u, ${resolution}u, ${dense ? 0 : entries - 1}u); }`).join('\n')}
    default: { return vec3u(0u); }
  }
}
fn interpolate(p: vec3f, level: vec3u) -> vec2f {
  let cell = cellAt(p, level.y);
  var sum = vec2f(0.0);
  for (var c = 0u; c < 8u; c++) {
    sum += cornerWeight(c, cell.fraction) * table[level.x + corner(cell.base + cornerOffset(c), level.y, level.z)];
  }
  return sum;
}
fn encode(p: vec3f, levelCount: u32) -> array<vec4f, 5> {
  var x: array<vec4f, 5>;
  x[0] = vec4f(2.0 * p - 1.0, 0.0);
  x[${SDF_IN >> 2}][${SDF_IN & 3}] = 1.0;
  for (var l = 0u; l < levelCount; l++) {
    let f = interpolate(p, gridLevel(l));
    let k = 3u + 2u * l;
    x[k >> 2u][k & 3u] = f.x;
    x[(k + 1u) >> 2u][(k + 1u) & 3u] = f.y;
  }
  return x;
}
`;

/**
 * A layer as a function: name(x) = W x, W [inputs][outputs] at a float offset of `mlp`. `bias` is the offset of a bias that is not among the inputs.
 * The accumulators are named variables, so they stay in registers whatever the compiler makes of the loop; its body is one input's row, because
 * some drivers inline every call and compile in more than linear time.
 */
function layer(name: string, offset: number, inputGroups: number, outputGroups: number, bias?: number): string {
  const outputs = range(outputGroups);
  return /* wgsl */ `
fn ${name}(x: array<vec4f, ${inputGroups}>) -> array<vec4f, ${outputGroups}> {
  var input = x;
${outputs.map((j) => `  var a${j} = ${bias === undefined ? 'vec4f(0.0)' : `mlp[${bias / 4 + j}]`};`).join('\n')}
  for (var i = 0u; i < ${4 * inputGroups}u; i++) {
    let v = input[i >> 2u][i & 3u];
    let w = ${offset / 4}u + i * ${outputGroups}u;
${outputs.map((j) => `    a${j} += v * mlp[w + ${j}u];`).join('\n')}
  }
  return array<vec4f, ${outputGroups}>(${outputs.map((j) => `a${j}`).join(', ')});
}`;
}

/** The same layer transposed: name(d) = W^T d, from the outputs' gradient to the inputs'. */
function transposed(name: string, offset: number, inputGroups: number, outputGroups: number): string {
  const outputs = range(outputGroups);
  return /* wgsl */ `
fn ${name}(d: array<vec4f, ${outputGroups}>) -> array<vec4f, ${inputGroups}> {
  var result: array<vec4f, ${inputGroups}>;
${outputs.map((j) => `  let d${j} = d[${j}];`).join('\n')}
  for (var i = 0u; i < ${4 * inputGroups}u; i++) {
    let w = ${offset / 4}u + i * ${outputGroups}u;
    result[i >> 2u][i & 3u] = ${outputs.map((j) => `dot(mlp[w + ${j}u], d${j})`).join(' + ')};
  }
  return result;
}`;
}

/** One ReLU per width that occurs. */
const relu = (groups: number) => /* wgsl */ `
fn relu(x: array<vec4f, ${groups}>) -> array<vec4f, ${groups}> {
  return array<vec4f, ${groups}>(${range(groups)
    .map((j) => `max(x[${j}], vec4f(0.0))`)
    .join(', ')});
}
fn sigmoid(x: vec3f) -> vec3f { return 1.0 / (1.0 + exp(-x)); }`;

const H = HIDDEN / 4;
const S = SDF_OUT / 4;

/** sdfHidden, sdfOutput, colorInput, colorHidden1, colorHidden2, colorOutput; the forward half of both networks. */
export const networkSnippet = () =>
  [
    relu(H),
    layer('sdfHidden', OFFSET_W1, 5, H),
    layer('sdfOutput', OFFSET_W2, H, S, OFFSET_B2),
    layer('colorHidden1', OFFSET_C1, 5, H),
    layer('colorHidden2', OFFSET_C2, H, H, OFFSET_D2),
    layer('colorOutput', OFFSET_C3, H, 1, OFFSET_D3),
    /* wgsl */ `
// output 0 of the SDF network alone
fn sdfOnly(hidden: array<vec4f, ${H}>) -> f32 {
  var h = hidden;
  var sum = mlp[${OFFSET_B2 / 4}].x;
  for (var g = 0u; g < ${H}u; g++) {
    let w = ${OFFSET_W2 / 4}u + g * ${4 * S}u;
    sum += dot(h[g], vec4f(mlp[w].x, mlp[w + ${S}u].x, mlp[w + ${2 * S}u].x, mlp[w + ${3 * S}u].x));
  }
  return sum;
}
// the ${COLOR_IN} inputs of the colour network: geometry features 1..15 of the SDF network, 2 p - 1, and 1 for the bias
fn colorInput(o: array<vec4f, ${S}>, q: vec3f) -> array<vec4f, 5> {
  return array<vec4f, 5>(
    vec4f(o[0].yzw, o[1].x), vec4f(o[1].yzw, o[2].x), vec4f(o[2].yzw, o[3].x), vec4f(o[3].yzw, q.x), vec4f(q.yz, 1.0, 0.0));
}
fn colorAt(o: array<vec4f, ${S}>, q: vec3f) -> vec3f {
  return sigmoid(colorOutput(relu(colorHidden2(relu(colorHidden1(colorInput(o, q))))))[0].xyz);
}`,
  ].join('\n');

/** sdfHiddenT, sdfOutputT, colorHidden1T, colorHidden2T, colorOutputT: gradients of each layer's inputs. */
export const networkTransposedSnippet = () =>
  [
    transposed('sdfHiddenT', OFFSET_W1, 5, H),
    transposed('sdfOutputT', OFFSET_W2, H, S),
    transposed('colorHidden1T', OFFSET_C1, 5, H),
    transposed('colorHidden2T', OFFSET_C2, H, H),
    transposed('colorOutputT', OFFSET_C3, H, 1),
  ].join('\n');

/** Logistic functions of the opacity. */
export const opacitySnippet = () => /* wgsl */ `
fn clampLogit(x: f32) -> f32 { return clamp(x, -30.0, 30.0); }
// 1 - alpha of a segment from its ends' s f, at most 1
fn transparency(a: f32, b: f32) -> f32 { return min(1.0, (1.0 + exp(-clampLogit(a))) / (1.0 + exp(-clampLogit(b)))); }
`;

/** Constants as WGSL. */
export const constants = (values: Record<string, number | { u32: number }>) =>
  Object.entries(values)
    .map(([name, value]) => `const ${name} = ${typeof value === 'number' ? float(value) : `${value.u32}u`};`)
    .join('\n');
