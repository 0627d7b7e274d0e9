import {
  add,
  concat,
  conv,
  expandBatch,
  groupNorm,
  linear,
  mean,
  mul,
  pixelShuffle,
  pixelUnshuffle,
  reduceSum,
  reshape,
  type Scope,
  scale,
  silu,
  softmax,
  sub,
  transpose,
  upsampleNearest2,
  type Value,
} from '@gestalt3d/onnx';
import { createTable, fillTable, type InterpolationTable } from '../interpolation-tables.ts';
import { sampleRows } from '../syncdreamer-volumes.ts';
import { timeEmbedding } from '../time-embedding.ts';
import { activated } from './blocks.ts';

/** models/views/denoiser.py: 16 views of 64 pixels denoised together through one 3-D feature volume, a small member of SyncDreamer's family. */
export interface JointDenoiserConfig {
  /** Channels of a view's features. */
  width: number;
  /** Channels of the volume. */
  volume: number;
  /** Of the timestep and the viewpoint. */
  embed: number;
}

export const JOINT_VIEWS = 16;
export const JOINT_SIZE = 64;
/** Pixels that are folded into channels, and the pixels of a side that are left. */
const PATCH = 4;
const GRID = JOINT_SIZE / PATCH;
/** Channels that each view gives to the volume. */
const GIVEN = 16;
/** Cells of the volume along a side, of half this length in world units. */
const CELLS = 16;
const HALF = 0.6;
/** Depths at which a view looks into the volume. */
const DEPTHS = 8;
const TIME_WIDTH = 32;
const SLOWEST = 1000;
/** The rig: azimuths of 22.5 degrees, all at this elevation and distance; focal length in widths of the picture. */
const ELEVATION = Math.PI / 6;
const DISTANCE = 1.5;
const FOCAL_PER_WIDTH = 1.09375;
const azimuthOf = (view: number): number => (view * Math.PI) / 8;

/**
 * Pictures are RGBA in -1..1 with premultiplied colour.
 * @param views [1, 16, 4, 64, 64] noisy
 * @param body [1, 16, 4, 64, 64] the layered body's renderings
 * @param image [1, 4, 64, 64] the input view
 * @param t [1] 0..999
 * @returns x0 [1, 16, 4, 64, 64]
 */
export function jointDenoiser(
  s: Scope,
  views: Value,
  body: Value,
  image: Value,
  t: Value,
  { width, volume, embed }: JointDenoiserConfig,
): Value {
  const g = s.graph;
  const time = timeEmbedding(g, t, TIME_WIDTH, SLOWEST);
  const where = Array.from({ length: JOINT_VIEWS }, (_, v) => viewpoint(azimuthOf(v)));
  const embedded = (of: readonly number[][], times: Value): Value => {
    const known = linear(s.at('embed', 0), concat(g, [times, g.floats(of.flat(), [of.length, 4])], 1), embed);
    return silu(g, linear(s.at('embed', 2), silu(g, known), embed));
  };
  const each = embedded(where, expandBatch(g, time, pictures(s, views)));
  const still = embedded([[0, 0, 0, 0]], time);

  const seen = block(s.at('image_block'), conv(s.at('look'), pixelUnshuffle(g, image, PATCH), width, { kernel: 3 }), still);
  const folded = pixelUnshuffle(g, concat(g, [pictures(s, views), pictures(s, body)], 1), PATCH);
  let f = block(s.at('encode'), add(g, conv(s.at('stem'), folded, width, { kernel: 3 }), seen), each);
  const solid = volumeNetwork(s, lift(s, conv(s.at('give'), f, GIVEN, { kernel: 1 })), still, volume);
  const looked = attend(s, conv(s.at('query'), f, volume, { kernel: 1 }), solid, volume);
  f = block(s.at('decode'), conv(s.at('merge'), concat(g, [f, looked], 1), width, { kernel: 1 }), each);
  const change = pixelShuffle(g, conv(s.at('head'), activated(s.at('norm'), f, 8), 4 * PATCH ** 2, { kernel: 3 }), PATCH);
  return add(g, body, reshape(g, change, body.shape));
}

const pictures = (s: Scope, views: Value): Value => reshape(s.graph, views, [JOINT_VIEWS, 4, JOINT_SIZE, JOINT_SIZE]);

const viewpoint = (azimuth: number): number[] => [Math.sin(azimuth), Math.cos(azimuth), Math.sin(2 * azimuth), Math.cos(2 * azimuth)];

/** GroupNorm, SiLU, convolution, twice, around a skip, in two or three dimensions; the embedding is added between them. */
function block(s: Scope, x: Value, embedding: Value): Value {
  const g = s.graph;
  const channels = x.shape[1] as number;
  const offset = linear(s.at('bias'), embedding, channels);
  const inner = conv(s.at('c1'), activated(s.at('n1'), x, 8), channels, { kernel: 3 });
  const moved = add(g, inner, reshape(g, offset, [offset.shape[0]!, channels, ...x.shape.slice(2).map(() => 1)]));
  return add(g, x, conv(s.at('c2'), silu(g, groupNorm(s.at('n2'), moved, 8, 1e-5)), channels, { kernel: 3 }));
}

/** Mean and variance over the views of what they see in every cell: [V, C, GRID, GRID] to [1, 2 C, CELLS, CELLS, CELLS]. */
function lift(s: Scope, given: Value): Value {
  const g = s.graph;
  const rows = reshape(g, transpose(g, given, [0, 2, 3, 1]), [JOINT_VIEWS * GRID ** 2, GIVEN]);
  const cells = sampled(s, rows, cellTable());
  const average = mean(g, cells, [0]);
  const spread = sub(g, mean(g, mul(g, cells, cells), [0]), mul(g, average, average));
  const both = transpose(g, concat(g, [average, spread], 2), [0, 2, 1]);
  return reshape(g, both, [1, 2 * GIVEN, CELLS, CELLS, CELLS]);
}

function volumeNetwork(s: Scope, cells: Value, still: Value, width: number): Value {
  const g = s.graph;
  const v = block(s.at('v1'), conv(s.at('v0'), cells, width, { kernel: 1 }), still);
  const low = block(s.at('v2'), conv(s.at('down'), v, 2 * width, { kernel: 3, stride: 2 }), still);
  return block(s.at('v3'), add(g, v, upsampleNearest2(s, conv(s.at('back'), low, width, { kernel: 1 }))), still);
}

/** Each pixel looks at the volume in DEPTHS places along its ray: query [V, C, GRID, GRID] and the volume to [V, C, GRID, GRID]. */
function attend(s: Scope, query: Value, solid: Value, width: number): Value {
  const g = s.graph;
  const pixels = GRID ** 2;
  const along = sampled(s, transpose(g, reshape(g, solid, [width, CELLS ** 3]), [1, 0]), frustumTable());
  const rows = reshape(g, along, [JOINT_VIEWS, DEPTHS, pixels, width]);
  const places = add(g, rows, s.weight('depth_bias', [DEPTHS, width], [DEPTHS, 1, width]));
  const asked = reshape(g, transpose(g, reshape(g, query, [JOINT_VIEWS, width, pixels]), [0, 2, 1]), [JOINT_VIEWS, 1, pixels, width]);
  const logits = reduceSum(g, mul(g, linear(s.at('key'), places, width), asked), 3);
  const shares = reshape(g, softmax(g, scale(g, logits, width ** -0.5), 1), [JOINT_VIEWS, DEPTHS, pixels, 1]);
  const found = reduceSum(g, mul(g, linear(s.at('value'), places, width), shares), 1);
  return reshape(g, transpose(g, found, [0, 2, 1]), query.shape);
}

function sampled(s: Scope, rows: Value, { index, weight, dims }: InterpolationTable): Value {
  const g = s.graph;
  return sampleRows(s, rows, g.indices(index, dims), g.floats(weight, dims));
}

type Vector = readonly [number, number, number];
const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** Right, up, and towards the camera: of views/body.py, y up. */
function axesOf(view: number): { right: Vector; up: Vector; towards: Vector } {
  const [sa, ca, se, ce] = [Math.sin(azimuthOf(view)), Math.cos(azimuthOf(view)), Math.sin(ELEVATION), Math.cos(ELEVATION)];
  return { right: [ca, 0, -sa], up: [-sa * se, ce, -ca * se], towards: [sa * ce, se, ca * ce] };
}

/** Where the volume's cells, x fastest, fall in the views. */
function cellTable(): InterpolationTable {
  const table = createTable(JOINT_VIEWS, 4, CELLS ** 3);
  const along = (i: number): number => (((i % CELLS) + 0.5) / CELLS) * 2 * HALF - HALF;
  for (let view = 0; view < JOINT_VIEWS; view++) {
    const { right, up, towards } = axesOf(view);
    for (let cell = 0; cell < CELLS ** 3; cell++) {
      const at: Vector = [along(cell), along(Math.floor(cell / CELLS)), along(Math.floor(cell / CELLS ** 2))];
      const depth = DISTANCE - dot(at, towards);
      const u = 0.5 + (FOCAL_PER_WIDTH * dot(at, right)) / depth;
      const v = 0.5 - (FOCAL_PER_WIDTH * dot(at, up)) / depth;
      fillTable(table, view, cell, [u * GRID - 0.5, v * GRID - 0.5], GRID, view * GRID ** 2);
    }
  }
  return table;
}

/** Where the views' pixels, nearest depth first, fall in the volume. */
function frustumTable(): InterpolationTable {
  const table = createTable(JOINT_VIEWS, 8, DEPTHS * GRID ** 2);
  for (let view = 0; view < JOINT_VIEWS; view++) {
    const { right, up, towards } = axesOf(view);
    for (let point = 0; point < DEPTHS * GRID ** 2; point++) {
      const depth = DISTANCE + (((Math.floor(point / GRID ** 2) + 0.5) / DEPTHS) * 2 - 1) * HALF;
      const x = (((point % GRID) + 0.5) / GRID - 0.5) * (depth / FOCAL_PER_WIDTH);
      const y = -(((Math.floor(point / GRID) % GRID) + 0.5) / GRID - 0.5) * (depth / FOCAL_PER_WIDTH);
      const position = [0, 1, 2].map((axis) => {
        const world = x * right[axis]! + y * up[axis]! + (DISTANCE - depth) * towards[axis]!;
        return ((world / HALF + 1) / 2) * CELLS - 0.5;
      });
      fillTable(table, view, point, position, CELLS, 0);
    }
  }
  return table;
}
