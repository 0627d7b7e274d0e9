import { GRADE_TEXT, type Verdict } from '../lib/verdict.ts';

/** What the result's own check says, good or bad, and whether its surface is sound. */
export function VerdictPanel({ verdict }: { verdict: Verdict }) {
  const { grade, reasons, surface, notPrintable } = verdict;
  return (
    <section className="panel-section verdict" data-testid="verdict" data-grade={grade}>
      <h3>Self-check</h3>
      <p className={`verdict-line verdict-${grade}`}>{GRADE_TEXT[grade]}</p>
      {reasons.length > 0 && (
        <ul>
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      <h3>Surface</h3>
      <p className={`verdict-line verdict-${surface.sound ? 'good' : 'fair'}`} data-testid="soundness">
        {surface.text}
      </p>
      {notPrintable !== undefined && <p className="verdict-line verdict-bad">Not printable: {notPrintable}</p>}
    </section>
  );
}
