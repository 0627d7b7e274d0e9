import { createRng, type Rng } from '@gestalt3d/core';

/** Seeded choices. */
export interface Dice {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in [low, high). */
  range(low: number, high: number): number;
  /** Uniform integer in [low, high]. */
  int(low: number, high: number): number;
  pick<T>(list: readonly T[]): T;
  /** True with this probability. */
  chance(probability: number): boolean;
}

export function createDice(seed: number | Rng): Dice {
  const rng = typeof seed === 'number' ? createRng(seed) : seed;
  return {
    next: rng.uniform,
    range: (low, high) => low + (high - low) * rng.uniform(),
    int: (low, high) => low + rng.integer(high - low + 1),
    pick: (list) => list[rng.integer(list.length)]!,
    chance: (probability) => rng.uniform() < probability,
  };
}
