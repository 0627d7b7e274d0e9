/** A circle whose hidden quarter is completed. */
export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" width="26" height="26" fill="none" strokeWidth="3" aria-hidden="true">
      <path d="M16 27A11 11 0 1 1 27 16" stroke="var(--accent)" strokeLinecap="round" />
      <path d="M27 16A11 11 0 0 1 16 27" stroke="var(--hidden)" strokeDasharray="3 3.6" />
    </svg>
  );
}
