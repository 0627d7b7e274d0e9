import { describe, expect, it } from 'vitest';
import { verdictOf } from './verdict.ts';

describe('verdictOf', () => {
  it('says what is good in plain words', () => {
    expect(verdictOf({ grade: 'good', gradeReasons: '', sound: true, problems: '' })).toEqual({
      grade: 'good',
      reasons: [],
      surface: { sound: true, text: 'Closed, every edge joins two faces, nothing cuts through itself' },
    });
  });

  it('says what is bad, the reasons apart, and why no print was made', () => {
    const verdict = verdictOf({
      grade: 'bad',
      gradeReasons: 'one view agrees by an IoU of only 0.31; no picture shows 70 % of its surface',
      sound: false,
      problems: '4 edges at the rims of holes; 12 pairs of triangles that cross or touch',
      printable: false,
      printProblems: '9 % of its surface missing after repair',
    });
    expect(verdict!.reasons).toHaveLength(2);
    expect(verdict!.surface.text).toBe('Not a clean solid: 4 edges at the rims of holes, 12 pairs of triangles that cross or touch');
    expect(verdict!.notPrintable).toContain('9 %');
  });

  it.each([[null], ['text'], [{}], [{ grade: 'superb', sound: true }], [{ grade: 'good' }]])('makes nothing up from %j', (report) => {
    expect(verdictOf(report)).toBeNull();
  });
});
