/** What the panel says about a result, from its report.json. */
export interface Verdict {
  grade: 'good' | 'fair' | 'bad' | 'unchecked';
  /** One short sentence each, the worst first. */
  reasons: string[];
  surface: { sound: boolean; text: string };
  /** What a print was refused for; undefined where none was asked for or it was made. */
  notPrintable?: string;
}

export const GRADE_TEXT: Record<Verdict['grade'], string> = {
  good: 'Agrees with its pictures',
  fair: 'Agrees with its pictures in part',
  bad: 'Does not agree with its pictures',
  unchecked: 'No picture to check against',
};

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const sentences = (value: unknown): string[] => (typeof value === 'string' && value !== '' ? value.split('; ') : []);

/** Null for a report that says nothing of the kind, as older ones do. */
export function verdictOf(report: unknown): Verdict | null {
  if (!isRecord(report)) return null;
  const { grade, gradeReasons, sound, problems, printable, printProblems } = report;
  if (typeof grade !== 'string' || !Object.hasOwn(GRADE_TEXT, grade) || typeof sound !== 'boolean') return null;
  const defects = sentences(problems);
  return {
    grade: grade as Verdict['grade'],
    reasons: sentences(gradeReasons),
    surface: {
      sound,
      text: sound ? 'Closed, every edge joins two faces, nothing cuts through itself' : `Not a clean solid: ${defects.join(', ')}`,
    },
    ...(printable === false && { notPrintable: sentences(printProblems).join(', ') }),
  };
}
