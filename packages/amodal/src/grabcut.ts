import { colourCost, fitColours } from './gmm.ts';
import { GridCut } from './maxflow.ts';

/** What is known about a pixel before the cut. */
export const SURE_OUT = 0;
export const SURE_IN = 1;
export const MAYBE_OUT = 2;
export const MAYBE_IN = 3;

export interface GrabCutInput {
  width: number;
  height: number;
  /** [height, width, 3], 0..255. */
  rgb: Float32Array;
  /** [height, width], one of the four above. */
  trimap: Uint8Array;
  /** [height, width], added evidence: log-odds that a pixel is inside, from a network. */
  logOdds?: Float32Array;
  iterations: number;
  /** Stops early when fewer than this share of pixels changes sides. */
  settled?: number;
}

const COMPONENTS = 5;
/** Weight of the boundary's length against the colours, 50 in the paper. */
const SMOOTHNESS = 50;
/** Colours that a model has never seen are not endless evidence: cost differences end here. */
const COLOUR_LIMIT = 25;
const SCALE = 64;
const SURE = 1 << 26;

/**
 * GrabCut (Rother, Kolmogorov, Blake 2004): alternates between fitting a colour mixture to each side and cutting the pixel grid.
 *
 * In TypeScript because the WebAssembly build of OpenCV that has it weighs 11 MB, takes a second to start, and installs process-wide
 * exception handlers.
 *
 * @returns [height, width], 1 inside
 */
export function grabCut(input: GrabCutInput): Uint8Array {
  const { width, height, rgb, trimap } = input;
  const count = width * height;
  const inside = new Uint8Array(count);
  for (let i = 0; i < count; i++) inside[i] = trimap[i]! & 1;
  const edges = edgeWeights(width, height, rgb);
  for (let iteration = 0; iteration < input.iterations; iteration++) {
    const insideModel = fitColours(rgb, where(inside, 1), COMPONENTS);
    const outsideModel = fitColours(rgb, where(inside, 0), COMPONENTS);
    if (insideModel === undefined || outsideModel === undefined) break;
    const cut = new GridCut(width, height);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const i = y * width + x;
        const p = cut.node(x, y);
        if (trimap[i] === SURE_IN) cut.terminal[p] = SURE;
        else if (trimap[i] === SURE_OUT) cut.terminal[p] = -SURE;
        else {
          const [r, g, b] = [rgb[i * 3]!, rgb[i * 3 + 1]!, rgb[i * 3 + 2]!];
          const colour = colourCost(outsideModel, r, g, b) - colourCost(insideModel, r, g, b);
          const evidence = Math.max(-COLOUR_LIMIT, Math.min(COLOUR_LIMIT, colour)) + (input.logOdds?.[i] ?? 0);
          cut.terminal[p] = Math.round(evidence * SCALE);
        }
        for (let k = 0; k < 4; k++) {
          const weight = edges[i * 4 + k]!;
          if (weight > 0) cut.link(p, k * 2, Math.max(1, Math.round(weight * SCALE)));
        }
      }
    cut.solve();
    let changed = 0;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const side = cut.isSource(cut.node(x, y)) ? 1 : 0;
        if (side !== inside[y * width + x]) changed++;
        inside[y * width + x] = side;
      }
    if (changed <= (input.settled ?? 0.001) * count) break;
  }
  return inside;
}

/** Per pixel the weights to its E, S, SE and SW neighbours; 0 where there is none. Strong across equal colours, weak across edges. */
function edgeWeights(width: number, height: number, rgb: Float32Array): Float32Array {
  const weights = new Float32Array(width * height * 4);
  const steps = [
    [1, 0],
    [0, 1],
    [1, 1],
    [-1, 1],
  ] as const;
  let sum = 0;
  let pairs = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let k = 0; k < 4; k++) {
        const [dx, dy] = steps[k]!;
        if (x + dx < 0 || x + dx >= width || y + dy >= height) {
          weights[(y * width + x) * 4 + k] = -1;
          continue;
        }
        const a = (y * width + x) * 3;
        const b = ((y + dy) * width + x + dx) * 3;
        const difference = (rgb[a]! - rgb[b]!) ** 2 + (rgb[a + 1]! - rgb[b + 1]!) ** 2 + (rgb[a + 2]! - rgb[b + 2]!) ** 2;
        weights[(y * width + x) * 4 + k] = difference;
        sum += difference;
        pairs++;
      }
  const beta = sum > 0 ? pairs / (2 * sum) : 0;
  for (let i = 0; i < weights.length; i++) {
    const difference = weights[i]!;
    const diagonal = i % 4 > 1 ? Math.SQRT1_2 : 1;
    weights[i] = difference < 0 ? 0 : SMOOTHNESS * diagonal * Math.exp(-beta * difference);
  }
  return weights;
}

function where(labels: Uint8Array, value: number): Int32Array {
  const found: number[] = [];
  for (let i = 0; i < labels.length; i++) if (labels[i] === value) found.push(i);
  return Int32Array.from(found);
}
