// Marching cubes of a slab of layers. Nodes, words, numbering and order are those of the CPU (assembly/isosurface.ts): node (x, y, z), 0 <= x <= nx,
// stands for the edges towards -x, -y, -z and the cell below it; 32 nodes along x are a word. `l` counts layers from u.lowest, the slab's first layer;
// layers l < u.skip belong to the slab before: their vertices are numbered and not written. Word (l, y, w) has index (l (ny + 1) + y) u.words + w.

const common = /* wgsl */ `
struct Place { w: i32, y: i32, l: i32 }
fn placeOf(word: u32) -> Place {
  let row = word / u.words;
  return Place(i32(word % u.words), i32(row % (u.ny + 1u)), i32(row / (u.ny + 1u)));
}
fn indexOf(l: i32, y: i32, w: i32) -> u32 { return (u32(l) * (u.ny + 1u) + u32(y)) * u.words + u32(w); }
fn wordAt(l: i32, y: i32, w: i32) -> u32 {
  if (l < 0 || y < 0 || w < 0) { return 0u; }
  return bits[indexOf(l, y, w)];
}
// rows a (y - 1, l - 1), b (y, l - 1), c (y - 1, l), d (y, l) of a word, and each one's word to the left
struct Corners { a: u32, b: u32, c: u32, d: u32, la: u32, lb: u32, lc: u32, ld: u32 }
fn cornersOf(p: Place) -> Corners {
  return Corners(
    wordAt(p.l - 1, p.y - 1, p.w), wordAt(p.l - 1, p.y, p.w), wordAt(p.l, p.y - 1, p.w), wordAt(p.l, p.y, p.w),
    wordAt(p.l - 1, p.y - 1, p.w - 1), wordAt(p.l - 1, p.y, p.w - 1), wordAt(p.l, p.y - 1, p.w - 1), wordAt(p.l, p.y, p.w - 1));
}
// each bit's neighbour to the left
fn leftOf(word: u32, left: u32) -> u32 { return (word << 1u) | (left >> 31u); }
// cells whose eight corners are not alike
fn cellsOf(k: Corners) -> u32 {
  let a = leftOf(k.a, k.la);
  let b = leftOf(k.b, k.lb);
  let c = leftOf(k.c, k.lc);
  let d = leftOf(k.d, k.ld);
  return (k.a | k.b | k.c | k.d | a | b | c | d) & ~(k.a & k.b & k.c & k.d & a & b & c & d);
}
fn pairAt(word: u32, left: u32, bit: u32) -> u32 { return (((word >> bit) & 1u) << 1u) | ((leftOf(word, left) >> bit) & 1u); }
fn caseOf(k: Corners, bit: u32) -> u32 {
  return pairAt(k.a, k.la, bit) | (pairAt(k.b, k.lb, bit) << 2u) | (pairAt(k.c, k.lc, bit) << 4u) | (pairAt(k.d, k.ld, bit) << 6u);
}`;

/**
 * Bits of the nodes: 1 where a sample is below the level. A thread a sample, eight words a workgroup. Samples come as their bits, because
 * shaders may take it that there is no NaN. Samples: grid [.., ny, nx] with layer u.gridLayer first.
 */
export const classifyWgsl = () => /* wgsl */ `
var<workgroup> found: array<atomic<u32>, 8>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let word = groupIndex(group, groups) * 8u + local / 32u;
  let row = word / u.words;
  let x = (word % u.words) * 32u + local % 32u;
  let y = row % (u.ny + 1u);
  let z = u.lowest + row / (u.ny + 1u);
  if (word < u.count && x < u.nx && y < u.ny && z < u.nz) {
    let sample = grid[((z - u.gridLayer) * u.ny + y) * u.nx + x];
    if ((sample & 0x7fffffffu) <= 0x7f800000u && bitcast<f32>(sample) < u.iso) { atomicOr(&found[local / 32u], 1u << (local % 32u)); }
  }
  workgroupBarrier();
  if (local % 32u == 0u && word < u.count) { bits[word] = atomicLoad(&found[local / 32u]); }
}`;

/**
 * What each word has: vertices, indices (three a triangle), whether it has a cell of the slab, and its vertices on x edges | on y edges << 8.
 * A thread a word. cases: [256][4], caseTable() as little-endian words.
 */
export const countWgsl = () => /* wgsl */ `
${common}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let word = groupIndex(group, groups) * 64u + local;
  if (word >= u.count) { return; }
  let p = placeOf(word);
  let k = cornersOf(p);
  let x = countOneBits(k.d ^ leftOf(k.d, k.ld));
  let y = countOneBits(k.d ^ k.c);
  vertices[word] = x + y + countOneBits(k.d ^ k.b);
  kinds[word] = x | (y << 8u);
  var total = 0u;
  if (u32(p.l) >= u.skip) {
    for (var cells = cellsOf(k); cells != 0u; cells &= cells - 1u) {
      total += cases[caseOf(k, firstTrailingBit(cells)) * 4u] & 0xffu;
    }
  }
  indices[word] = total;
  used[word] = u32(total > 0u);
}`;

/** The words that have something to write, in order: list[places[word]] = word. A thread a word. */
export const compactWgsl = () => /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let word = groupIndex(group, groups) * 64u + local;
  if (word < u.count && used[word] != 0u) { list[places[word]] = word; }
}`;

/** Vertices of the listed words at their scanned places, less u.skipped: the vertices of the slab before. A thread a word of the list. */
export const pointsWgsl = () => /* wgsl */ `
${common}
fn finite(v: u32) -> bool { return (v & 0x7f800000u) != 0x7f800000u; }
// where between two samples the surface is; as crossing() in assembly/isosurface.ts
fn crossing(low: u32, high: u32) -> f32 {
  let a = grid[low];
  let b = grid[high];
  if (!finite(a) || !finite(b)) { return 0.5; }
  let va = bitcast<f32>(a);
  return clamp((u.iso - va) / (bitcast<f32>(b) - va), 0.001, 0.999);
}
fn put(at: u32, p: vec3f) {
  points[3u * at] = p.x;
  points[3u * at + 1u] = p.y;
  points[3u * at + 2u] = p.z;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(group, groups) * 64u + local;
  if (i >= u.count) { return; }
  let word = list[i];
  let p = placeOf(word);
  let k = cornersOf(p);
  var at = vertexBase[word] - u.skipped;
  let x0 = u32(p.w) * 32u;
  let y = u32(p.y);
  let z = u32(p.l) + u.lowest;
  let row = ((z - u.gridLayer) * u.ny + y) * u.nx;
  let node = vec3f(f32(x0), f32(y), f32(z));
  for (var mask = k.d ^ leftOf(k.d, k.ld); mask != 0u; mask &= mask - 1u) {
    let x = x0 + firstTrailingBit(mask);
    var t = 0.5;
    if (x > 0u && x < u.nx) { t = crossing(row + x - 1u, row + x); }
    put(at, vec3f(f32(x) - 1.0 + t, node.yz));
    at++;
  }
  for (var mask = k.d ^ k.c; mask != 0u; mask &= mask - 1u) {
    let x = x0 + firstTrailingBit(mask);
    var t = 0.5;
    if (y > 0u && y < u.ny) { t = crossing(row - u.nx + x, row + x); }
    put(at, vec3f(f32(x), node.y - 1.0 + t, node.z));
    at++;
  }
  for (var mask = k.d ^ k.b; mask != 0u; mask &= mask - 1u) {
    let x = x0 + firstTrailingBit(mask);
    var t = 0.5;
    if (z > 0u && z < u.nz) { t = crossing(row - u.ny * u.nx + x, row + x); }
    put(at, vec3f(f32(x), node.y, node.z - 1.0 + t));
    at++;
  }
}`;

/** Triangles of the listed words at their scanned places; u.shift is added to the slab's vertex numbers. A thread a word of the list. */
export const trianglesWgsl = () => /* wgsl */ `
${common}
// vertex on the edge of kind 0, 1, 2 (x, y, z) of the node at a bit of a word whose crossings are \`mask\`
fn vertexId(word: u32, kind: u32, mask: u32, bit: u32) -> u32 {
  let counts = kinds[word];
  var first = vertexBase[word];
  if (kind > 0u) { first += counts & 0xffu; }
  if (kind > 1u) { first += counts >> 8u; }
  return first + countOneBits(mask & ((1u << bit) - 1u)) + u.shift;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(group, groups) * 64u + local;
  if (i >= u.count) { return; }
  let word = list[i];
  let p = placeOf(word);
  let k = cornersOf(p);
  var at = indexBase[word];
  for (var cells = cellsOf(k); cells != 0u; cells &= cells - 1u) {
    let bit = firstTrailingBit(cells);
    let entry = caseOf(k, bit) * 4u;
    let length = cases[entry] & 0xffu;
    for (var j = 1u; j <= length; j++) {
      // edge: 4 axis + (lower or upper) along the two other axes, as in cases.ts
      let edge = (cases[entry + (j >> 2u)] >> (8u * (j & 3u))) & 0xffu;
      let axis = edge >> 2u;
      let first = edge & 1u;
      let second = (edge >> 1u) & 1u;
      // the edge's node, as offsets 0 or -1 from the cell's
      var dx = 0;
      var dy = 0;
      var dl = 0;
      switch axis {
        case 0u: { dy = i32(first) - 1; dl = i32(second) - 1; }
        case 1u: { dx = i32(first) - 1; dl = i32(second) - 1; }
        default: { dx = i32(first) - 1; dy = i32(second) - 1; }
      }
      // left of bit 0 is bit 31 of the word before
      let back = dx < 0 && bit == 0u;
      let w = p.w - select(0, 1, back);
      let nodeBit = select(u32(i32(bit) + dx), 31u, back);
      let here = wordAt(p.l + dl, p.y + dy, w);
      var other = 0u;
      switch axis {
        case 0u: { other = leftOf(here, wordAt(p.l + dl, p.y + dy, w - 1)); }
        case 1u: { other = wordAt(p.l + dl, p.y - 1, w); }
        default: { other = wordAt(p.l - 1, p.y + dy, w); }
      }
      triangles[at] = vertexId(indexOf(p.l + dl, p.y + dy, w), axis, here ^ other, nodeBit);
      at++;
    }
  }
}`;
