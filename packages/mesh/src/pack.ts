export interface Packed {
  /** [3 T, 2], glTF convention: (0, 0) is the texture's top left. */
  uvs: Float32Array;
  utilisation: number;
  texelsPerUnit: number;
}

interface Shape {
  /** Half-edge slots (3 T) of this chart's corners. */
  slots: number[];
  /** Rotated corners, world units, lower left at the origin. */
  xy: Float32Array;
  width: number;
  height: number;
}

/**
 * Packs planar charts into a square: each is turned to its smallest rectangle (of 32 directions), then dropped on a skyline by its own outline
 * (Levy 2002), upright or turned by quarters, or put into a hole below the skyline if its rectangle fits one. The largest scale at which everything fits is found by bisection.
 */
export function packCharts(
  projected: Float32Array,
  chartOfTriangle: Uint32Array,
  chartCount: number,
  size: number,
  paddingPx: number,
): Packed {
  const slots: number[][] = Array.from({ length: chartCount }, () => []);
  chartOfTriangle.forEach((c, t) => {
    slots[c].push(t * 3, t * 3 + 1, t * 3 + 2);
  });
  const shapes = slots.map((own) => turnToRectangle(projected, own));
  let area = 0;
  let longest = 0;
  for (const shape of shapes) {
    area += shape.width * shape.height;
    longest = Math.max(longest, shape.width, shape.height);
  }
  const order = shapes
    .map((_, i) => i)
    .sort((a, b) => Math.max(shapes[b].height, shapes[b].width) - Math.max(shapes[a].height, shapes[a].width) || a - b);

  // largest scale that fits; the search starts from what the rectangles' area suggests
  let low = 0;
  let high = Math.min((size - paddingPx) / Math.max(longest, 1e-12), (size / Math.sqrt(Math.max(area, 1e-24))) * 1.6);
  let best: Placement[] | undefined;
  let scale = (size / Math.sqrt(Math.max(area, 1e-24))) * 0.9;
  if (scale > high) scale = high;
  for (let step = 0; step < 40; step++) {
    const placed = place(shapes, order, scale, size, paddingPx);
    if (placed) {
      best = placed;
      low = scale;
    } else high = scale;
    if (best && (high - low) / low < 0.01) break;
    scale = best ? (low + high) / 2 : scale * 0.85;
  }
  if (!best) {
    // more charts than texels: everything in one spot is still a valid file
    best = shapes.map(() => ({ x: 0, y: 0, turns: 0 }));
    low = 0;
  }

  const uvs = new Float32Array(projected.length);
  let covered = 0;
  shapes.forEach((shape, i) => {
    const { x, y, turns } = best[i];
    shape.slots.forEach((slot, k) => {
      const [px, py] = turned(shape, k, turns);
      // the page's y runs up while packing, the texture's v runs down; charts keep their orientation
      uvs[slot * 2] = (x + paddingPx / 2 + px * low) / size;
      uvs[slot * 2 + 1] = 1 - (y + paddingPx / 2 + py * low) / size;
    });
    for (let k = 0; k < shape.slots.length; k += 3) {
      const { xy } = shape;
      const [a, b, c] = [k * 2, k * 2 + 2, k * 2 + 4];
      covered += Math.abs((xy[b] - xy[a]) * (xy[c + 1] - xy[a + 1]) - (xy[b + 1] - xy[a + 1]) * (xy[c] - xy[a])) / 2;
    }
  });
  return { uvs, utilisation: (covered * low * low) / (size * size), texelsPerUnit: low };
}

interface Placement {
  x: number;
  y: number;
  turns: number;
}

/** Corner k of a shape after `turns` quarter turns, lower left at the origin. */
function turned({ xy, width, height }: Shape, k: number, turns: number): [number, number] {
  const x = xy[k * 2];
  const y = xy[k * 2 + 1];
  if (turns === 0) return [x, y];
  if (turns === 1) return [height - y, x];
  if (turns === 2) return [width - x, height - y];
  return [y, width - x];
}

function turnToRectangle(projected: Float32Array, slots: number[]): Shape {
  let best = { area: Infinity, angle: 0, x0: 0, y0: 0, width: 0, height: 0 };
  for (let step = 0; step < 32; step++) {
    const angle = (step / 32) * (Math.PI / 2);
    const cos = Math.cos(angle);
    const sin = Math.sin(angle);
    let x0 = Infinity;
    let y0 = Infinity;
    let x1 = -Infinity;
    let y1 = -Infinity;
    for (const slot of slots) {
      const x = projected[slot * 2] * cos - projected[slot * 2 + 1] * sin;
      const y = projected[slot * 2] * sin + projected[slot * 2 + 1] * cos;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
    }
    const area = (x1 - x0) * (y1 - y0);
    if (area < best.area * (1 - 1e-6)) best = { area, angle, x0, y0, width: x1 - x0, height: y1 - y0 };
  }
  const cos = Math.cos(best.angle);
  const sin = Math.sin(best.angle);
  const xy = new Float32Array(slots.length * 2);
  slots.forEach((slot, k) => {
    xy[k * 2] = projected[slot * 2] * cos - projected[slot * 2 + 1] * sin - best.x0;
    xy[k * 2 + 1] = projected[slot * 2] * sin + projected[slot * 2 + 1] * cos - best.y0;
  });
  return { slots, xy, width: best.width, height: best.height };
}

/** Lowest and highest texel of every column of a shape at a scale, padding included. */
function outline(shape: Shape, scale: number, turns: number, paddingPx: number): { bottom: Int32Array; top: Int32Array; width: number } {
  const half = paddingPx / 2;
  const across = (turns % 2 === 0 ? shape.width : shape.height) * scale;
  const width = Math.ceil(across + paddingPx);
  const bottom = new Int32Array(width).fill(1 << 29);
  const top = new Int32Array(width).fill(-1);
  const edge = (a: [number, number], b: [number, number]) => {
    const [left, right] = a[0] <= b[0] ? [a, b] : [b, a];
    const lx = left[0] * scale + half;
    const rx = right[0] * scale + half;
    const ly = left[1] * scale + half;
    const ry = right[1] * scale + half;
    const from = Math.max(0, Math.floor(lx - half));
    const to = Math.min(width - 1, Math.floor(rx + half));
    const slope = rx - lx > 1e-9 ? (ry - ly) / (rx - lx) : 0;
    for (let x = from; x <= to; x++) {
      // the edge's part over this column, widened by half the padding on either side
      const xa = Math.min(Math.max(x - half, lx), rx);
      const xb = Math.max(Math.min(x + 1 + half, rx), lx);
      const ya = ly + (xa - lx) * slope;
      const yb = rx - lx > 1e-9 ? ly + (xb - lx) * slope : ry;
      const low = Math.floor(Math.min(ya, yb) - half);
      const high = Math.ceil(Math.max(ya, yb) + half);
      if (low < bottom[x]) bottom[x] = low;
      if (high > top[x]) top[x] = high;
    }
  };
  for (let k = 0; k < shape.slots.length; k += 3) {
    const a = turned(shape, k, turns);
    const b = turned(shape, k + 1, turns);
    const c = turned(shape, k + 2, turns);
    edge(a, b);
    edge(b, c);
    edge(c, a);
  }
  for (let x = 0; x < width; x++) if (top[x] < 0) bottom[x] = top[x] = 0;
  return { bottom, top, width };
}

function place(shapes: Shape[], order: number[], scale: number, size: number, paddingPx: number): Placement[] | undefined {
  const sky = new Int32Array(size);
  const holes = new Holes(size);
  const placements: Placement[] = new Array(shapes.length);
  for (const i of order) {
    let best: { x: number; y: number; turns: number; cost: number; bottom: Int32Array; top: Int32Array } | undefined;
    for (let turns = 0; turns < 4; turns++) {
      const { bottom, top, width } = outline(shapes[i], scale, turns, paddingPx);
      if (width > size) continue;
      let highest = 0;
      for (let k = 0; k < width; k++) if (top[k] > highest) highest = top[k];
      for (let x = 0; x + width <= size; x++) {
        let y = 0;
        const bound = best ? best.cost : Infinity;
        for (let k = 0; k < width; k++) {
          const rest = sky[x + k] - bottom[k];
          if (rest > y) {
            y = rest;
            if (y + highest >= bound) break;
          }
        }
        const cost = y + highest;
        if (cost > size || cost >= bound) continue;
        best = { x, y, turns, cost, bottom, top };
      }
    }
    // a hole that ends lower than the skyline's offer
    const hole = holes.find(shapes[i], scale, paddingPx, best ? best.cost : size + 1);
    if (hole) {
      const { bottom, top } = outline(shapes[i], scale, hole.turns, paddingPx);
      best = { ...hole, cost: 0, bottom, top };
    }
    if (!best) return undefined;
    placements[i] = { x: best.x, y: best.y, turns: best.turns };
    for (let k = 0; k < best.top.length; k++) if (best.top[k] > 0) sky[best.x + k] = Math.max(sky[best.x + k], best.y + best.top[k]);
    holes.fill(shapes[i], placements[i], scale, paddingPx);
  }
  return placements;
}

/** Edge of a cell of the hole map in texels. */
const CELL = 4;

/** Coarse map of what is taken, with the free cells to the right of each cell to ask for free rectangles. */
class Holes {
  readonly #edge: number;
  readonly #taken: Uint8Array;
  /** Free cells from this one on to the right, itself included. */
  readonly #free: Int32Array;
  /** By width and height in cells, where the search for such a rectangle goes on: space once taken stays taken. */
  readonly #from = new Map<number, number>();

  constructor(size: number) {
    this.#edge = Math.floor(size / CELL);
    this.#taken = new Uint8Array(this.#edge * this.#edge);
    this.#free = Int32Array.from({ length: this.#edge * this.#edge }, (_, i) => this.#edge - (i % this.#edge));
  }

  /** Free place for a shape's rectangle with the lowest upper edge below `bound` texels. */
  find(shape: Shape, scale: number, paddingPx: number, bound: number): Placement | undefined {
    const edge = this.#edge;
    let best: Placement | undefined;
    let lowest = bound;
    for (let turns = 0; turns < 2; turns++) {
      const width = Math.ceil(((turns === 0 ? shape.width : shape.height) * scale + paddingPx + 1) / CELL);
      const height = Math.ceil(((turns === 0 ? shape.height : shape.width) * scale + paddingPx + 1) / CELL);
      const key = width * 65_536 + height;
      let at = this.#from.get(key) ?? 0;
      for (; Math.floor(at / edge) + height <= edge && (Math.floor(at / edge) + height) * CELL < lowest; ) {
        const y = Math.floor(at / edge);
        const x = at % edge;
        const step = this.#blocked(x, y, width, height);
        if (step > 0) {
          at = x + step + width <= edge ? at + step : (y + 1) * edge;
          continue;
        }
        best = { x: x * CELL, y: y * CELL, turns };
        lowest = (y + height) * CELL;
        break;
      }
      this.#from.set(key, at);
    }
    return best;
  }

  /** 0 where the rectangle is free, else how far its left edge must move right to get past what is in the way. */
  #blocked(x: number, y: number, width: number, height: number): number {
    for (let row = y; row < y + height; row++) {
      const free = this.#free[row * this.#edge + x];
      if (free < width) return free + 1;
    }
    return 0;
  }

  /** Marks the cells of a placed shape: those of its triangles' rectangles, padding included. */
  fill(shape: Shape, { x, y, turns }: Placement, scale: number, paddingPx: number): void {
    const edge = this.#edge;
    let first = edge;
    let last = -1;
    for (let k = 0; k < shape.slots.length; k += 3) {
      const corners = [turned(shape, k, turns), turned(shape, k + 1, turns), turned(shape, k + 2, turns)];
      const span = (axis: 0 | 1, origin: number) => {
        const low = Math.min(corners[0][axis], corners[1][axis], corners[2][axis]) * scale + origin;
        const high = Math.max(corners[0][axis], corners[1][axis], corners[2][axis]) * scale + origin + paddingPx;
        return [Math.max(0, Math.floor(low / CELL)), Math.min(edge - 1, Math.floor(high / CELL))];
      };
      const [x0, x1] = span(0, x);
      const [y0, y1] = span(1, y);
      for (let row = y0; row <= y1; row++) this.#taken.fill(1, row * edge + x0, row * edge + x1 + 1);
      first = Math.min(first, y0);
      last = Math.max(last, y1);
    }
    for (let row = first; row <= last; row++) {
      let free = 0;
      for (let column = edge - 1; column >= 0; column--) {
        free = this.#taken[row * edge + column] ? 0 : free + 1;
        this.#free[row * edge + column] = free;
      }
    }
  }
}
