/** What can be counted on an indexed triangle mesh. */
export interface Topology {
  /** Every edge has exactly one triangle on each side, with opposite directions. */
  closed: boolean;
  /** Vertices - edges + triangles of the whole mesh: 2 a sphere, 0 a torus. */
  euler: number;
  components: number;
  /** Signed volume; positive if wound outwards. */
  volume: number;
}

/** Component of each triangle, and the components' signed volumes. */
export function meshComponents(positions: Float32Array, indices: Uint32Array): { ofTriangle: Uint32Array; volumes: number[] } {
  const parent = new Uint32Array(positions.length / 3);
  for (let i = 0; i < parent.length; i++) parent[i] = i;
  const find = (i: number): number => {
    while (parent[i] !== i) {
      parent[i] = parent[parent[i]];
      i = parent[i];
    }
    return i;
  };
  // the smaller index becomes the root: vertices come in spatial order, which keeps the paths short
  const unite = (a: number, b: number): number => {
    const [low, high] = a < b ? [a, b] : [b, a];
    parent[high] = low;
    return low;
  };
  for (let t = 0; t < indices.length; t += 3) unite(unite(find(indices[t]), find(indices[t + 1])), find(indices[t + 2]));
  const numberOf = new Int32Array(parent.length).fill(-1);
  const ofTriangle = new Uint32Array(indices.length / 3);
  const volumes: number[] = [];
  for (let t = 0; t < ofTriangle.length; t++) {
    const root = find(indices[t * 3]);
    if (numberOf[root] < 0) numberOf[root] = volumes.push(0) - 1;
    const component = numberOf[root];
    ofTriangle[t] = component;
    volumes[component] += tetrahedron(positions, indices, t * 3);
  }
  return { ofTriangle, volumes };
}

/** Signed volume between a triangle and the origin. */
function tetrahedron(p: Float32Array, indices: Uint32Array, at: number): number {
  const a = indices[at] * 3;
  const b = indices[at + 1] * 3;
  const c = indices[at + 2] * 3;
  return (
    (p[a] * (p[b + 1] * p[c + 2] - p[b + 2] * p[c + 1]) +
      p[a + 1] * (p[b + 2] * p[c] - p[b] * p[c + 2]) +
      p[a + 2] * (p[b] * p[c + 1] - p[b + 1] * p[c])) /
    6
  );
}

/** Counts of a mesh whose vertices are all used. */
export function meshTopology(positions: Float32Array, indices: Uint32Array): Topology {
  const vertices = positions.length / 3;
  const edges = new Map<number, number>();
  let closed = true;
  for (let t = 0; t < indices.length; t += 3)
    for (let k = 0; k < 3; k++) {
      const from = indices[t + k];
      const to = indices[t + ((k + 1) % 3)];
      const key = from * vertices + to;
      if (edges.has(key) || from === to) closed = false;
      edges.set(key, 1);
    }
  for (const key of edges.keys()) {
    const from = Math.floor(key / vertices);
    if (!edges.has((key % vertices) * vertices + from)) closed = false;
  }
  const { volumes } = meshComponents(positions, indices);
  return {
    closed,
    euler: vertices - edges.size / 2 + indices.length / 3,
    components: volumes.length,
    volume: volumes.reduce((sum, volume) => sum + volume, 0),
  };
}
