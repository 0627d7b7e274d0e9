/** A tick for what is done, a circle for the rest; the row's state colours it. */
export function StageMark({ done }: { done: boolean }) {
  if (!done) return <i className="stage-mark" aria-hidden="true" />;
  return (
    <svg className="stage-tick" viewBox="0 0 16 16" width="16" height="16" fill="none" strokeWidth="2" aria-hidden="true">
      <circle cx="8" cy="8" r="8" fill="var(--accent)" />
      <path d="M4.6 8.3l2.4 2.3 4.4-4.9" stroke="var(--surface)" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
