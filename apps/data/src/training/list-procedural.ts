import { createHash } from 'node:crypto';
import { FAMILIES, type Family } from '../families.ts';
import type { ObjectEntry } from '../job.ts';
import { splitOf } from '../split.ts';

/** How often a family is drawn, in shares of the whole. Free compositions carry most of the variety. */
const WEIGHTS: Partial<Record<Family, number>> = { compound: 12, composition: 4 };

/** `count` objects, spread over the families by weight. The first `n` of a family are the same whatever the count. */
export function listProcedural(count: number): ObjectEntry[] {
  const weights = FAMILIES.map((family) => WEIGHTS[family] ?? 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return FAMILIES.flatMap((family, f) =>
    Array.from({ length: Math.round((count * weights[f]!) / total) }, (_, i): ObjectEntry => {
      const id = `procedural/${family}/${i}`;
      return {
        id,
        split: splitOf(id),
        name: family,
        licence: 'CC0-1.0',
        author: 'Gestalt3D',
        package: 'this repository',
        source: { kind: 'procedural', family, seed: createHash('sha256').update(id).digest().readUInt32BE(4) },
      };
    }),
  );
}
