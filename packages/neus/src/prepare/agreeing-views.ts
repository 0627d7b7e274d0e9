import type { Bounds } from '@gestalt3d/core';
import type { Work } from '../work.ts';
import { AGREEING, measureAgreement } from './agreement.ts';
import { findBounds } from './find-bounds.ts';
import type { HullRule, Silhouette } from './hull.ts';

/** A view is to blame when without it at most this share of what was unexplained stays so ... */
const BLAME = 0.7;
/** ... and by this much less than without any other one: of few views, each may explain what the others do not. */
const MARGIN = AGREEING / 2;
/** At most this share of the views is left out. */
const MOST_LEFT_OUT = 0.25;

export interface AgreeingViews {
  bounds: Bounds;
  rule: HullRule;
  /** Indices of the views that contradict the others. */
  leftOut: number[];
  /** Share of the silhouettes' pixels that stays unexplained with the views that are left. */
  unexplained: number;
}

/**
 * Bounds of the object, and the views whose silhouettes contradict those of all others: one wrong camera costs the whole surface.
 * Views are left out, the worst first, only if the rest then agrees; otherwise nobody can say who is wrong, and all stay.
 * @throws NoSurfaceError
 */
export function* agreeingViews(silhouettes: readonly Silhouette[]): Work<AgreeingViews> {
  const kept = silhouettes.map((_, index) => index);
  const leftOut: number[] = [];
  let all: AgreeingViews | undefined;
  for (;;) {
    const some = kept.map((index) => silhouettes[index]);
    const { bounds, rule } = yield* findBounds(some);
    const agreement = yield* measureAgreement(some, bounds.min, bounds.max[0] - bounds.min[0], rule.minSeen);
    const { unexplained, without } = agreement;
    const result = { bounds, rule, leftOut: [...leftOut].sort((a, b) => a - b), unexplained };
    all ??= result;
    if (unexplained <= AGREEING) return result;
    const [best, second] = [...without].sort((a, b) => a - b);
    const worst = without.indexOf(best);
    const mayGo = kept.length > 3 && leftOut.length + 1 <= MOST_LEFT_OUT * silhouettes.length;
    if (!mayGo || best > BLAME * unexplained || second - best < MARGIN) return all;
    leftOut.push(kept[worst]);
    kept.splice(worst, 1);
  }
}
