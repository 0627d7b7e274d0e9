/**
 * Minimum cut of an 8-connected grid: Boykov and Kolmogorov 2004, with their timestamps and distances. Integer capacities.
 *
 * The grid has a border of one dead node on every side so that no neighbour needs a bounds check: node (x, y) of the picture is
 * (y + 1) * (width + 2) + x + 1. Arcs of a node: 0 E, 1 W, 2 S, 3 N, 4 SE, 5 NW, 6 SW, 7 NE; the reverse of d is d ^ 1.
 */
export class GridCut {
  readonly stride: number;
  /** Residual capacity of arc d of node p at p * 8 + d. */
  readonly arcs: Int32Array;
  /** Residual capacity from the source (> 0) or to the sink (< 0). */
  readonly terminal: Int32Array;
  readonly #offsets: Int32Array;
  readonly #tree: Uint8Array;
  readonly #parent: Uint8Array;
  readonly #stamp: Int32Array;
  readonly #distance: Int32Array;
  readonly #queued: Uint8Array;
  #time = 0;

  constructor(width: number, height: number) {
    this.stride = width + 2;
    const nodes = this.stride * (height + 2);
    this.arcs = new Int32Array(nodes * 8);
    this.terminal = new Int32Array(nodes);
    const s = this.stride;
    this.#offsets = Int32Array.of(1, -1, s, -s, s + 1, -s - 1, s - 1, 1 - s);
    this.#tree = new Uint8Array(nodes);
    this.#parent = new Uint8Array(nodes).fill(NONE);
    this.#stamp = new Int32Array(nodes);
    this.#distance = new Int32Array(nodes);
    this.#queued = new Uint8Array(nodes);
  }

  node(x: number, y: number): number {
    return (y + 1) * this.stride + x + 1;
  }

  /** Both directions of the arc d of node p get this capacity. */
  link(p: number, d: number, capacity: number): void {
    this.arcs[p * 8 + d] = capacity;
    this.arcs[(p + this.#offsets[d]!) * 8 + (d ^ 1)] = capacity;
  }

  /** After `solve`: true when the node is on the source's side. Nodes that neither side reaches belong to the sink. */
  isSource(p: number): boolean {
    return this.#tree[p] === SOURCE;
  }

  /** Pushes flow until source and sink are apart. */
  solve(): void {
    const { arcs, terminal } = this;
    const tree = this.#tree;
    const parent = this.#parent;
    const stamp = this.#stamp;
    const distance = this.#distance;
    const queued = this.#queued;
    const offsets = this.#offsets;
    const nodes = terminal.length;
    const queue = new Ring(nodes + 1);
    const orphans = new Ring(nodes + 1);
    for (let p = 0; p < nodes; p++) {
      if (terminal[p] === 0) continue;
      tree[p] = terminal[p]! > 0 ? SOURCE : SINK;
      parent[p] = TERMINAL;
      distance[p] = 1;
      queued[p] = 1;
      queue.push(p);
    }
    let current = -1;
    for (;;) {
      let p = current;
      if (p < 0 || tree[p] === FREE) {
        do {
          p = queue.pop();
          if (p < 0) return;
          queued[p] = 0;
        } while (tree[p] === FREE);
      }
      current = -1;
      const side = tree[p]!;
      // grow until the trees touch
      let fromSource = -1;
      let meeting = 0;
      for (let d = 0; d < 8; d++) {
        const q = p + offsets[d]!;
        const capacity = side === SOURCE ? arcs[p * 8 + d]! : arcs[q * 8 + (d ^ 1)]!;
        if (capacity <= 0) continue;
        if (tree[q] === FREE) {
          tree[q] = side;
          parent[q] = d ^ 1;
          stamp[q] = stamp[p]!;
          distance[q] = distance[p]! + 1;
          if (queued[q] === 0) {
            queued[q] = 1;
            queue.push(q);
          }
        } else if (tree[q] !== side) {
          fromSource = side === SOURCE ? p : q;
          meeting = side === SOURCE ? d : d ^ 1;
          break;
        } else if (stamp[q]! <= stamp[p]! && distance[q]! > distance[p]!) {
          parent[q] = d ^ 1;
          stamp[q] = stamp[p]!;
          distance[q] = distance[p]! + 1;
        }
      }
      this.#time++;
      if (fromSource < 0) continue;
      current = p;
      this.#augment(fromSource, meeting, orphans);
      for (let orphan = orphans.pop(); orphan >= 0; orphan = orphans.pop()) this.#adopt(orphan, orphans, queue);
    }
  }

  /** Saturates the path source -> ... -> p -> (arc d) -> ... -> sink. Nodes that lose their parent become orphans. */
  #augment(p: number, d: number, orphans: Ring): void {
    const { arcs, terminal } = this;
    const parent = this.#parent;
    const offsets = this.#offsets;
    const first = p * 8 + d;
    const q = p + offsets[d]!;
    let flow = arcs[first]!;
    let node = p;
    while (parent[node] !== TERMINAL) {
      const up = parent[node]!;
      const next = node + offsets[up]!;
      flow = Math.min(flow, arcs[next * 8 + (up ^ 1)]!);
      node = next;
    }
    flow = Math.min(flow, terminal[node]!);
    node = q;
    while (parent[node] !== TERMINAL) {
      const up = parent[node]!;
      flow = Math.min(flow, arcs[node * 8 + up]!);
      node += offsets[up]!;
    }
    flow = Math.min(flow, -terminal[node]!);

    arcs[first]! -= flow;
    arcs[q * 8 + (d ^ 1)]! += flow;
    node = p;
    while (parent[node] !== TERMINAL) {
      const up = parent[node]!;
      const next = node + offsets[up]!;
      arcs[node * 8 + up]! += flow;
      arcs[next * 8 + (up ^ 1)]! -= flow;
      if (arcs[next * 8 + (up ^ 1)] === 0) {
        parent[node] = ORPHAN;
        orphans.push(node);
      }
      node = next;
    }
    terminal[node]! -= flow;
    if (terminal[node] === 0) {
      parent[node] = ORPHAN;
      orphans.push(node);
    }
    node = q;
    while (parent[node] !== TERMINAL) {
      const up = parent[node]!;
      const next = node + offsets[up]!;
      arcs[next * 8 + (up ^ 1)]! += flow;
      arcs[node * 8 + up]! -= flow;
      if (arcs[node * 8 + up] === 0) {
        parent[node] = ORPHAN;
        orphans.push(node);
      }
      node = next;
    }
    terminal[node]! += flow;
    if (terminal[node] === 0) {
      parent[node] = ORPHAN;
      orphans.push(node);
    }
  }

  /** Finds a new parent for an orphan in its own tree, or frees it and makes its children orphans. */
  #adopt(p: number, orphans: Ring, queue: Ring): void {
    const { arcs } = this;
    const tree = this.#tree;
    const parent = this.#parent;
    const stamp = this.#stamp;
    const distance = this.#distance;
    const offsets = this.#offsets;
    const side = tree[p]!;
    const time = this.#time;
    let best = NONE;
    let bestDistance = Infinity;
    for (let d = 0; d < 8; d++) {
      const q = p + offsets[d]!;
      const capacity = side === SOURCE ? arcs[q * 8 + (d ^ 1)]! : arcs[p * 8 + d]!;
      if (capacity <= 0 || tree[q] !== side) continue;
      // does q hang on the terminal?
      let length = 0;
      let node = q;
      for (;;) {
        if (stamp[node] === time) {
          length += distance[node]!;
          break;
        }
        const up = parent[node]!;
        length++;
        if (up === TERMINAL) {
          stamp[node] = time;
          distance[node] = 1;
          break;
        }
        if (up >= ORPHAN) {
          length = Infinity;
          break;
        }
        node += offsets[up]!;
      }
      if (length === Infinity) continue;
      if (length < bestDistance) {
        best = d;
        bestDistance = length;
      }
      for (node = q; stamp[node] !== time; node += offsets[parent[node]!]!) {
        stamp[node] = time;
        distance[node] = length--;
      }
    }
    if (best !== NONE) {
      parent[p] = best;
      stamp[p] = time;
      distance[p] = bestDistance + 1;
      return;
    }
    for (let d = 0; d < 8; d++) {
      const q = p + offsets[d]!;
      if (tree[q] !== side) continue;
      const capacity = side === SOURCE ? arcs[q * 8 + (d ^ 1)]! : arcs[p * 8 + d]!;
      if (capacity > 0 && this.#queued[q] === 0) {
        this.#queued[q] = 1;
        queue.push(q);
      }
      const up = parent[q]!;
      if (up < TERMINAL && q + offsets[up]! === p) {
        parent[q] = ORPHAN;
        orphans.push(q);
      }
    }
    tree[p] = FREE;
    parent[p] = NONE;
  }
}

const FREE = 0;
const SOURCE = 1;
const SINK = 2;
/** Parents below are arc numbers. */
const TERMINAL = 8;
const ORPHAN = 9;
const NONE = 10;

/** First in, first out. */
class Ring {
  readonly #items: Int32Array;
  #head = 0;
  #tail = 0;

  constructor(size: number) {
    this.#items = new Int32Array(size);
  }

  push(value: number): void {
    this.#items[this.#tail] = value;
    if (++this.#tail === this.#items.length) this.#tail = 0;
  }

  /** -1 when empty. */
  pop(): number {
    if (this.#head === this.#tail) return -1;
    const value = this.#items[this.#head]!;
    if (++this.#head === this.#items.length) this.#head = 0;
    return value;
  }
}
