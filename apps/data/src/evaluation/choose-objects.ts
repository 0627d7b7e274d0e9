import { createRng } from '@gestalt3d/core';
import { type CatalogueEntry, unsuitable } from '../catalogue.ts';

/** How many objects the evaluation uses, and the seed of their draw. Changing either makes older reports incomparable. */
export const EVALUATION_DRAW = { count: 30, seed: 20 } as const;

/** Flat or shapeless by design: parts of windows and rails, picture frames; and the shower, whose two parts hang in the air. */
const NOT_A_BODY = /\b(curtains?|blind|railing|frame|shower)\b/i;

/** Why an entry of the evaluation's catalogue takes no part in the draw; undefined for those that do. */
export function excludedFromEvaluation(entry: CatalogueEntry): string | undefined {
  const reason = unsuitable(entry);
  if (reason) return reason;
  if (/light source/i.test(entry.name ?? '')) return 'light source';
  if (/\/texturable/i.test(entry.model!)) return 'primitive to be textured';
  if (NOT_A_BODY.test(entry.name ?? '')) return 'no body';
  return undefined;
}

/**
 * The design an entry is a version of: `Bed 140x190`, `Bed 90x190` and `Bed` are one, and so are two models of the same name.
 * Only the first of each takes part.
 */
export function designOf(entry: CatalogueEntry): string {
  return (entry.name ?? '')
    .toLowerCase()
    .replace(/\b\d+\s*x\s*\d+\b/g, '')
    .trim();
}

/** All candidates in the seeded order in which they are drawn. */
export function drawObjects(entries: readonly CatalogueEntry[], seed: number = EVALUATION_DRAW.seed): CatalogueEntry[] {
  const designs = new Map<string, CatalogueEntry>();
  for (const entry of entries) if (!excludedFromEvaluation(entry) && !designs.has(designOf(entry))) designs.set(designOf(entry), entry);
  const order = [...designs.values()];
  const rng = createRng(seed);
  // Fisher-Yates
  for (let i = 0; i < order.length; i++) {
    const j = i + rng.integer(order.length - i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
