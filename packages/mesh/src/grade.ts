import type { PhotoAgreement } from './photo-check.ts';

/** `unchecked`: there was no picture to compare with. */
export type Grade = 'good' | 'fair' | 'bad' | 'unchecked';

/** What the pictures say to an asset; parts that are not there were not to be had. */
export interface Evidence {
  photo?: PhotoAgreement;
  /** Of the silhouettes in the 16 views: mean, and of the worst one. */
  viewsIou?: number;
  worstViewIou?: number;
  /** Mean over the views, dB. */
  viewsPsnrDb?: number;
  /** Share of the surface that no picture shows. */
  inNoView?: number;
}

/**
 * Below `good` a number costs the grade good, past `bad` it makes the result bad. A visible IoU of 0.75 or an outline 4 % of the object away is
 * wrong at a glance; colours 40 of 255 off are another object's. Views are generated, so they may disagree with each other somewhat.
 * A ring of views from above shows about 0.6 of any surface, never its underside.
 */
export const GRADE_LIMITS = {
  visibleIou: { good: 0.92, bad: 0.75 },
  silhouetteShare: { good: 0.015, bad: 0.04 },
  colorError: { good: 12, bad: 40 },
  viewsIou: { good: 0.9, bad: 0.7 },
  worstViewIou: { good: 0.75, bad: 0.4 },
  viewsPsnrDb: { good: 22, bad: 14 },
  inNoView: { good: 0.45, bad: 0.65 },
} as const;

const SAYS: Record<keyof typeof GRADE_LIMITS, (value: number) => string> = {
  visibleIou: (value) => `its outline agrees with the visible mask by an IoU of ${value.toFixed(2)}`,
  silhouetteShare: (value) => `its outline lies ${(value * 100).toFixed(1)} % of the object's size beside the photograph's`,
  colorError: (value) => `its colours differ from the photograph's by ${value.toFixed(0)} of 255`,
  viewsIou: (value) => `its outline agrees with the views by an IoU of ${value.toFixed(2)}`,
  worstViewIou: (value) => `one view agrees by an IoU of only ${value.toFixed(2)}`,
  viewsPsnrDb: (value) => `it shows the views' colours at ${value.toFixed(1)} dB`,
  inNoView: (value) => `no picture shows ${(value * 100).toFixed(0)} % of its surface`,
};

/** A grade and one short sentence for each number that is not good, the worst first. */
export function gradeAsset(evidence: Readonly<Evidence>): { grade: Grade; reasons: string[] } {
  const { photo, ...views } = evidence;
  const values: Partial<Record<keyof typeof GRADE_LIMITS, number>> = { ...photo, ...views };
  if (Object.values(values).every((value) => value === undefined)) return { grade: 'unchecked', reasons: [] };
  const bad: string[] = [];
  const fair: string[] = [];
  for (const name of Object.keys(GRADE_LIMITS) as (keyof typeof GRADE_LIMITS)[]) {
    const value = values[name];
    if (value === undefined) continue;
    const limits = GRADE_LIMITS[name];
    const sign = limits.good > limits.bad ? 1 : -1;
    if (!(value * sign >= limits.bad * sign)) bad.push(SAYS[name](value));
    else if (value * sign < limits.good * sign) fair.push(SAYS[name](value));
  }
  return { grade: bad.length > 0 ? 'bad' : fair.length > 0 ? 'fair' : 'good', reasons: [...bad, ...fair] };
}
