/**
 * Weights in 8 bits: blocks of equally many consecutive numbers share a step, and each number is a whole count of steps, stored with 128 added.
 * The step is the largest magnitude of the block over 127, so zero stays zero and nothing is clipped.
 */

/** Numbers that share a step in linear layers; the runtime's kernel wants a power of two. */
export const LINEAR_BLOCK = 64;

/** Smaller tensors stay as they are: they take no room, and the first and last layers of a network are among them. */
const LEAST_ELEMENTS = 65_536;

export const isWorthEightBit = (elements: number): boolean => elements >= LEAST_ELEMENTS;

/** What of a tensor is stored: its counts of steps (uint8), or the steps (float32), one a block. */
export interface EightBitPart {
  kind: 'levels' | 'steps';
  /** Numbers a block. */
  block: number;
}

/**
 * One part of a tensor as its float32 bytes stream by.
 * @param pieces little-endian float32 bytes; together a whole number of blocks
 */
export async function* eightBit(
  pieces: AsyncIterable<Uint8Array>,
  { kind, block }: EightBitPart,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const values of wholeBlocks(pieces, block)) {
    const steps = stepsOf(values, block);
    yield kind === 'steps' ? new Uint8Array(steps.buffer) : levelsOf(values, steps, block);
  }
}

function stepsOf(values: Float32Array, block: number): Float32Array {
  const steps = new Float32Array(values.length / block);
  for (let b = 0; b < steps.length; b++) {
    let most = 0;
    for (let i = b * block; i < (b + 1) * block; i++) most = Math.max(most, Math.abs(values[i]!));
    // of a block of zeros any step is right
    steps[b] = most === 0 ? 1 : most / 127;
  }
  return steps;
}

function levelsOf(values: Float32Array, steps: Float32Array, block: number): Uint8Array {
  const levels = new Uint8Array(values.length);
  for (let b = 0; b < steps.length; b++) {
    const step = steps[b]!;
    for (let i = b * block; i < (b + 1) * block; i++) levels[i] = Math.round(values[i]! / step) + 128;
  }
  return levels;
}

/** The same numbers, in pieces that end where a block ends. */
async function* wholeBlocks(pieces: AsyncIterable<Uint8Array>, block: number): AsyncGenerator<Float32Array> {
  const blockBytes = 4 * block;
  let rest = new Uint8Array(0);
  for await (const piece of pieces) {
    const joined = new Uint8Array(rest.length + piece.length);
    joined.set(rest);
    joined.set(piece, rest.length);
    const whole = joined.length - (joined.length % blockBytes);
    rest = joined.slice(whole);
    if (whole > 0) yield new Float32Array(joined.buffer, 0, whole / 4);
  }
}
