// Marching cubes of one scalar grid, a row of samples at a time (flying edges: Schroeder, Maynard and Geveci 2015, here on bits and in one sweep).
//
// Node (x, y, z), 0 <= x <= nx (y, z likewise), stands for sample (x, y, z), for the three edges from it towards -x, -y, -z, and for the cell of which it
// is the upper corner. Samples beyond the border are outside. All vertices of a cell then belong to nodes that come no later than its own in the
// order z, y, x, so that classifying, numbering, and writing points and triangles is one pass over rows: an offset is the count of what came before.
// Within a word of 32 nodes along x the order is: vertices on x edges, on y edges, on z edges.
//
// The host (src/isosurface/slab-marcher.ts) owns the memory's layout beyond `configure`, and takes the output away when a sweep stops short.

/** Bytes of a word's record: first vertex and crossing mask of its x, y and z edges. */
const RECORD: usize = 32;
const CASE_BYTES: usize = 16;

let nx: i32 = 0;
let ny: i32 = 0;
let ring: i32 = 0;
let iso: f32 = 0;
/** Words of a row's bits: nx + 1 nodes, rounded up to whole vectors. */
let words: i32 = 0;
let bitStride: usize = 0;
let recordStride: usize = 0;

let samples: usize = 0; //   [ring][ny][nx] f32
let bits: usize = 0; //      [2][ny + 2] rows of 4 empty words and `words` words; row 0 is the one before the border
let flags: usize = 0; //     [2][ny + 2] u8: the row has an inside sample
let records: usize = 0; //   [2][ny + 2][words] records
let ids: usize = 0; //       [12] u32: vertices of the cell at hand
let cases: usize = 0; //     [256][16] u8: count of vertices, then edges three a triangle
let points: usize = 0; //    [pointCapacity] f32 x 3
let triangles: usize = 0; // [triangleCapacity] u32 x 3
let pointEnd: usize = 0;
let triangleEnd: usize = 0;

/** Vertices numbered since `configure`. */
let numbered: u32 = 0;
let pointAt: usize = 0;
let triangleAt: usize = 0;

/**
 * Lays out the memory from byte `base` on and starts a new surface.
 * @param ringSize layers of samples that are kept, at least 2
 * @returns the first byte behind the layout; the host grows the memory to it, then calls `clear`
 */
export function configure(width: i32, height: i32, level: f32, ringSize: i32, outputBytes: i32, base: usize): usize {
  nx = width;
  ny = height;
  iso = level;
  ring = ringSize;
  words = ((nx >> 5) + 4) & ~3;
  bitStride = (<usize>words << 2) + 16;
  recordStride = <usize>words * RECORD;
  const rows = <usize>(ny + 2);
  let at = (base + 63) & ~63;
  cases = at; at += 256 * CASE_BYTES;
  ids = at; at += 64;
  bits = at; at += 2 * rows * bitStride;
  flags = at; at += (2 * rows + 63) & ~63;
  // a cell's lower neighbour in x may be the record before a row's first
  at += 64;
  records = at; at += 2 * rows * recordStride;
  // a row may ask for its worst case at once: 3 vertices and 5 triangles a node
  const worst = <usize>(nx + 1) * 60;
  const bytes = max(<usize>outputBytes, worst);
  points = at; at += bytes; pointEnd = at - worst;
  triangles = at; at += bytes; triangleEnd = at - worst;
  at = (at + 63) & ~63;
  samples = at; at += <usize>ring * <usize>ny * <usize>nx * 4;
  // the last word of a row is read whole
  return at + 128;
}

/** Empties what the first layer finds before it. */
export function clear(): void {
  memory.fill(bits, 0, <usize>(ny + 2) * bitStride * 2);
  memory.fill(flags, 0, <usize>(ny + 2) * 2);
  numbered = 0;
  drain();
}

export function casesAddress(): usize { return cases; }
export function pointsAddress(): usize { return points; }
export function trianglesAddress(): usize { return triangles; }
/** Bytes of points and of triangles that wait for the host. */
export function pointBytes(): usize { return pointAt - points; }
export function triangleBytes(): usize { return triangleAt - triangles; }
export function vertexCount(): u32 { return numbered; }

/** Where layer z of the samples is to be written, [ny][nx]. */
export function layerAddress(z: i32): usize {
  return samples + <usize>(z % ring) * <usize>ny * <usize>nx * 4;
}

/** Forgets the output, which the host has taken. */
export function drain(): void {
  pointAt = points;
  triangleAt = triangles;
}

/**
 * Rows [from, ny] of the nodes of layer z.
 * @param last nothing comes after: z is the border behind the last layer, and its samples are all outside
 * @param emit 0: vertices are numbered, nothing is written (a layer of the slab before)
 * @returns ny + 1, or the row at which the output is full: drain it and go on from there
 */
export function sweep(z: i32, from: i32, first: i32, last: i32, emit: i32): i32 {
  const half = <usize>(z & 1);
  const layer = <usize>(ny + 2);
  const here = bits + half * layer * bitStride;
  const before = bits + (half ^ 1) * layer * bitStride;
  const flagHere = flags + half * layer;
  const flagBefore = flags + (half ^ 1) * layer;
  const source = layerAddress(z);
  for (let y = from; y <= ny; y++) {
    if (pointAt > pointEnd || triangleAt > triangleEnd) return y;
    const row = <usize>(y + 1);
    const d = here + row * bitStride + 16;
    let any = 0;
    if (last || y == ny) memory.fill(d, 0, <usize>words << 2);
    else any = classify(source + <usize>y * <usize>nx * 4, d);
    store<u8>(flagHere + row, <u8>any);
    if (!(any | load<u8>(flagHere + row - 1) | load<u8>(flagBefore + row) | load<u8>(flagBefore + row - 1))) continue;
    const b = before + row * bitStride + 16;
    sweepRow(b - bitStride, b, d - bitStride, d, y, z, half, first, last, emit);
  }
  return ny + 1;
}

/** Bits of a row: 1 where a sample is below the level (NaN is not). Returns whether any is. */
function classify(from: usize, to: usize): i32 {
  const level = f32x4.splat(iso);
  const full = nx >> 5;
  let any: u32 = 0;
  let w = 0;
  for (; w < full; w++) {
    const bitsOfWord = wordAt(from, level);
    store<u32>(to + (<usize>w << 2), bitsOfWord);
    any |= bitsOfWord;
    from += 128;
  }
  const rest = nx & 31;
  if (rest) {
    const bitsOfWord = wordAt(from, level) & ((<u32>1 << rest) - 1);
    store<u32>(to + (<usize>w << 2), bitsOfWord);
    any |= bitsOfWord;
    w++;
  }
  for (; w < words; w++) store<u32>(to + (<usize>w << 2), 0);
  return any != 0 ? 1 : 0;
}

@inline
function wordAt(from: usize, level: v128): u32 {
  const a = i16x8.narrow_i32x4_s(f32x4.lt(v128.load(from), level), f32x4.lt(v128.load(from, 16), level));
  const b = i16x8.narrow_i32x4_s(f32x4.lt(v128.load(from, 32), level), f32x4.lt(v128.load(from, 48), level));
  const c = i16x8.narrow_i32x4_s(f32x4.lt(v128.load(from, 64), level), f32x4.lt(v128.load(from, 80), level));
  const e = i16x8.narrow_i32x4_s(f32x4.lt(v128.load(from, 96), level), f32x4.lt(v128.load(from, 112), level));
  return <u32>i8x16.bitmask(i8x16.narrow_i16x8_s(a, b)) | (<u32>i8x16.bitmask(i8x16.narrow_i16x8_s(c, e)) << 16);
}

/** Finds the words with a cell whose eight corners are not alike. a, b, c, d: rows (y-1, z-1), (y, z-1), (y-1, z), (y, z). */
function sweepRow(a: usize, b: usize, c: usize, d: usize, y: i32, z: i32, half: usize, first: i32, last: i32, emit: i32): void {
  const layer = <usize>(ny + 2) * recordStride;
  const row = <usize>(y + 1) * recordStride;
  const recordsHere = records + half * layer + row;
  const recordsBefore = records + (half ^ 1) * layer + row;
  for (let w = 0; w < words; w += 4) {
    const at = <usize>w << 2;
    const va = v128.load(a + at), vb = v128.load(b + at), vc = v128.load(c + at), vd = v128.load(d + at);
    const any = v128.or(v128.or(va, vb), v128.or(vc, vd));
    const all = v128.and(v128.and(va, vb), v128.and(vc, vd));
    // the words before: their top bits are the left corners of the first cells
    const pa = v128.load(a + at - 4), pb = v128.load(b + at - 4), pc = v128.load(c + at - 4), pd = v128.load(d + at - 4);
    const anyBefore = i32x4.shr_u(v128.or(v128.or(pa, pb), v128.or(pc, pd)), 31);
    const allBefore = i32x4.shr_u(v128.and(v128.and(pa, pb), v128.and(pc, pd)), 31);
    const active = v128.andnot(
      v128.or(any, v128.or(i32x4.shl(any, 1), anyBefore)),
      v128.and(all, v128.or(i32x4.shl(all, 1), allBefore)),
    );
    if (!v128.any_true(active)) continue;
    for (let k = 0; k < 4; k++) {
      const word = w + k;
      const o = at + (<usize>k << 2);
      const wa = load<u32>(a + o), wb = load<u32>(b + o), wc = load<u32>(c + o), wd = load<u32>(d + o);
      const la = load<u32>(a + o - 4) >> 31, lb = load<u32>(b + o - 4) >> 31, lc = load<u32>(c + o - 4) >> 31, ld = load<u32>(d + o - 4) >> 31;
      const left = (wd << 1) | ld;
      const cells =
        (wa | wb | wc | left | wd | (wa << 1) | la | (wb << 1) | lb | (wc << 1) | lc) &
        ~(wa & wb & wc & wd & left & ((wa << 1) | la) & ((wb << 1) | lb) & ((wc << 1) | lc));
      if (!cells) continue;
      const maskX = wd ^ left, maskY = wd ^ wc, maskZ = wd ^ wb;
      const record = recordsHere + <usize>word * RECORD;
      const firstY = numbered + popcnt<u32>(maskX);
      const firstZ = firstY + popcnt<u32>(maskY);
      store<u32>(record, numbered, 0);
      store<u32>(record, maskX, 4);
      store<u32>(record, firstY, 8);
      store<u32>(record, maskY, 12);
      store<u32>(record, firstZ, 16);
      store<u32>(record, maskZ, 20);
      numbered = firstZ + popcnt<u32>(maskZ);
      if (!emit) continue;
      if (maskX | maskY | maskZ) emitPoints(word << 5, y, z, maskX, maskY, maskZ, first, last);
      emitCells(
        cells,
        (<u64>wa << 1) | la, (<u64>wb << 1) | lb, (<u64>wc << 1) | lc, (<u64>wd << 1) | ld,
        recordsBefore - recordStride + <usize>word * RECORD, recordsBefore + <usize>word * RECORD, record - recordStride, record,
      );
    }
  }
}

/** Where between two samples the surface is: not quite at the ends, because no triangle may shrink to a point; half way where a sample is not finite. */
@inline
function crossing(a: f32, b: f32): f32 {
  const step = b - a;
  // false for NaN, too
  if (!(abs<f32>(step) < Infinity)) return 0.5;
  return min<f32>(0.999, max<f32>(0.001, (iso - a) / step));
}

@inline
function point(x: f32, y: f32, z: f32): void {
  store<f32>(pointAt, x);
  store<f32>(pointAt, y, 4);
  store<f32>(pointAt, z, 8);
  pointAt += 12;
}

function emitPoints(x0: i32, y: i32, z: i32, maskX: u32, maskY: u32, maskZ: u32, first: i32, last: i32): void {
  const fy = <f32>y, fz = <f32>z;
  const row = layerAddress(z) + <usize>y * <usize>nx * 4;
  while (maskX) {
    const x = x0 + ctz<u32>(maskX);
    maskX &= maskX - 1;
    const p = row + (<usize>x << 2);
    point(<f32>(x - 1) + (x == 0 || x == nx ? <f32>0.5 : crossing(load<f32>(p - 4), load<f32>(p))), fy, fz);
  }
  const border = y == 0 || y == ny;
  const rowY = row - <usize>nx * 4;
  while (maskY) {
    const x = x0 + ctz<u32>(maskY);
    maskY &= maskY - 1;
    const o = <usize>x << 2;
    point(<f32>x, fy - 1 + (border ? <f32>0.5 : crossing(load<f32>(rowY + o), load<f32>(row + o))), fz);
  }
  if (!maskZ) return;
  const rowZ = first ? row : layerAddress(z - 1) + <usize>y * <usize>nx * 4;
  while (maskZ) {
    const x = x0 + ctz<u32>(maskZ);
    maskZ &= maskZ - 1;
    const o = <usize>x << 2;
    point(<f32>x, fy, fz - 1 + (first | last ? <f32>0.5 : crossing(load<f32>(rowZ + o), load<f32>(row + o))));
  }
}

/** Vertex on the edge of kind 0, 8, 16 (x, y, z) at a bit of a record's word; `below`: the bits before it. */
@inline
function vertex(record: usize, kind: usize, below: u32): u32 {
  return load<u32>(record + kind) + popcnt<u32>(load<u32>(record + kind, 4) & below);
}

/**
 * Triangles of a word's cells. a, b, c, d: rows of bits as in sweepRow, shifted up by one with the bit before in front; ra..rd: the records of their
 * nodes. Edges as in src/isosurface/cases.ts: 4 axis + (lower or upper) along the two other axes.
 */
function emitCells(cells: u32, a: u64, b: u64, c: u64, d: u64, ra: usize, rb: usize, rc: usize, rd: usize): void {
  while (cells) {
    const bit = ctz<u32>(cells);
    cells &= cells - 1;
    const k = <u64>bit;
    const code = <usize>(((a >> k) & 3) | (((b >> k) & 3) << 2) | (((c >> k) & 3) << 4) | (((d >> k) & 3) << 6));
    const below = (<u32>1 << bit) - 1;
    // the node one to the left may be in the word before
    const back: usize = bit ? 0 : RECORD;
    const belowLeft: u32 = bit ? below >> 1 : 0x7fffffff;
    store<u32>(ids, vertex(ra, 0, below), 0);
    store<u32>(ids, vertex(rb, 0, below), 4);
    store<u32>(ids, vertex(rc, 0, below), 8);
    store<u32>(ids, vertex(rd, 0, below), 12);
    store<u32>(ids, vertex(rb - back, 8, belowLeft), 16);
    store<u32>(ids, vertex(rb, 8, below), 20);
    store<u32>(ids, vertex(rd - back, 8, belowLeft), 24);
    store<u32>(ids, vertex(rd, 8, below), 28);
    store<u32>(ids, vertex(rc - back, 16, belowLeft), 32);
    store<u32>(ids, vertex(rc, 16, below), 36);
    store<u32>(ids, vertex(rd - back, 16, belowLeft), 40);
    store<u32>(ids, vertex(rd, 16, below), 44);
    let edge = cases + code * CASE_BYTES;
    const end = triangleAt + (<usize>load<u8>(edge) << 2);
    for (; triangleAt < end; triangleAt += 4) store<u32>(triangleAt, load<u32>(ids + (<usize>load<u8>(++edge) << 2)));
  }
}
