import { describe, expect, it } from 'vitest';
import { gradeAsset } from './grade.ts';

const photo = { visibleIou: 0.97, silhouettePx: 1, silhouetteShare: 0.004, colorError: 4 };

describe('gradeAsset', () => {
  it.each([
    ['good', { photo, viewsIou: 0.96, worstViewIou: 0.9, viewsPsnrDb: 30, inNoView: 0.01 }, 0],
    ['good', { viewsIou: 0.96 }, 0],
    ['fair', { photo: { ...photo, silhouetteShare: 0.02 }, viewsIou: 0.85 }, 2],
    ['bad', { photo: { ...photo, visibleIou: 0.5 }, viewsIou: 0.85 }, 2],
    ['bad', { photo: { ...photo, colorError: 90 } }, 1],
    ['bad', { viewsIou: Number.NaN }, 1],
    ['unchecked', {}, 0],
  ] as const)('%s for %j', (grade, evidence, reasons) => {
    const result = gradeAsset(evidence);
    expect(result.grade).toBe(grade);
    expect(result.reasons.length).toBe(reasons);
  });

  it('puts what makes it bad first', () => {
    expect(gradeAsset({ photo: { ...photo, silhouetteShare: 0.02, colorError: 80 } }).reasons[0]).toMatch(/colours differ .* by 80 of 255/);
  });
});
